"""Deletes a conversation for the host's server: members no longer see it, and a task erases its messages."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine

from app.core.commands import ClearConversation
from app.message_log.conversations import group_now
from app.message_log.shards import Shards
from app.redis_calls import redis_errors_as_overloaded
from app.services.audit.record import record
from app.services.host.put_conversation import ConversationWriter
from app.services.messaging.own_changes import clear_conversation
from app.services.messaging.prepared import Prepared
from app.store import account_deletions
from app.store import host_conversations as store
from app.store.direct_pairs import pairs_of
from app.store.engine import reading, writing
from app.store.host_conversations import HostConversation
from app.store.host_events import add_event
from app.task_queue import enqueue_erasure

PAGE = 500
PAUSE_SECONDS = 0.02  # after each page, so that the drain finds Postgres free
RUN_SECONDS = 2.0


def delete_conversation(
    found: HostConversation,
    *,
    engine: Engine,
    shards: Shards,
    writer: ConversationWriter,
    carry_out: Callable[[Prepared], Any],
    server_key: str,
) -> None:
    """Removes the members of a group, or clears a direct conversation for both users. The external id is free then.
    Safe to repeat after Overloaded.
    """
    if found.kind == "group":
        writer.remove_all(found)
        last_seq = _last_seq(shards, found.id)  # after this, nobody writes to the group
    else:
        last_seq = _last_seq(shards, found.id)  # later messages stay: both users may go on writing
        with reading(engine) as conn:
            [pair] = pairs_of(conn, [found.id])
        for user_id in {pair.low, pair.high} - {pair.held}:
            carry_out(clear_conversation(user_id, ClearConversation(found.id, remove=True)))
    with writing(engine) as conn:
        store.give_up(conn, found.id, last_seq)
        record(conn, "conversation.deleted", conversationId=found.id, serverKey=server_key)
        named = {} if found.external_id is None else {"externalId": found.external_id}
        add_event(conn, "conversation.deleted", found.id, {"id": found.id, "kind": found.kind, **named})
    enqueue_erasure(found.id)


def _last_seq(shards: Shards, conversation_id: int) -> int:
    """Returns the last seq in Redis, which may have messages that Postgres does not have yet; 0 if it has none."""
    with redis_errors_as_overloaded():
        now = group_now(shards.of(conversation_id), conversation_id, max_members=0)
    return 0 if now is None else now.last_seq


def erase_conversation(conversation_id: int, *, engine: Engine, stopping: Callable[[], bool]) -> bool:
    """Erases the messages of a deleted conversation. Returns False if it must run again. Safe to repeat and to run
    twice. Raises Overloaded.
    """
    ends_at = time.monotonic() + RUN_SECONDS
    while not stopping() and time.monotonic() < ends_at:
        with writing(engine) as conn:
            seqs, complete = store.seqs_to_erase(conn, conversation_id, PAGE)
            if seqs:
                account_deletions.erase(conn, conversation_id, seqs)
            elif complete:
                store.end_erasure(conn, conversation_id)
                return True
            else:
                return False  # the log has messages that Postgres does not have yet
        time.sleep(PAUSE_SECONDS)
    return False
