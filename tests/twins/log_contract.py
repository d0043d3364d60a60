"""The contract of the message log: append, hydrate, tail, drain, epochs.

Valkey with the Lua scripts and the in-memory twin pass these tests.
"""

from __future__ import annotations

from typing import Any

import pytest

from app.core.errors import Conflict, ParleyError
from app.core.kinds import Kind
from app.core.records import MarksBody, decode_marks, unpack
from app.message_log import keys
from app.message_log.append import LOOKED_UP, Append, AppendLimits, Decided, Decision, Operation, message_operand
from app.message_log.confirmations import Confirmations
from app.message_log.conversations import group_now, hydrate, is_in_redis, members_of, role_of, set_blockers
from app.message_log.epoch import read_epoch
from app.message_log.reader import LogReader
from app.message_log.shards import Shard
from app.message_log.tails import read_tail
from app.redis_calls import EpochLostError
from app.redis_publications import publish, subscribe
from app.store.conversations import ConversationState, MemberState

EPOCH = 3
ANN, BEN, CYD, EVE = 1, 2, 3, 9
PAIR, GROUP, CROWD = 7, 8, 11
ROOM = AppendLimits(max_records=1000, max_bytes=1_000_000, dedupe_seconds=600)


def state(id_: int, members: list[int], *, blockers: list[int] = [], last_seq: int = 0) -> ConversationState:  # noqa: B006
    kind = "direct" if id_ == PAIR else "group"
    rows = [MemberState(user, "owner" if user == members[0] else "member", 0, 0) for user in members]
    return ConversationState(id_, kind, last_seq, 0, rows, {"name": "G"} if kind == "group" else {}, {}, blockers)


def begin(redis: Any) -> None:
    redis.set(keys.FIRST.epoch, f"{EPOCH}:0")


class Log:
    """The log as one gateway sees it."""

    def __init__(self, redis: Any, limits: AppendLimits = ROOM) -> None:
        self.redis = redis
        self.epochs: list[int] = []
        self.wakes = 0
        options: Any = {"connect": lambda: redis, "saw_epoch": self.epochs.append, "wake": self._wake}
        self.append = Append(Shard(redis), "here", limits, **options)
        self.change = Append(Shard(redis), "here", limits, name="change", **options)
        self.reader = LogReader(Shard(redis))

    def _wake(self) -> None:
        self.wakes += 1

    def send(self, user: int, id_: str, conversation: int = PAIR) -> Decision:
        (decision,) = self.append([message(user, id_, conversation)])
        return decision

    def mark(self, kind: Kind, user: int, seq: int, conversation: int = PAIR) -> Decision:
        (decision,) = self.append([Operation(kind, conversation, user, seq)])
        return decision

    def drain(self, refused: dict[int, str] | None = None) -> int:
        """Removes everything, as a drain does once Postgres has it. Returns the number of records."""
        _, entries = self.reader.take(1000, 0)
        self.reader.remove(entries, refused or {})
        return sum(len(entry.records or ()) for entry in entries)


def message(user: int, id_: str, conversation: int = PAIR) -> Operation:
    return Operation(Kind.MESSAGE, conversation, user, id_, f'"id":"{id_}","senderId":{user}', "session")


