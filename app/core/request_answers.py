"""Requests to add a user to a group, or to write to them."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from app.core.accounts import UserView
from app.core.answer_base import Answer, Time
from app.core.commands import Id


class GroupRequest(Answer, frozen=True, kw_only=True):
    """``sender`` wants to add you to a group, or (``direct``) has written to you."""

    conversation_id: Id
    kind: Literal["group", "direct"]
    name: str
    member_count: int
    sender: UserView
    created_at: Time


class RequestList(Answer, frozen=True, kw_only=True):
    """Newest first."""

    requests: list[GroupRequest]


class RequestNow(Answer, frozen=True, kw_only=True):
    """A request: while ``waiting`` is true, with the fields of ``GroupRequest``. If it is false, the request was
    answered, or its sender is blocked, and only ``conversationId`` is present.
    """

    conversation_id: Id
    waiting: bool
    kind: Literal["group", "direct"] | UnsetType = UNSET
    name: str | UnsetType = UNSET
    member_count: int | UnsetType = UNSET
    sender: UserView | UnsetType = UNSET
    created_at: Time | UnsetType = UNSET
