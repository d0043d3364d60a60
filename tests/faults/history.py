"""Compares the clients' records with Postgres: the invariants that no fault may break.

I1 acked means stored, of messages, edits, reactions and marks · I2 one row per (conversation, id) · I3 seq is 1, 2, 3…
in the same order everywhere, a client gets nothing late, and a seq stays one message · I4 after the last resume every
client has exactly the stored messages, texts, reactions and marks · I5 only members receive, and nothing after they
left · I6 the sender is the user who sent it. (I7, bounded memory and queues, is measured on the processes: cluster.py.)

Pure: it takes records and returns sentences, so that tests can show which violations it catches.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.screen import Screen, screen_violations
from tests.faults.stored import EDITED, Row, Stored
from tests.faults.written import Written, written_violations

# Former members must not get these. Their messages are judged by seq: the message about the leaving comes last.
CHANGES = ("updated", "appended", "reaction", "mark")
CHANGING = ("updated", "appended", "reaction", "edit_acked", "reaction_acked")


@dataclass(slots=True)
class History:
    """One client's record, replayed. ``view`` holds its messages: id → (conversation, seq)."""

    user_id: int
    sent: dict[str, str] = field(default_factory=dict)
    acks: list[tuple[str, int, int]] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)
    view: dict[str, tuple[int, int]] = field(default_factory=dict)
    disorder: list[str] = field(default_factory=list)
    late: list[tuple[str, str]] = field(default_factory=list)  # message id and sentence
    changed: set[str] = field(default_factory=set)
    leaks: list[str] = field(default_factory=list)
    screen: Screen = field(default_factory=Screen)
    resynced: bool = False
    written: Written = field(default_factory=Written)
    _disputed: list[str] = field(default_factory=list)
    _newest: dict[int, int] = field(default_factory=dict)
    _at: dict[tuple[int, int], str] = field(default_factory=dict)
    _last: dict[int, int] = field(default_factory=dict)
    _connection_ids: set[str] = field(default_factory=set)

    def add(self, record: dict[str, Any]) -> None:
        conversation = record.get("conversationId")
        if conversation in self.screen.left and record["what"] in CHANGES:
            self.leaks.append(f"user {self.user_id} got {record['what']} of {conversation} after leaving it")
        if record["what"] in CHANGING:
            self.changed.add(record["id"])
        if not self.written.add(record):
            getattr(self, f"_{record['what']}", self.screen.add)(record)

    def _shown(self, record: dict[str, Any]) -> None:
        """Notes that the client shows a message. A seq must stay one message until a resync reports that the history
        was lost. An answer over REST comes beside the stream of events, so the resync may come later.
        """
        where = (record["conversationId"], record["seq"])
        shown = self._at.setdefault(where, record["id"])
        if shown != record["id"]:
            found = self._disputed if record.get("overRest") else self.disorder
            found.append(f"user {self.user_id}: {where} was {shown} and is {record['id']}")
        self.view[record["id"]] = where

    @property
    def changed_seqs(self) -> list[str]:
        """Sentences about seqs that became another message without a resync."""
        return self.disorder + self._disputed

    def _sent(self, record: dict[str, Any]) -> None:
        self.sent.setdefault(record["id"], record["body"])

    def _acked(self, record: dict[str, Any]) -> None:
        self.acks.append((record["id"], record["conversationId"], record["seq"]))
        self._shown(record)

    def _received(self, record: dict[str, Any]) -> None:
        where = (record["conversationId"], record["seq"])
        if record["seq"] <= self._last.get(where[0], 0):
            after = self._last[where[0]]
            self.late.append((record["id"], f"user {self.user_id}: seq {where[1]} arrived after {after} in {where[0]}"))
        elif record["id"] not in self.view and record["seq"] < self._newest.get(where[0], 0):
            self.late.append((record["id"], f"user {self.user_id}: seq {where[1]} of {where[0]} was missing before"))
        if record["id"] in self._connection_ids:
            self.disorder.append(f"user {self.user_id}: {record['id']} arrived twice in one connection")
        self._last[where[0]] = max(record["seq"], self._last.get(where[0], 0))
        self._newest[where[0]] = max(record["seq"], self._newest.get(where[0], 0))
        self._connection_ids.add(record["id"])
        self.received.append(record)
        self._shown(record)
        self.screen.add(record)

    def _fetched(self, record: dict[str, Any]) -> None:
        self.received.append(record)
        self._shown(record)
        self.screen.add(record)

    def _connected(self, _record: dict[str, Any]) -> None:
        self._last.clear()
        self._connection_ids.clear()

    def _resync(self, _record: dict[str, Any]) -> None:
        """The replay was shortened, so the client fetches other users' messages again."""
        own = self.sent.keys()
        self.view = {id_: where for id_, where in self.view.items() if id_ in own}
        self.resynced = True
        self.screen.forget()
        for seen in (self._disputed, self._last, self._newest, self._at, self._connection_ids):
            seen.clear()


