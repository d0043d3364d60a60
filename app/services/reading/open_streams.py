"""The text so far of messages that still grow. Postgres has a text that is some seconds old; Redis has the newest one.
A view gets the text that Redis has *after* the reader's session began to hold events back. So every append is in the
text or follows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from app.core.errors import Overloaded
from app.core.message_view import View
from app.message_log.epoch import read_epoch
from app.message_log.shards import Shard, Shards
from app.redis_calls import redis_errors_as_overloaded

Place = tuple[int, int]


def show_open_streams(shards: Shards, views: Iterable[View]) -> None:
    """Sets ``message`` and ``length`` of the messages that are open streams. If there are none, Redis is not called."""
    growing = [view for view in views if "streaming" in view]
    if not growing:
        return
    texts: dict[Place, str] = {}
    for shard, conversations in shards.parts({view["conversationId"] for view in growing}):
        with suppress(Overloaded), redis_errors_as_overloaded():  # Postgres' text is correct as well, only older
            texts |= _texts(shard, [place for place in map(_place, growing) if place[0] in conversations])
    for view in growing:
        text = texts.get(_place(view), "")
        if len(text) > len(view["message"]):
            view["message"] = text
        view["length"] = len(view["message"])


def without_stream(view: View) -> View:
    """Returns the message without its text, as a message that does not grow."""
    return {name: value for name, value in view.items() if name not in ("streaming", "length")} | {"message": ""}


def _place(view: View) -> Place:
    return view["conversationId"], view["seq"]


def _texts(shard: Shard, places: list[Place]) -> dict[Place, str]:
    epoch = read_epoch(shard)
    pipe = shard.redis.pipeline(transaction=False)
    for place in places:
        pipe.hget(shard.keys.stream(*place), "e")
        pipe.get(shard.keys.stream_text(*place))
    found: list[Any] = pipe.execute()
    return {
        place: text.decode()
        for place, of, text in zip(places, found[::2], found[1::2], strict=True)
        if text and epoch is not None and int(of or 0) == epoch.number
    }
