"""Random histories of conversations, stored as a drain stores the log."""

from __future__ import annotations

import uuid
from functools import partial
from random import Random

from msgspec import UNSET
from sqlalchemy import Engine

from app.core.kinds import Kind
from app.core.records import (
    ClearBody,
    DraftBody,
    MessageBody,
    ReactedBody,
    Record,
    SettingsBody,
    SwitchBody,
    encode_body,
)
from app.services.drain.log_rows import Rows
from app.store.batch_changes import apply_changes
from app.store.batch_writes import store_batch_and_enqueue_pushes
from app.store.engine import autocommit
from app.store.open_direct import get_or_create_direct
from tests.factories.store import add_direct, add_group, add_users

BEGIN_US = 1_900_000_000_000_000
# From moments to hours, so that most changes are noted with earlier ones and some by themselves.
PAUSES_US = (1, 1_000, 1_000_000, 60_000_000, 290_000_000, 310_000_000, 3_600_000_000)


class History:
    """Some users in direct conversations, small groups, and a group that is about to become large."""

    def __init__(self, engine: Engine, seed: int, *, crowd: int = 96) -> None:
        self.engine = engine
        self.random = Random(seed)
        self.version = BEGIN_US + seed * 10**12
        self.versions = [0]
        self.users = add_users(engine, 6)
        self.crowd = add_users(engine, crowd)
        one, *others = self.users
        self.directs = [add_direct(engine, one, other) for other in others[:3]]
        self.groups = [add_group(engine, self.users[:n]) for n in (3, 5)]
        self.large = add_group(engine, [*self.users[:4], *self.crowd])
        self.members = {c: {one, other} for c, other in zip(self.directs, others[:3], strict=True)}
        self.members |= {group: set(self.users[:n]) for group, n in zip(self.groups, (3, 5), strict=True)}
        self.members[self.large] = {*self.users[:4], *self.crowd}
        self.seqs = dict.fromkeys(self.members, 0)
        self._waiting: list[Record] = []

    def run(self, acts: int) -> None:
        """Adds this many records, and stores them in batches of random sizes."""
        for _ in range(acts):
            self.version += self.random.choice(PAUSES_US)
            self._waiting.append(self._act())
            self.versions.append(self.version)
            if self.random.random() < 0.6:
                self.store()
        self.store()

    def store(self) -> None:
        rows = Rows()
        for record in self._waiting:
            rows.add(record)
        apply = partial(apply_changes, rows.changes) if rows.changes else None
        store_batch_and_enqueue_pushes(self.engine, 1, rows.messages, rows.receipts, apply=apply)
        self._waiting = []

    def open_held(self, other: int) -> tuple[int, int]:
        """Opens a direct conversation that is held back from ``other``. Returns it, and the user who opened it."""
        [stranger] = add_users(self.engine, 1)
        with autocommit(self.engine) as conn:
            conn.exec_driver_sql("UPDATE users SET may_write = 'nobody' WHERE id = %s", (other,))
            opened = get_or_create_direct(conn, stranger, other)
        assert opened is not None
        assert opened.held == other
        self.members[opened.id], self.seqs[opened.id] = {stranger}, 0
        return opened.id, stranger

    def admit(self, conversation: int, user: int) -> None:
        self.version += 1
        self.members[conversation].add(user)
        self._waiting.append(self._record(Kind.ADMITTED, conversation, user, 0))

    def say(self, conversation: int, user: int) -> None:
        self.version += 1
        self._waiting.append(self._message(conversation, user))

    def _act(self) -> Record:
        conversation = self.random.choice(sorted(self.members))
        user = self.random.choice(sorted(self.members[conversation] & {*self.users} or self.members[conversation]))
        kinds = [self._message] * 6
        if self.seqs[conversation]:
            kinds += [self._mark] * 4 + [self._edit, self._react, self._pin, self._delete]
            kinds += [self._hide, self._star, self._draft, self._settings, self._clear]
        if conversation in self.groups or conversation == self.large:
            kinds += [self._change_members] * 4
        return self.random.choice(kinds)(conversation, user)

    def _record(self, kind: Kind, conversation: int, user: int, seq: int, body: str = "", id_: str = "") -> Record:
        return Record(kind, conversation, seq, self.version, self.version // 1000, user, id_, body, "", "")

    def _message(self, conversation: int, user: int, system: dict[str, object] | None = None) -> Record:
        self.seqs[conversation] += 1
        id_ = str(uuid.UUID(int=self.random.getrandbits(128)))
        text = f"message {self.seqs[conversation]}"
        kind = Kind.GROUP_CHANGED if system else Kind.MESSAGE
        body = MessageBody(
            id=id_, sender_id=user, message=text, kind="system" if system else "text", system=system or UNSET
        )
        return self._record(kind, conversation, user, self.seqs[conversation], encode_body(body), id_)

    def _seq(self, conversation: int) -> int:
        return self.random.randint(1, self.seqs[conversation])

    def _mark(self, conversation: int, user: int) -> Record:
        kind = self.random.choice((Kind.DELIVERED, Kind.READ))
        return self._record(kind, conversation, user, self._seq(conversation))

    def _edit(self, conversation: int, user: int) -> Record:
        body = encode_body(MessageBody(id=str(uuid.UUID(int=0)), sender_id=user, message=f"edit {self.version}"))
        return self._record(Kind.EDITED, conversation, user, self._seq(conversation), body)

    def _hide(self, conversation: int, user: int) -> Record:
        return self._record(Kind.HIDDEN, conversation, user, self._seq(conversation))

    def _delete(self, conversation: int, user: int) -> Record:
        return self._record(Kind.DELETED, conversation, user, self._seq(conversation))

    def _star(self, conversation: int, user: int) -> Record:
        body = encode_body(SwitchBody(on=self.random.random() < 0.7))
        return self._record(Kind.STARRED, conversation, user, self._seq(conversation), body)

    def _react(self, conversation: int, user: int) -> Record:
        body = encode_body(ReactedBody(emoji=self.random.choice("👍🎉"), on=self.random.random() < 0.7))
        return self._record(Kind.REACTED, conversation, user, self._seq(conversation), body)

    def _pin(self, conversation: int, user: int) -> Record:
        body = encode_body(SwitchBody(on=self.random.random() < 0.7))
        return self._record(Kind.PINNED, conversation, user, self._seq(conversation), body)

    def _draft(self, conversation: int, user: int) -> Record:
        body = encode_body(DraftBody(message=self.random.choice(("", f"draft {self.version}"))))
        return self._record(Kind.DRAFTED, conversation, user, 0, body)

    def _settings(self, conversation: int, user: int) -> Record:
        field = self.random.choice(("archived", "pinned", "marked_unread"))
        body = encode_body(SettingsBody(**{field: self.random.random() < 0.7}))
        return self._record(Kind.SETTINGS, conversation, user, self.seqs[conversation], body)

    def _clear(self, conversation: int, user: int) -> Record:
        body = encode_body(ClearBody(removed=self.random.random() < 0.5))
        return self._record(Kind.CLEARED, conversation, user, self.seqs[conversation], body)

    def _change_members(self, conversation: int, user: int) -> Record:
        """Somebody joins or leaves. The large group grows beyond 100 members, and shrinks again."""
        there = self.members[conversation]
        leaving = sorted(there & {*self.users} - {user})
        if leaving and self.random.random() < 0.5:
            gone = self.random.choice(leaving)
            there.discard(gone)
            return self._message(conversation, user, {"type": "removed", "userIds": [gone]})
        new = [one for one in (*self.users, *self.crowd) if one not in there][:3]
        if not new:
            gone_too = [one for one in self.crowd if one in there][:10]
            there.difference_update(gone_too)
            return self._message(conversation, user, {"type": "removed", "userIds": gone_too})
        there.update(new)
        return self._message(conversation, user, {"type": "added", "userIds": new})
