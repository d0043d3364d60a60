"""A drain that hung may repeat its batch after its successor has stored later changes. The later changes must stay.
With a slow Postgres, a batch of changes outlasts the lease; a reaction that was taken back was then inserted again.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from app.core.kinds import Kind
from app.core.records import Record
from app.message_log.reader import LogReader
from app.message_log.shards import Shard
from app.services.drain.store_records import DrainStats, RecordStore
from tests.factories.store import add_group, add_users
from tests.integration.drain.log_and_store import LogAndStore


class Group:
    """A group of two, and its records."""

    def __init__(self, log: LogAndStore) -> None:
        self.log = log
        self.ann, self.ben = add_users(log.engine, 2)
        self.id = add_group(log.engine, [self.ann, self.ben])
        self.message_id = str(uuid.uuid4())
        self._version = 1000
        self.records = RecordStore(
            LogReader(Shard(log.redis)), log.engine, DrainStats(), pushes_pending=lambda: None, not_the_records=()
        )

    def record(self, kind: Kind, user: int, seq: int, id_: str, body: dict[str, Any]) -> Record:
        self._version += 1
        return Record(
            kind, self.id, seq, self._version, 1_700_000_000_000, user, id_, json.dumps(body)[1:-1], "", "here"
        )

    def message(self, record_kind: Kind, **more: Any) -> Record:
        body = {"id": self.message_id, "senderId": self.ann, "kind": "text", "attachments": [], **more}
        return self.record(record_kind, self.ann, 1, self.message_id, body)

    def reaction(self, *, on: bool) -> Record:
        return self.record(Kind.REACTED, self.ben, 1, self.message_id, {"emoji": "👍", "on": on})

    def role(self, seq: int, role: str) -> Record:
        id_, system = str(uuid.uuid4()), {"type": "role", "userId": self.ben, "role": role}
        body = {"id": id_, "senderId": self.ann, "message": "", "kind": "system", "attachments": [], "system": system}
        return self.record(Kind.GROUP_CHANGED, self.ann, seq, id_, body)

    def store(self, *batch: Record) -> None:
        assert self.records.store(self.log.epoch, list(batch)) == {}

    def repeat_after(self, *batches: Record) -> None:
        """Stores each batch, then the first one again, as a drain that hung does."""
        for record in batches:
            self.store(record)
        self.store(batches[0])


@pytest.fixture
def group(log: LogAndStore) -> Group:
    return Group(log)


def test_reaction_that_was_taken_back_stays_away(group: Group) -> None:
    group.store(group.message(Kind.MESSAGE, message="hi"))
    group.repeat_after(group.reaction(on=True), group.reaction(on=False))
    assert group.log.query("SELECT emoji FROM reactions WHERE conversation_id = :c", c=group.id) == []


def test_reaction_that_was_taken_back_and_added_again_stays(group: Group) -> None:
    group.store(group.message(Kind.MESSAGE, message="hi"), group.reaction(on=True))
    group.repeat_after(group.reaction(on=False), group.reaction(on=True))
    assert group.log.query("SELECT emoji FROM reactions WHERE conversation_id = :c", c=group.id) == [("👍",)]


def test_mention_that_was_edited_away_stays_away(group: Group) -> None:
    first = group.message(Kind.MESSAGE, message="@ben", mentions=[group.ben])
    group.repeat_after(first, group.message(Kind.EDITED, message="nobody"))
    assert group.log.query("SELECT user_id FROM mentions WHERE conversation_id = :c", c=group.id) == []


def test_later_role_stands(group: Group) -> None:
    group.repeat_after(group.role(1, "admin"), group.role(2, "member"))
    role = "SELECT role FROM members WHERE conversation_id = :c AND user_id = :u"
    assert group.log.query(role, c=group.id, u=group.ben) == [("member",)]