class LogContract:
    """Subclasses define the fixture ``redis``, an empty Redis."""

    @pytest.fixture
    def log(self, redis: Any) -> Log:
        begin(redis)
        assert hydrate(Shard(redis), EPOCH, state(PAIR, [ANN, BEN]))
        assert hydrate(Shard(redis), EPOCH, state(GROUP, [ANN, BEN, CYD]))
        return Log(redis)

    def test_accepted_messages_get_consecutive_seqs_and_rising_versions(self, log: Log) -> None:
        decisions = log.append([message(ANN, "a"), message(BEN, "b"), message(ANN, "c", GROUP), message(ANN, "d")])
        assert [decision[:2] for decision in decisions] == [(Decided.DONE, seq) for seq in (1, 2, 1, 3)]
        versions = [decision[2] for decision in decisions]
        assert versions == sorted(set(versions))
        assert log.epochs == [EPOCH]

    def test_same_id_is_accepted_once(self, log: Log) -> None:
        first = log.send(ANN, "a")
        assert log.send(ANN, "a") == (Decided.PENDING, *first[1:])
        assert log.send(BEN, "a")[0] == Decided.ID_CONFLICT
        assert log.drain() == 1
        assert log.send(ANN, "a") == (Decided.STORED, *first[1:])
        assert log.drain() == 0

    def test_message_that_outlived_its_dedupe_mark_is_not_accepted_twice(self, log: Log) -> None:
        first = log.send(ANN, "a")
        log.send(ANN, "b")
        log.redis.delete(keys.FIRST.dedupe_mark(PAIR, "a"))
        again = message(ANN, "a")._replace(what=message_operand("a", flags=LOOKED_UP), id="a")
        assert log.append([again]) == [(Decided.PENDING, *first[1:])]
        (stolen,) = log.append([again._replace(user_id=BEN)])
        assert stolen[0] == Decided.ID_CONFLICT
        (new,) = log.append([message(ANN, "c")._replace(what=message_operand("c", flags=LOOKED_UP), id="c")])
        assert new[:2] == (Decided.DONE, 3)
        assert [log.redis.ttl(keys.FIRST.dedupe_mark(PAIR, id_)) > ROOM.dedupe_seconds for id_ in "bc"] == [False, True]

    def test_freed_id_is_accepted_again(self, log: Log) -> None:
        log.send(ANN, "a")
        (entry,) = log.reader.take(10, 0)[1]
        assert entry.records is not None
        log.reader.forget(entry.records[0])
        assert log.send(ANN, "a")[:2] == (Decided.DONE, 2)

    def test_strangers_and_unknown_conversations_are_refused(self, log: Log) -> None:
        assert log.send(EVE, "a")[0] == Decided.NOT_A_MEMBER
        assert log.send(ANN, "a", 404)[0] == Decided.UNKNOWN
        assert log.mark(Kind.READ, EVE, 1)[0] == Decided.NOT_A_MEMBER
        assert log.drain() == 0

    def test_blocked_sender_and_full_log_refuse_new_ids_only(self, redis: Any) -> None:
        begin(redis)
        hydrate(Shard(redis), EPOCH, state(PAIR, [ANN, BEN], blockers=[BEN]))
        log = Log(redis, ROOM)
        assert log.send(BEN, "b")[0] == Decided.FORBIDDEN
        assert log.send(ANN, "a")[0] == Decided.DONE
        small = Log(redis, AppendLimits(max_records=1, max_bytes=1_000_000, dedupe_seconds=600))
        assert small.send(ANN, "c")[0] == Decided.FULL
        assert small.send(ANN, "a")[0] == Decided.PENDING
        tight = Log(redis, AppendLimits(max_records=9, max_bytes=10, dedupe_seconds=600))
        assert tight.send(ANN, "c")[0] == Decided.FULL
        (entry,) = log.reader.take(10, 0)[1]
        assert [record.kind for record in entry.records or ()] == [Kind.BLOCKED_MESSAGE]

    def test_blockers_are_set_only_in_a_hydrated_conversation(self, log: Log) -> None:
        assert set_blockers(Shard(log.redis), PAIR, [ANN])
        assert log.send(ANN, "a")[0] == Decided.FORBIDDEN
        assert set_blockers(Shard(log.redis), PAIR, [])
        assert log.send(ANN, "a")[0] == Decided.DONE
        assert not set_blockers(Shard(log.redis), 404, [ANN])

    def test_marks_move_forward_only_and_not_past_the_last_message(self, log: Log) -> None:
        for number in range(3):
            log.send(ANN, f"m{number}")
        assert log.mark(Kind.DELIVERED, BEN, 2)[:2] == (Decided.DONE, 2)
        assert log.mark(Kind.DELIVERED, BEN, 1)[:2] == (Decided.UNCHANGED_PENDING, 2)
        assert log.mark(Kind.READ, BEN, 99)[:2] == (Decided.DONE, 3)
        assert log.mark(Kind.DELIVERED, BEN, 3)[:2] == (Decided.UNCHANGED_PENDING, 3)
        log.drain()
        assert log.mark(Kind.READ, BEN, 1)[:2] == (Decided.UNCHANGED, 3)

    def test_marks_of_a_large_conversation_are_deferred_to_a_batch(self, log: Log) -> None:
        hydrate(Shard(log.redis), EPOCH, state(CROWD, list(range(1, 103)), last_seq=5))
        assert log.mark(Kind.READ, ANN, 1, CROWD)[0] == Decided.DEFER
        batch = Operation(Kind.RECEIPT_BATCH, CROWD, 0, [int(Kind.READ), ANN, 4, BEN, 9, 999, 5])
        (decision,) = log.change([batch])
        assert decision[:2] == (Decided.DONE, 5)
        (again,) = log.change([batch])
        assert again[:3] == (Decided.UNCHANGED_PENDING, 5, decision[2])
        (record,) = read_tail(Shard(log.redis), [CROWD]).records
        assert (record.kind, record.user_id, record.seq, record.gateway) == (Kind.RECEIPT_BATCH, BEN, 5, "here")
        assert decode_marks(record.body) == MarksBody(Kind.READ, [(ANN, 4), (BEN, 5)])

    def test_log_without_an_epoch_takes_nothing(self, redis: Any) -> None:
        with pytest.raises(EpochLostError):
            Log(redis).send(ANN, "a")
        assert read_epoch(Shard(redis)) is None
        assert not hydrate(Shard(redis), EPOCH, state(PAIR, [ANN, BEN]))
        assert not is_in_redis(Shard(redis), PAIR)

    def test_hydrating_again_changes_nothing(self, log: Log) -> None:
        log.send(ANN, "a")
        assert hydrate(Shard(log.redis), EPOCH, state(PAIR, [ANN, BEN]))
        assert not hydrate(Shard(log.redis), EPOCH + 1, state(GROUP, [ANN]))
        assert log.send(ANN, "b")[1] == 2

    def test_roles_and_members_are_those_of_the_hydrated_state(self, log: Log) -> None:
        assert members_of(Shard(log.redis), GROUP) == {ANN, BEN, CYD}
        assert members_of(Shard(log.redis), 404) is None
        assert [role_of(Shard(log.redis), GROUP, user) for user in (ANN, BEN, EVE)] == ["owner", "member", None]
        now = group_now(Shard(log.redis), GROUP)
        assert now is not None
        assert (now.info, now.member_count, now.last_seq) == ({"name": "G"}, 3, 0)

    def test_tail_has_what_is_not_drained_in_order(self, log: Log) -> None:
        log.append([message(ANN, "a"), message(ANN, "b", GROUP), Operation(Kind.READ, PAIR, BEN, 1)])
        tail = read_tail(Shard(log.redis), [PAIR, GROUP, 404])
        assert [(r.kind, r.conversation_id, r.seq, r.id) for r in tail.records] == [
            (Kind.MESSAGE, PAIR, 1, "a"),
            (Kind.MESSAGE, GROUP, 1, "b"),
            (Kind.READ, PAIR, 1, ""),
        ]
        assert tail.version == tail.records[-1].version
        assert (tail.is_empty, tail.memberships) == (False, [])
        assert [r.id for r in read_tail(Shard(log.redis), [GROUP]).records] == ["b"]
        log.drain()
        after = read_tail(Shard(log.redis), [PAIR, GROUP])
        assert (after.records, after.version, after.is_empty) == ([], tail.version, True)

    def test_drain_removes_only_what_it_took(self, log: Log) -> None:
        log.send(ANN, "a")
        epoch, taken = log.reader.take(10, 0)
        log.send(ANN, "b")
        log.reader.remove(taken, {})
        log.reader.remove(taken, {})  # a drain that died after this may have done it before
        assert epoch == EPOCH
        assert [record.id for record in read_tail(Shard(log.redis), [PAIR]).records] == ["b"]
        assert log.drain() == 1

    def test_log_wakes_a_drain_unless_one_holds_the_lease(self, log: Log) -> None:
        log.send(ANN, "a")
        assert log.wakes == 1
        assert log.reader.renew("drain", 60)
        assert log.reader.renew("drain", 60, take=False)
        assert not log.reader.renew("another", 60)
        log.send(ANN, "b")
        assert log.wakes == 1
        assert not log.reader.release("drain")
        log.drain()
        assert log.reader.release("drain")
        assert not log.reader.renew("drain", 60, take=False)
        assert log.reader.renew("another", 60)
        assert log.reader.release("another", force=True)

    def test_records_go_to_the_gateways_of_the_members(self, log: Log) -> None:
        log.redis.hset(keys.FIRST.online, mapping={str(ANN): "here", str(BEN): "here there"})
        names = ("here", "there", "nowhere")
        found = {name: subscribe(log.redis, keys.FIRST.gateway_channel(name)) for name in names}
        for pubsub in found.values():
            pubsub.connection.read_response(timeout=5, push_request=True)
        log.append([message(ANN, "a"), Operation(Kind.READ, PAIR, BEN, 1)])
        for name, users in (("here", [ANN, BEN]), ("there", [BEN])):
            response = found[name].connection.read_response(timeout=5, push_request=True)
            epoch, items = unpack(response[2])
            assert (epoch, [item[0] for item in items]) == (EPOCH, [users, users])
            assert [item[1][0] for item in items] == [Kind.MESSAGE, Kind.READ]
        publish(log.redis, keys.FIRST.gateway_channel("nowhere"), b"end")
        assert found["nowhere"].connection.read_response(timeout=5, push_request=True)[2] == b"end"
        for pubsub in found.values():
            pubsub.close()

    def test_drain_notifies_the_sending_gateway(self, log: Log) -> None:
        pubsub = subscribe(log.redis, keys.FIRST.gateway_channel("here"))
        pubsub.connection.read_response(timeout=5, push_request=True)
        versions = [decision[2] for decision in log.append([message(ANN, "a"), message(ANN, "b")])]
        log.drain({versions[0]: "why"})
        items = [unpack(pubsub.connection.read_response(timeout=5, push_request=True)[2])[1][0][1] for _ in range(2)]
        assert sorted(items) == [[Kind.STORED, [versions[1]]], [Kind.REFUSED, versions[0], "why"]]
        pubsub.close()

    def test_lost_notices_are_found_in_the_log_state(self, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("app.message_log.confirmations.RECONCILE_AFTER_SECONDS", -1.0)
        waits, found = Confirmations(), {}
        versions = [decision[2] for decision in log.append([message(ANN, id_) for id_ in "abc"])]
        for version in versions:
            waits.expect(version, lambda error, version=version: found.update({version: error}))
        waits.reconcile(Shard(log.redis), EPOCH, Conflict)
        assert found == {}
        log.reader.remove(log.reader.take(1, 0)[1], {versions[1]: "why"})
        waits.reconcile(Shard(log.redis), EPOCH + 1, Conflict)
        assert found == {}
        waits.reconcile(Shard(log.redis), EPOCH, Conflict)
        errors: list[ParleyError | None] = [found[version] for version in versions]
        assert [type(error) for error in errors] == [type(None), Conflict, type(None)]
        assert len(waits) == 0

    def test_seq_counter_is_raised_and_never_lowered(self, log: Log) -> None:
        log.reader.raise_counter(PAIR, 10)
        log.reader.raise_counter(PAIR, 4)
        log.reader.raise_counter(404, 4)
        assert log.send(ANN, "a")[1] == 11

    def test_given_up_epoch_takes_nothing(self, log: Log) -> None:
        log.reader.give_up_epoch(EPOCH + 1)
        assert log.send(ANN, "a")[0] == Decided.DONE
        log.reader.give_up_epoch(EPOCH)
        with pytest.raises(EpochLostError):
            log.send(ANN, "b")
