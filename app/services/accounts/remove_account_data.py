"""What a deleted account leaves: its messages where they are to be erased, its place in groups, its blocks and exports.

A worker does it, by the same log as everybody's changes: so the members are told of each deletion and of who left, live
and on resume, and nothing is lost between two who change a group at once.

Invariants:
* Every step may be done twice. How far it is stands in Postgres, so a task that ends early is gone on with.
* Messages go before the membership: the log takes changes of members alone.
* It is finished once Postgres has all of it, not once the log was told.
* A direct conversation keeps its two; the other one keeps what they were told, and can write nothing more. That is said
  once the messages are gone: what is done in a closed conversation is told to nobody else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

from msgspec.structs import replace

from app.container import Container
from app.core.errors import Overloaded
from app.core.kinds import MESSAGES
from app.core.records import Kind
from app.message_log.append import Decided, Operation
from app.message_log.conversations import read_tail
from app.services.accounts.close_direct import close_direct
from app.services.groups.change_group import give_role, leave_group
from app.services.messaging.worker_changes import WorkerChanges
from app.store import account_deletions as store
from app.store import auth_sessions, push_targets, reports
from app.store.account_deletions import Deletion, OwnConversation
from app.store.engine import reading, writing

AT_ONCE = 100  # messages
PAUSE_SECONDS = 0.05  # after so many: 2,000 a second leave the log its room for others
# Then a next task goes on: what wakes the drain may wait behind this one.
RUN_SECONDS = 2.0
TRIES = 3
_REMOVALS = frozenset({Kind.DELETED, Kind.GROUP_CHANGED})


class _StopError(Exception):
    def __init__(self, *, others_go_on: bool) -> None:
        super().__init__()
        self.others_go_on = others_go_on


class Removal:
    """``stopping`` says that the process is told to end."""

    def __init__(self, parley: Container, changes: WorkerChanges, *, stopping: Callable[[], bool]) -> None:
        self._redis = parley.redis
        self._engine = parley.engine
        self._changes = changes
        self._stopping = stopping
        self._ends_at = time.monotonic() + RUN_SECONDS

    def run(self, user_id: int) -> bool:
        """True where nothing is left to do, or another does it; else it is to be run again. Raise Overloaded,
        RedisError, EpochLostError.
        """
        try:
            return self._run(user_id)
        except _StopError as stop:
            return stop.others_go_on

    def _run(self, user_id: int) -> bool:
        with reading(self._engine) as conn:
            deletion = store.get_deletion(conn, user_id)
            if deletion is None:
                return True
            conversations = store.conversations_from(conn, user_id, deletion.conversation_id)
        if self._on_its_way(user_id, conversations, MESSAGES - {Kind.GROUP_CHANGED}):
            return False  # the user's last messages are not in Postgres yet, where they are looked for
        for conversation in conversations:
            deletion = self._leave_behind(deletion, conversation)
        if self._on_its_way(user_id, self._all_conversations(user_id), _REMOVALS):
            return False  # what the log was told is not done yet: "finished" is said of Postgres
        with writing(self._engine) as conn:
            auth_sessions.end_all_of(conn, user_id, "account deleted")  # who signed in at that very moment
            if deletion.erase:
                reports.forget_erased_of(conn, user_id)
            push_targets.forget_user(conn, user_id)
            store.finish_deletion(conn, user_id)
        return True

    def _all_conversations(self, user_id: int) -> list[OwnConversation]:
        with reading(self._engine) as conn:
            return store.conversations_from(conn, user_id, 0)

    def _on_its_way(self, user_id: int, conversations: Sequence[OwnConversation], kinds: Collection[int]) -> bool:
        """Whether something of these kinds that the user did is in the log and not in Postgres yet."""
        tail = read_tail(self._redis, [conversation.id for conversation in conversations])
        return any(record.user_id == user_id and record.kind in kinds for record in tail.records)

    def _leave_behind(self, deletion: Deletion, conversation: OwnConversation) -> Deletion:
        if deletion.erase or conversation.is_notes:
            deletion = self._erase(deletion, conversation)
        if conversation.is_group and conversation.is_member:
            self._leave(deletion.user_id, conversation.id)
        if conversation.other_id is not None:
            close_direct(self._changes, conversation.id, conversation.other_id)
        return self._note(deletion, conversation.id + 1, 0)

    def _erase(self, deletion: Deletion, conversation: OwnConversation) -> Deletion:
        ended = False
        while not ended:
            after = deletion.seq if conversation.id == deletion.conversation_id else 0
            with reading(self._engine) as conn:
                own = store.own_messages(conn, deletion.user_id, conversation.id, after, AT_ONCE)
            if own.messages:
                self._delete(deletion.user_id, conversation, own.messages)
                time.sleep(PAUSE_SECONDS)
            deletion, ended = self._note(deletion, conversation.id, own.scanned_to), own.ended
        return deletion

    def _note(self, was: Deletion, conversation_id: int, seq: int) -> Deletion:
        """Say how far it is. Raise _StopError where another is at it as well, or the time is up."""
        with writing(self._engine) as conn:
            if not store.save_progress(conn, was, conversation_id, seq):
                raise _StopError(others_go_on=True)
        if self._stopping() or time.monotonic() > self._ends_at:
            raise _StopError(others_go_on=False)
        return replace(was, conversation_id=conversation_id, seq=seq)

    def _delete(self, user_id: int, conversation: OwnConversation, messages: Sequence[tuple[int, str]]) -> None:
        if conversation.is_member:
            operations = [
                Operation(Kind.DELETED, conversation.id, user_id, [seq, user_id], id=id_) for seq, id_ in messages
            ]
            decisions = self._changes.carry_out(operations)
            messages = [m for m, what in zip(messages, decisions, strict=True) if what == Decided.NOT_A_MEMBER]
        if messages:
            with writing(self._engine) as conn:
                store.erase(conn, conversation.id, [seq for seq, _ in messages])

    def _leave(self, user_id: int, conversation_id: int) -> None:
        for _ in range(TRIES):
            [what] = self._changes.carry_out([leave_group(user_id, conversation_id).operation])
            if what != Decided.LAST_OWNER:
                return
            with reading(self._engine) as conn:
                heir = store.heir_of(conn, user_id, conversation_id)
            if heir is not None:
                self._changes.carry_out([give_role(user_id, conversation_id, heir, "owner").operation])
        raise Overloaded("The group changes too fast.")
