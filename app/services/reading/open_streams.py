"""The text so far of messages that still grow.

Postgres has a text that is some seconds old; Redis has all of it. A view is shown with the text that Redis has *after*
the session of its reader began to hold events back, so that every append is in the text or follows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from redis import Redis

from app.core.errors import Overloaded
from app.core.message_view import View
from app.message_log import keys
from app.message_log.epoch import read_epoch
from app.redis_calls import redis_errors_as_overloaded


def show_open_streams(redis: Redis, views: Iterable[View]) -> None:
    """Sets ``message`` and ``length`` of those messages that are open streams; without any, Redis is not called."""
    growing = [view for view in views if "streaming" in view]
    if not growing:
        return
    try:
        with redis_errors_as_overloaded():
            texts = _texts(redis, [(view["conversationId"], view["seq"]) for view in growing])
    except Overloaded:
        texts = [""] * len(growing)  # the text that Postgres has is true as well
    for view, text in zip(growing, texts, strict=True):
        if len(text) > len(view["message"]):
            view["message"] = text
        view["length"] = len(view["message"])


def without_stream(view: View) -> View:
    """Returns the message without its text, as one that does not grow."""
    return {name: value for name, value in view.items() if name not in ("streaming", "length")} | {"message": ""}


def _texts(redis: Redis, places: list[tuple[int, int]]) -> list[str]:
    epoch = read_epoch(redis)
    pipe = redis.pipeline(transaction=False)
    for place in places:
        pipe.hget(keys.stream(*place), "e")
        pipe.get(keys.stream_text(*place))
    found: list[Any] = pipe.execute()
    return [
        text.decode() if text and epoch is not None and int(of or 0) == epoch.number else ""
        for of, text in zip(found[::2], found[1::2], strict=True)
    ]
