"""Imports over real stores without other processes. Tests decide what happens between their steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from app.core.errors import Overloaded
from app.message_log.shards import Shards
from app.services.imports.check_lines import Limits
from app.services.imports.live import LiveMessages, LogBusyError
from app.services.imports.receive_import import receive_import, show_import
from app.services.imports.run_import import ImportRunner
from app.services.messaging.worker_changes import WorkerChanges
from app.store import host_conversations
from app.store import imports as store
from app.store.engine import reading, writing
from app.store.imports import StoredImport
from tests.integration.drain.log_and_store import LIMITS, LogAndStore
from tests.support.imports import Line, body_of

_MESSAGES = """
    SELECT m.seq, m.body, u.external_id, m.sent_at, m.extra -> 'imported' FROM messages AS m
    LEFT JOIN users AS u ON u.id = m.sender_id WHERE m.conversation_id = :c ORDER BY m.seq
"""
_MEMBERS = """
    SELECT u.external_id, m.role, m.last_read_seq FROM members AS m JOIN users AS u ON u.id = m.user_id
    WHERE m.conversation_id = :c AND m.left_seq IS NULL ORDER BY u.external_id
"""
# A direct conversation without a name is found by its two users.
_CONVERSATIONS = """
    SELECT c.id, coalesce(c.external_id, low.external_id || ' and ' || high.external_id), c.last_seq, c.member_count
    FROM conversations AS c
    LEFT JOIN users AS low ON low.id = c.direct_low LEFT JOIN users AS high ON high.id = c.direct_high
"""


@dataclass
class ImportWorld:
    log: LogAndStore

    @property
    def engine(self) -> Engine:
        return self.log.engine

    def begin(self, lines: Sequence[Line]) -> str:
        return receive_import([body_of(lines)], engine=self.engine, server_key="test")

    def runner(self) -> ImportRunner:
        """Returns the collaborators of a new worker."""
        redis, engine = self.log.redis, self.engine
        shards = Shards([redis])
        append = WorkerChanges(shards, engine, lambda _: self.log.append)
        change = WorkerChanges(shards, engine, lambda _: self.log.change)
        return ImportRunner(
            engine=engine,
            shards=shards,
            live=LiveMessages(redis=redis, shards=shards, append=append, change=change),
            limits=Limits(8000, 500, strict=False),
            visible="everyone",
            dedupe_seconds=LIMITS.dedupe_seconds,
            stopping=lambda: False,
        )

    def found(self, import_id: str) -> StoredImport:
        with reading(self.engine) as conn:
            found = store.find(conn, import_id)
        assert found is not None
        return found

    def step(self, import_id: str, runner: ImportRunner | None = None) -> bool:
        """Carries out one step, then stores its records of the log. Returns whether the import has ended."""
        try:
            return (runner or self.runner()).step(import_id)
        except (LogBusyError, Overloaded):
            return False
        finally:
            if self.log.waiting():
                self.log.drain().run()

    def run_to(self, import_id: str, stage: str) -> None:
        """Works until this stage is next."""
        self.run_until(import_id, lambda now: now.state == "running" and now.progress.stage == stage)

    def run_until(self, import_id: str, reached: Callable[[StoredImport], bool]) -> None:
        while not reached(self.found(import_id)):
            assert not self.step(import_id), "the import ended before"

    def finish(self, import_id: str) -> None:
        while not self.step(import_id):
            pass
        self.check_done(import_id)

    def check_done(self, import_id: str) -> None:
        view = show_import(import_id, engine=self.engine)
        assert (view.status, view.errors, view.done) == ("done", [], view.total)

    def conversations(self, *users: str) -> dict[str, Any]:
        """Returns everything about the conversations in which one of these users is or wrote, without ids."""
        shown = {}
        for id_, name, last_seq, count in self.log.query(_CONVERSATIONS):
            messages = [tuple(row) for row in self.log.query(_MESSAGES, c=id_)]
            members = [tuple(row) for row in self.log.query(_MEMBERS, c=id_)]
            if {row[0] for row in members} & set(users):
                assert [seq for seq, *_ in messages] == list(range(1, last_seq + 1))
                assert count == len(members) or " and " in name
                shown[name] = {"messages": messages, "members": members}
        return shown

    def orphans(self) -> int:
        """Returns the number of messages without a conversation."""
        query = "SELECT count(*) FROM messages WHERE conversation_id NOT IN (SELECT id FROM conversations)"
        return int(self.log.query(query)[0][0])

    def add_group(self, external_id: str, *members: int) -> int:
        with writing(self.engine) as conn:
            made = host_conversations.create_host_group(conn, external_id, {}, [(one, "member") for one in members])
        assert made is not None
        return made

    def delete(self, conversation_id: int) -> None:
        with writing(self.engine) as conn:
            host_conversations.give_up(conn, conversation_id, 0)
