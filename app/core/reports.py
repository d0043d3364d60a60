"""What is said of reported messages: these types validate, and OpenAPI is made from them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.core.answers import Answer, Time
from app.core.commands import Id, Seq, Uuid

Reason = Literal["spam", "harassment", "hate", "violence", "sexual", "illegal", "other"]
State = Literal["open", "reviewing", "resolved", "dismissed"]
MAX_REPORT_NOTE = 1000  # characters

Words = Annotated[str, Meta(max_length=MAX_REPORT_NOTE)]

# A report is looked at, then decided, once.
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
    """Reported again, the same message gives the same report, with the reason of the first time."""

    id: Id
    message_id: Uuid
    conversation_id: Id
    reason: Reason
    created_at: Time


class Report(ReportTaken, frozen=True, kw_only=True):
    """``message`` is the text as it was when it was reported, whatever became of it since; empty once the report is
    decided and its author's account erased."""

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
    """The oldest first. ``cursor`` stands where there is more."""

    reports: list[Report]
    cursor: str | UnsetType = UNSET
