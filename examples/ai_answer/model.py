"""A stand-in for a language model, which needs no network. It has the interface of OpenAI's chat completions."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from flask import Blueprint, Response, request

SECONDS_PER_WORD = 0.08
MIDDLE = (
    "I am only a stand-in for a language model, so I know nothing about it. But you see **how an answer streams**: each"
    " word reaches you as soon as I have it, you may stop me, and if you reload the page you get the text so far."
)

blueprint = Blueprint("model", __name__)


@blueprint.post("/v1/chat/completions")
def complete() -> Response:
    messages = request.get_json()["messages"]
    questions = sum(message["role"] == "user" for message in messages)
    text = f"Question {questions}: “{messages[-1]['content']}” {MIDDLE}"
    return Response(_pieces(text), mimetype="text/event-stream")


def _pieces(text: str) -> Iterator[str]:
    for word in text.split(" "):
        time.sleep(SECONDS_PER_WORD)
        yield f"data: {json.dumps({'choices': [{'delta': {'content': f'{word} '}}]})}\n\n"
    yield "data: [DONE]\n\n"
