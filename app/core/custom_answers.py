"""The types of answers and events about events of applications."""

from __future__ import annotations

from typing import Any

from app.core.answer_base import Answer
from app.core.commands import EventType, Id


class EventAck(Answer, frozen=True, kw_only=True):
    """The event was published. It is possible that no other member was online to get it."""


class CustomEvent(Answer, frozen=True, kw_only=True):
    """An event of your application, from another member. It is not stored; the server does not read ``data``."""

    conversation_id: Id
    user_id: Id
    type: EventType
    data: Any
