"""`make ai-answer`: the answer of a language model streams into the chat and can be stopped."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from examples.ai_answer import model as stand_in
from tests.e2e.examples.conftest import StartExample, write
from tests.e2e.examples.model import running_model


def test_answer_streams_outlives_a_reload_and_can_be_stopped(
    start_example: StartExample, new_page: Callable[[str], Page]
) -> None:
    with running_model() as model:
        page = new_page(start_example("ai-answer", MODEL_URL=model.url))
        answers = page.locator("parley-chat .message.theirs .text")
        write(page, "What is tea?")
        tea = model.question()
        assert tea.messages == [{"role": "user", "content": "What is tea?"}]
        tea.say("Leaves ")
        expect(answers).to_contain_text("Leaves")
        page.reload()
        expect(answers).to_contain_text("Leaves")
        tea.say("in **hot water**")
        tea.end()
        expect(answers.locator("strong")).to_have_text("hot water")
        write(page, "And coffee?")
        coffee = model.question()
        assert [said["content"] for said in coffee.messages] == [
            "What is tea?",
            "Leaves in **hot water**",
            "And coffee?",
        ]
        coffee.say("Beans")
        expect(answers.last).to_contain_text("Beans")
        page.get_by_role("button", name="Stop writing").click()
        expect(page.get_by_role("button", name="Stop writing")).to_have_count(0)
        coffee.say(" and more")
        coffee.end()
        write(page, "And cocoa?")
        cocoa = model.question()
        cocoa.say("Milk")
        cocoa.end()
        expect(answers.last).to_contain_text("Milk")
        assert answers.nth(1).inner_text() == "Beans"


def test_stand_in_for_a_model_streams_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand_in, "SECONDS_PER_WORD", 0)
    app = Flask(__name__)
    app.register_blueprint(stand_in.blueprint)
    talk = [
        {"role": "user", "content": "tea"},
        {"role": "assistant", "content": "…"},
        {"role": "user", "content": "milk"},
    ]
    lines = app.test_client().post("/v1/chat/completions", json={"messages": talk}).text.split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    pieces = [json.loads(line.removeprefix("data: "))["choices"][0]["delta"]["content"] for line in lines[:-2]]
    assert "".join(pieces).startswith("Question 2: “milk” I am only a stand-in")
    assert len(pieces) > 20