def read_histories(path: Path) -> dict[int, History]:
    """Reads the clients' file, which has one JSON record per line."""
    histories: dict[int, History] = {}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            histories.setdefault(record["user"], History(record["user"])).add(record)
    return histories


def violations(histories: Iterable[History], stored: Stored) -> list[str]:
    """Returns one sentence per broken invariant, starting with its number; empty if all hold."""
    seen = list(histories)
    index = {(row.conversation_id, row.id): row for row in stored.rows}
    found: list[str] = []
    found += _one_row_per_id(stored)
    found += _gapless(stored)
    # On resume, a changed message comes at the position of its last change. The end of its media's processing is one.
    changed = set().union(*(history.changed for history in seen)) | set(stored.reactions) | set(stored.files)
    changed |= {row.id for row in stored.rows if row.body.endswith(EDITED)}
    for history in seen:
        found += _acked_is_stored(history, index)
        found += [f"I3 {sentence}" for sentence in history.changed_seqs]
        found += [f"I3 {sentence}" for id_, sentence in history.late if id_ not in changed]
        found += [f"I5 {sentence}" for sentence in history.leaks]
        found += screen_violations(history.user_id, history.screen, history.view, stored)
        found += _same_as_stored(history, stored)
        found += _members_only(history, stored)
        found += written_violations(history.user_id, history.written, stored)
    found += _senders(seen, stored)
    return found


def _acked_is_stored(history: History, index: dict[tuple[int, str], Row]) -> Iterator[str]:
    first: dict[str, tuple[int, int]] = {}
    for id_, conversation_id, seq in history.acks:
        if first.setdefault(id_, (conversation_id, seq)) != (conversation_id, seq):
            yield f"I2 user {history.user_id}: {id_} acked as {first[id_]} and as {(conversation_id, seq)}"
        row = index.get((conversation_id, id_))
        if row is None:
            yield f"I1 user {history.user_id}: {id_} was acked as {(conversation_id, seq)} but is not stored"
        elif (row.seq, row.sender_id) != (seq, history.user_id):
            yield f"I1 user {history.user_id}: {id_} was acked as seq {seq}, stored as {row}"


def _one_row_per_id(stored: Stored) -> Iterator[str]:
    for key, count in Counter((row.conversation_id, row.id) for row in stored.rows).items():
        if count > 1:
            yield f"I2 {count} rows for {key}"


def _gapless(stored: Stored) -> Iterator[str]:
    seqs: dict[int, list[int]] = defaultdict(list)
    for row in stored.rows:
        seqs[row.conversation_id].append(row.seq)
    for conversation_id, found in seqs.items():
        if sorted(found) != list(range(1, len(found) + 1)):
            missing = sorted(set(range(1, max(found) + 1)) - set(found))
            yield f"I3 conversation {conversation_id}: {len(found)} rows, missing {missing[:10]}"


def _same_as_stored(history: History, stored: Stored) -> Iterator[str]:
    rows = [row for row in stored.rows if row.seq <= stored.last_visible(row.conversation_id, history.user_id)]
    expected = {row.id: (row.conversation_id, row.seq) for row in rows}
    excused = {row.id for row in rows if row.kind == "system"}  # from before the clients joined
    if history.resynced:  # only unread messages are fetched then, and a former member has none
        excused |= {id_ for id_, (c, _) in expected.items() if history.user_id not in stored.members.get(c, ())}
    for id_ in expected.keys() - history.view.keys() - excused:
        yield f"I4 user {history.user_id} never got {id_} {expected[id_]}"
    for id_, where in history.view.items():
        if id_ not in expected:
            yield f"I4 user {history.user_id} has {id_} {where}, which is not stored"
        elif expected[id_] != where:
            yield f"I4 user {history.user_id} has {id_} as {where}, stored as {expected[id_]}"


def _members_only(history: History, stored: Stored) -> Iterator[str]:
    for record in history.received:
        if record["seq"] > stored.last_visible(record["conversationId"], history.user_id):
            yield f"I5 user {history.user_id} received {record['id']} of {record['conversationId']}"


def _senders(histories: list[History], stored: Stored) -> Iterator[str]:
    author = {id_: (history.user_id, body) for history in histories for id_, body in history.sent.items()}
    streams = {id_ for history in histories for id_ in history.written.texts}
    for row in stored.rows:
        if row.kind == "system":
            continue  # a system message
        if row.id not in author:
            yield f"I6 {row.id} is stored but nobody sent it"
        elif row.id in streams:
            continue  # written.py judges their texts
        elif author[row.id] != (row.sender_id, row.body.removesuffix(EDITED)):
            yield f"I6 {row.id}: sent by {author[row.id]}, stored as {(row.sender_id, row.body)}"
    for history in histories:
        for record in history.received:
            if record["id"] in author and author[record["id"]][0] != record["senderId"]:
                yield f"I6 user {history.user_id} saw {record['id']} from {record['senderId']}"
