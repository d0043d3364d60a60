"""Removes the data of a deleted account: its memberships, blocks and exports, and its messages if they are to be
erased.

A worker does this through the same log as every other change. So members see each deletion and each departure, live and
on resume, and two concurrent changes of a group do not overwrite each other.

Invariants:
* Every step is safe to repeat. Postgres stores the progress, so another task continues after one that ended early.
* Messages go before the membership, because the log accepts changes only from members.
* The removal is finished when Postgres has all of it, not when the log has accepted it.
* A direct conversation keeps both members. The other member keeps everything that they received, and can no longer
  write. The conversation is closed after the messages are gone, because nothing that is done in a closed conversation
  is published to the other member.
* It is closed in Postgres first, then in Redis. In the other order, the other member's unblock could read Postgres in
  between and open the conversation in Redis again (app/services/moderation/blocks.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

from msgspec.structs import replace
from sqlalchemy import Engine

from app.core.errors import Overloaded
from app.core.kinds import MESSAGES, Kind
from app.message_log.append import Decided, Operation
from app.message_log.conversations import set_blockers
from app.message_log.shards import Shards
from app.message_log.tails import read_tail
from app.services.groups.change_group import give_role, leave_group
from app.services.messaging.worker_changes import WorkerChanges
from app.store import account_deletions as store
from app.store import auth_sessions, push_targets, reports
from app.store.account_deletions import Deletion, OwnConversation
from app.store.engine import reading, writing

PAGE_MESSAGES = 100
PAUSE_SECONDS = 0.05  # after each page: at 2,000 messages a second, the log keeps room for other users
# After this, another task continues: the task that wakes the drain may be waiting behind this one.
RUN_SECONDS = 2.0
TRIES = 3
_REMOVALS = frozenset({Kind.DELETED, Kind.GROUP_CHANGED})


class _StopError(Exception):
    """Ends this task; ``done`` if another task is doing the same work."""

    def __init__(self, *, done: bool) -> None:
        super().__init__()
        self.done = done


class Removal:
    """``stopping`` returns whether the process is shutting down."""

    def __init__(self, *, engine: Engine, shards: Shards, changes: WorkerChanges, stopping: Callable[[], bool]) -> None:
        self._shards = shards
        self._engine = engine
        self._changes = changes
        self._stopping = stopping
        self._ends_at = time.monotonic() + RUN_SECONDS

    def run(self, user_id: int) -> bool:
        """Returns True if nothing is left to do or another task does it; False if it must run again. Raises Overloaded,
        RedisError or EpochLostError if a store is away.
        """
        try:
            return self._run(user_id)
        except _StopError as stop:
            return stop.done

    def _run(self, user_id: int) -> bool:
        with reading(self._engine) as conn:
            deletion = store.get_deletion(conn, user_id)
            if deletion is None:
                return True
            conversations = store.conversations_from(conn, user_id, deletion.conversation_id)
            passed = store.last_direct_before(conn, user_id, deletion.conversation_id)
        if passed is not None:
            self._close_if_direct(passed)  # the task before this one may have ended in between
        if self._is_pending(user_id, conversations, MESSAGES - {Kind.GROUP_CHANGED}):
            return False  # the user's last messages are not in Postgres yet, and _erase finds them there
        for conversation in conversations:
            deletion = self._leave_behind(deletion, conversation)
        if self._is_pending(user_id, self._all_conversations(user_id), _REMOVALS):
            return False  # the log has accepted the removals, but Postgres does not have them yet
        with writing(self._engine) as conn:
            auth_sessions.end_all_of(conn, user_id, "account deleted")  # a sign-in may have raced
            if deletion.erase:
                reports.forget_erased_of(conn, user_id)
            push_targets.forget_user(conn, user_id)
            store.finish_deletion(conn, user_id)
        return True

    def _all_conversations(self, user_id: int) -> list[OwnConversation]:
        with reading(self._engine) as conn:
            return store.conversations_from(conn, user_id, 0)

    def _is_pending(self, user_id: int, conversations: Sequence[OwnConversation], kinds: Collection[int]) -> bool:
        """Returns whether the log holds records of these kinds by the user that Postgres does not have yet."""
        parts = self._shards.parts([conversation.id for conversation in conversations])
        records = (record for shard, ids in parts for record in read_tail(shard, ids).records)
        return any(record.user_id == user_id and record.kind in kinds for record in records)

    def _leave_behind(self, deletion: Deletion, conversation: OwnConversation) -> Deletion:
        if deletion.erase or conversation.is_notes:
            deletion = self._erase(deletion, conversation)
        if conversation.is_group and conversation.is_member:
            self._leave(deletion.user_id, conversation.id)
        deletion = self._save_progress(deletion, conversation.id + 1, 0)
        self._close_if_direct(conversation)
        return deletion

    def _erase(self, deletion: Deletion, conversation: OwnConversation) -> Deletion:
        ended = False
        while not ended:
            after = deletion.seq if conversation.id == deletion.conversation_id else 0
            with reading(self._engine) as conn:
                own = store.own_messages(conn, deletion.user_id, conversation.id, after, PAGE_MESSAGES)
            if own.messages:
                self._delete(deletion.user_id, conversation, own.messages)
                time.sleep(PAUSE_SECONDS)
            deletion, ended = self._save_progress(deletion, conversation.id, own.scanned_to), own.ended
        return deletion

    def _save_progress(self, was: Deletion, conversation_id: int, seq: int) -> Deletion:
        """Stores how far the removal is. Raises _StopError if another task is at work as well, or the time is up."""
        with writing(self._engine) as conn:
            if not store.save_progress(conn, was, conversation_id, seq):
                raise _StopError(done=True)
        if self._stopping() or time.monotonic() > self._ends_at:
            raise _StopError(done=False)
        return replace(was, conversation_id=conversation_id, seq=seq)

    def _delete(self, user_id: int, conversation: OwnConversation, messages: Sequence[tuple[int, str]]) -> None:
        if conversation.is_member:
            operations = [
                Operation(Kind.DELETED, conversation.id, user_id, [seq, 0, user_id], id=id_) for seq, id_ in messages
            ]
            decisions = self._changes.carry_out(operations)
            messages = [
                message
                for message, decision in zip(messages, decisions, strict=True)
                if decision == Decided.NOT_A_MEMBER
            ]
        if messages:
            with writing(self._engine) as conn:
                store.erase(conn, conversation.id, [seq for seq, _ in messages])

    def _leave(self, user_id: int, conversation_id: int) -> None:
        for _ in range(TRIES):
            [decision] = self._changes.carry_out([leave_group(user_id, conversation_id).operation])
            if decision != Decided.LAST_OWNER:
                return
            with reading(self._engine) as conn:
                heir = store.heir_of(conn, user_id, conversation_id)
            if heir is not None:
                self._changes.carry_out([give_role(user_id, conversation_id, heir, "owner").operation])
        raise Overloaded("The group is changing too fast.")

    def _close_if_direct(self, conversation: OwnConversation) -> None:
        """Closes a direct conversation in Redis: the other member can still read it, but not write to it.

        Redis treats the other member like a user who has blocked somebody. Postgres knows it from the progress of the
        removal (app/store/direct_pairs.py). If the conversation is not in Redis, it is loaded first, so that no process
        can load it later with an older state. Safe to repeat. Raises Overloaded, RedisError.
        """
        if conversation.other_id is None:
            return
        shard, blockers = self._shards.of(conversation.id), [conversation.other_id]
        if not set_blockers(shard, conversation.id, blockers):
            self._changes.hydrate(conversation.id)
            if not set_blockers(shard, conversation.id, blockers):
                raise Overloaded("The log is beginning a new epoch.")
