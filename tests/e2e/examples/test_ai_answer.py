"""`make ai-answer`: the answer of a stand-in for a language model streams into the chat and can be stopped."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.e2e.examples.conftest import StartExample, write

LAST_WORDS = "you get the text so far."


def test_answer_streams_and_outlives_a_reload(start_example: StartExample, new_page: Callable[[str], Page]) -> None:
    page = new_page(start_example("ai-answer"))
    answers = page.locator("parley-chat .message.theirs .text")
    write(page, "What is tea?")
    expect(answers).to_contain_text("Question 1: “What is tea?” I am only")
    assert LAST_WORDS not in answers.inner_text(), "the first words come before the last"
    page.reload()
    expect(answers).to_contain_text("Question 1: “What is tea?” I am only")
    expect(answers).to_contain_text(LAST_WORDS)
    expect(answers.locator("strong")).to_have_text("how an answer streams")
    write(page, "And coffee?")
    expect(answers.last).to_contain_text("Question 2: “And coffee?”")  # the model gets the conversation so far
    page.get_by_role("button", name="Stop writing").click()
    expect(page.get_by_role("button", name="Stop writing")).to_have_count(0)
    write(page, "And cocoa?")
    expect(answers.last).to_contain_text("Question 3: “And cocoa?”")
    assert LAST_WORDS not in answers.nth(1).inner_text()
