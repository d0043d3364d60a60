"""Requests and answers about reported messages. These types validate, and OpenAPI is generated from them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.core.answer_base import Answer, Time
from app.core.commands import Id, Seq, Uuid

Reason = Literal["spam", "harassment", "hate", "violence", "sexual", "illegal", "other"]
State = Literal["open", "reviewing", "resolved", "dismissed"]
MAX_REPORT_NOTE = 1000  # characters

Words = Annotated[str, Meta(max_length=MAX_REPORT_NOTE)]

# A report is reviewed, then decided once.
NEXT_STATES: dict[str, tuple[str, ...]] = {
    "open": ("reviewing", "resolved", "dismissed"),
    "reviewing": ("resolved", "dismissed"),
    "resolved": (),
    "dismissed": (),
}


class ReportMessage(Struct, frozen=True):
    reason: Reason
    note: Words | None = None


class ReportPatch(Struct, frozen=True):
    state: State
    resolution: Words | None = None


class ReportTaken(Answer, frozen=True, kw_only=True):
    """Reporting a message again returns the same report, with the first reason."""

    id: Id
    message_id: Uuid
    conversation_id: Id
    reason: Reason
    created_at: Time


class Report(ReportTaken, frozen=True, kw_only=True):
    """``message`` is the text at the time of the report, even if it was edited or deleted since. It is empty once the
    report is decided and its author's account is erased.
    """

    reporter_id: Id
    reported_id: Id
    seq: Seq
    message: str
    state: State
    note: str | UnsetType = UNSET
    handled_by: Id | UnsetType = UNSET
    handled_at: Time | UnsetType = UNSET
    resolution: str | UnsetType = UNSET


class ReportList(Answer, frozen=True, kw_only=True):
    """Oldest first. ``cursor`` is set if there are more."""

    reports: list[Report]
    cursor: str | UnsetType = UNSET
