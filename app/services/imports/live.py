"""Messages of an import in conversations that exist: they go through the log, behind the messages that are there.

They take the next seqs, even while others write, and members who are online get them at once. They notify nobody. They
count as read for members who had read everything before them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import groupby

from redis import Redis
from sqlalchemy import Connection

from app.core.kinds import Kind
from app.core.records import MessageBody, encode_body
from app.fanout.presence import online
from app.message_log.append import BY_HOST, Decided, Operation, message_operand
from app.message_log.conversations import EVERYBODY, GroupNow, group_now
from app.message_log.shards import Shards
from app.services.messaging.worker_changes import WorkerChanges
from app.store import import_live, import_plans
from app.store.import_live import LiveMessage, NewMember
from app.store.imports import StoredImport

log = logging.getLogger(__name__)

MESSAGES_AT_ONCE = 200
MEMBERS_AT_ONCE = 500
# While this many records wait for the drain, an import waits too: the chat comes first.
MAX_WAITING_RECORDS = 1000
HAS_SEQ = (Decided.DONE, Decided.STORED, Decided.PENDING)

Run = tuple[int, int]


class LogBusyError(Exception):
    """The log is busy: try again a moment later."""


class LiveMessages:
    """``append`` sends messages, ``change`` moves marks and sends events to members."""

    def __init__(self, *, redis: Redis, shards: Shards, append: WorkerChanges, change: WorkerChanges) -> None:
        self._redis, self._shards = redis, shards
        self._append = append
        self._change = change

    def write_next(self, conn: Connection, found: StoredImport) -> bool:
        """Sends the next messages. Returns whether there may be more. Raises LogBusyError, Overloaded, RedisError;
        then it is safe to repeat.
        """
        self._wait_for_room()
        progress = found.progress
        messages = import_live.next_messages(conn, found.id, progress, MESSAGES_AT_ONCE)
        known = import_plans.known_messages(conn, found.id, {(one.conversation_id, one.id) for one in messages})
        for conversation_id, group in groupby(messages, key=lambda one: one.conversation_id):
            new = [one for one in group if not known.get((conversation_id, one.id), (0, False))[1]]
            if new:
                self._send(conn, conversation_id, new)
        if messages:
            last = messages[-1]
            progress.conversation, progress.ms, progress.line = last.conversation_id, last.sent_ms, last.line
        progress.done += len(messages)
        return bool(messages)

    def announce_next(self, conn: Connection, found: StoredImport) -> bool:
        """Sends an event to the next members of new conversations, so that they see these at once. Returns whether
        there may be more. Users who were never online get no event: they load everything when they first come.
        """
        self._wait_for_room()
        members = import_live.new_members(conn, found.id, found.progress.seq, MEMBERS_AT_ONCE)
        for member in self._who_were_online(members):
            operation = Operation(Kind.ADMITTED, member.conversation_id, member.user_id, [1])
            self._change.carry_out([operation])
        if members:
            found.progress.seq = members[-1].user_id
        return bool(members)

    def _wait_for_room(self) -> None:
        for shard in self._shards:
            waiting = shard.redis.hget(shard.keys.log_state, "records")
            if int(waiting or 0) > MAX_WAITING_RECORDS:
                raise LogBusyError

    def _send(self, conn: Connection, conversation_id: int, messages: Sequence[LiveMessage]) -> None:
        decisions = self._append.decide([_operation(one) for one in messages])
        sent = {}
        for message, (decided, seq, _, _) in zip(messages, decisions, strict=True):
            if decided in HAS_SEQ:
                sent[seq] = message.sender_id
            else:
                log.warning("message %s was not imported: %s", message.id, Decided(decided).name)
        now = group_now(self._shards.of(conversation_id), conversation_id, EVERYBODY)
        if now is None or now.members is None:
            return
        self._mark_read(conn, conversation_id, sorted(sent), now)
        members = {user for user, *_ in now.members}
        former = {sender: seq for seq, sender in sorted(sent.items()) if sender and sender not in members}
        import_live.add_former(conn, conversation_id, former)

    def _mark_read(self, conn: Connection, conversation_id: int, seqs: Sequence[int], now: GroupNow) -> None:
        reads = [(user, read) for user, _, _, read in now.members or ()]
        for first, last in _runs(seqs):
            done = {user for user, read in reads if read >= first - 1}
            behind = [(user, read) for user, read in reads if read < first - 1]
            done |= import_live.have_read(conn, conversation_id, first, behind)
            reads = [(user, max(read, last) if user in done else read) for user, read in reads]
            what = [Kind.READ, *(number for user in sorted(done) for number in (user, last))]
            if done:
                self._change.carry_out([Operation(Kind.RECEIPT_BATCH, conversation_id, min(done), what)])

    def _who_were_online(self, members: Sequence[NewMember]) -> Iterator[NewMember]:
        now = online(self._redis, [member.user_id for member in members])
        for member in members:
            is_online, last_seen = now[member.user_id]
            if member.was_seen or is_online or last_seen is not None:
                yield member


def _operation(message: LiveMessage) -> Operation:
    body = MessageBody(
        id=message.id,
        sender_id=message.sender_id or None,
        message=message.body,
        kind=message.kind,
        imported=True,
    )
    if message.receiver_id is not None:
        body.receiver_id = message.receiver_id
    if message.reply_to is not None:
        body.reply_to = message.reply_to
    if "metadata" in message.extra:
        body.metadata = message.extra["metadata"]
    what = message_operand(message.id, flags=BY_HOST, sent_ms=message.sent_ms)
    return Operation(Kind.MESSAGE, message.conversation_id, message.sender_id, what, encode_body(body), "", message.id)


def _runs(seqs: Sequence[int]) -> Iterator[Run]:
    """Yields the first and the last seq of each run without a gap. Messages of other users are in the gaps."""
    for _, group in groupby(enumerate(seqs), key=lambda one: one[1] - one[0]):
        run = [seq for _, seq in group]
        yield run[0], run[-1]
