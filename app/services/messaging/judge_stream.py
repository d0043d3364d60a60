"""Calls the hook before sending with the whole text of a stream, when it ends.

At its beginning, the hook saw a message without text. Members who are online have read the text as it grew. The
decision here is about the text that is stored, that others read later, and that devices show in notifications.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec import UNSET, UnsetType

from app.core.before_send import Asked
from app.core.errors import ParleyError
from app.core.message_view import View
from app.core.records import HOST
from app.message_log.shards import Shards
from app.redis_calls import redis_errors_as_overloaded
from app.services.messaging.before_send import BeforeSend


class JudgedEnd(NamedTuple):
    """If ``text`` is None, the text stays. If ``refused``, the message must be deleted, and ``text`` has no meaning."""

    text: str | None
    metadata: dict[str, Any] | UnsetType | None = UNSET
    refused: ParleyError | None = None


class StreamJudge:
    """``hook`` is None if there is none; then everything is allowed, without a call."""

    def __init__(self, hook: BeforeSend | None, shards: Shards) -> None:
        self._hook = hook
        self._shards = shards

    def judge(self, view: View, text: str | None) -> JudgedEnd:
        """Returns the hook's decision about a message that ends with this text or, if it is None, with its present
        text. May block. Raises Rejected if the hook does not answer and BEFORE_SEND_FAILURE is ``reject``: the stream
        can end later. Raises Overloaded.
        """
        if self._hook is None or self._is_from_host(view):
            return JudgedEnd(text)
        message = view["message"] if text is None else text
        if not message:
            return JudgedEnd(text)  # the hook has allowed the message without a text
        asked = Asked.about(view, view["senderId"] or HOST, message, view.get("metadata"), end=True)
        [verdict] = self._hook.decide([asked])
        if verdict.error is not None:
            if verdict.unavailable:
                raise verdict.error
            return JudgedEnd(text, refused=verdict.error)
        rewritten = verdict.message
        return JudgedEnd(rewritten if isinstance(rewritten, str) else text, verdict.metadata)

    def _is_from_host(self, view: View) -> bool:
        """Returns whether the host's server began the stream. If Redis lost that, the hook is called."""
        shard = self._shards.of(view["conversationId"])
        with redis_errors_as_overloaded():
            return shard.redis.hget(shard.keys.stream(view["conversationId"], view["seq"]), "g") is not None
