"""An in-memory twin of the queue of push notifications. It passes tests/twins/push_queue_contract.py.

It also has the facts about messages, which tests set themselves: ``newest`` maps a conversation to its newest message.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest

from app.store.push_deliveries import SEND_LEASE_SECONDS, Delivery, Ended, Postponed
from app.store.push_facts import PushFacts

NAMES = ("claim", "end", "postpone")


@dataclass(frozen=True)
class Row:
    id: int
    target_id: int
    user_id: int
    conversation_id: int
    seq: int
    provider: str
    host: str
    address: str
    due_at: float
    kind: str = "message"
    state: str = "pending"
    reason: str = ""
    attempts: int = 0


class MemoryPushQueue:
    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.targets: set[int] = set()
        self.shown: dict[tuple[int, int], int] = {}  # target, conversation
        self.shown_edits: dict[tuple[int, int], int] = {}
        self.newest: dict[int, int] = {}
        self.edits: dict[int, int] = {}  # when the newest message of a conversation was edited
        self.ended_at_once: list[int] = []
        self.noted: list[int] = []  # the notifications whose outcomes went to the feed for hosts
        self._skipped = 0.0
        self._lock = threading.Lock()

    def replace(self, monkeypatch: pytest.MonkeyPatch) -> None:
        module = import_module("app.services.push.send_push")
        for name in NAMES:
            monkeypatch.setattr(module.store, name, getattr(self, name))
        for name in ("load_facts", "load_unread", "note_failed"):
            monkeypatch.setattr(module, name, getattr(self, name))

    def now(self) -> float:
        return time.monotonic() + self._skipped

    def skip(self, seconds: float) -> None:
        """Lets time pass."""
        self._skipped += seconds

    def add(self, provider: str, user: int, conversation: int, seq: int, host: str = "host") -> int:
        """Queues a notification for a new device of the user. Returns its id, which is also that of the device."""
        id_ = len(self.rows) + 1
        self.rows[id_] = Row(id_, id_, user, conversation, seq, provider, host, f"address {id_}", self.now())
        self.targets.add(id_)
        self.newest[conversation] = max(seq, self.newest.get(conversation, 0))
        return id_

    def raise_seq(self, id_: int, seq: int) -> None:
        """A newer message arrived."""
        self.rows[id_] = replace(self.rows[id_], seq=seq)
        self.newest[self.rows[id_].conversation_id] = seq

    def correct(self, id_: int) -> None:
        """The message that the device shows was edited or deleted."""
        self.rows[id_] = replace(self.rows[id_], kind="update", state="pending", due_at=self.now())

    def states(self) -> dict[int, tuple[str, str]]:
        return {row.id: (row.state, row.reason) for row in self.rows.values()}

    # --- the store's functions

    def claim(self, _conn: Any, provider: str, limit: int, without: Sequence[str] = ()) -> list[Delivery]:
        with self._lock:
            due = [
                row
                for row in self.rows.values()
                if row.state == "pending" and row.provider == provider and row.due_at <= self.now()
            ]
            due = sorted((row for row in due if row.host not in without), key=lambda row: (row.due_at, row.user_id))
            return [self._claim(row) for row in due[:limit]]

    def _claim(self, row: Row) -> Delivery:
        until = self.now() + SEND_LEASE_SECONDS
        self.rows[row.id] = row = replace(row, due_at=until, attempts=row.attempts + 1)
        exists = row.target_id in self.targets
        return Delivery(
            row.id, row.target_id, row.user_id, row.conversation_id, row.seq, row.kind, row.attempts,
            datetime.fromtimestamp(until, UTC), row.host, "android" if exists else None,
            row.address if exists else "", None, None, self.shown.get((row.target_id, row.conversation_id), 0),
            self.shown_edits.get((row.target_id, row.conversation_id), 0),
        )  # fmt: skip

    def end(self, _conn: Any, ended: Sequence[Ended], *, spacing_seconds: float) -> None:
        with self._lock:
            self.ended_at_once.append(len(ended))
            for one in ended:
                self._end(one, spacing_seconds)

    def _end(self, one: Ended, spacing_seconds: float) -> None:
        row = self.rows[one.delivery.id]
        if row.state == "pending":
            if row.seq <= max(one.shown, one.delivery.seq) and row.kind == one.delivery.kind:
                row = replace(row, state=one.state, reason=one.reason)
            else:
                row = replace(row, attempts=0, due_at=self.now() + spacing_seconds)
            self.rows[row.id] = row
        if one.state == "sent" and row.target_id in self.targets:
            place = row.target_id, row.conversation_id
            self.shown[place] = 0 if one.delivery.kind == "clear" else one.shown
            self.shown_edits[place] = one.edited_ms
        if one.state == "gone":
            self.targets.discard(row.target_id)

    def postpone(self, _conn: Any, late: Sequence[Postponed]) -> None:
        with self._lock:
            for one in late:
                row = self.rows[one.delivery.id]
                if row.state == "pending":
                    self.rows[row.id] = replace(row, due_at=self.now() + one.seconds, reason=one.reason)

    def note_failed(self, _conn: Any, ended: Sequence[Ended]) -> None:
        with self._lock:
            self.noted += [one.delivery.id for one in ended]

    def load_facts(self, _conn: Any, wanted: Sequence[tuple[int, int]]) -> dict[tuple[int, int], PushFacts]:
        return {(user, c): facts(user, c, self.newest[c], self.edits.get(c)) for user, c in wanted if c in self.newest}

    def load_unread(self, _conn: Any, users: Sequence[int]) -> Mapping[int, dict[int, int]]:
        return {user: {c: 1 for c, seq in self.newest.items() if seq} for user in users}


def facts(user: int, conversation: int, newest: int, edited_ms: int | None = None) -> PushFacts:
    """``newest`` 0 means that everything was read."""
    now_ms = int(time.time() * 1000)
    return PushFacts(
        user_id=user,
        conversation_id=conversation,
        delivered=0,
        waiting_since_ms=now_ms,
        preview="full",
        while_active=False,
        quiet_from=None,
        quiet_to=None,
        time_zone=None,
        group=None,
        newest=newest,
        message_id=f"id-{newest}",
        sender_id=99,
        sender="Ann",
        text=f"text {newest}",
        mentioned=False,
        attachments=None,
        sent_ms=now_ms,
        edited_ms=edited_ms,
        named=0,
    )
