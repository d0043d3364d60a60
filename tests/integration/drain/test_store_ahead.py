"""New messages do not wait for a whole backlog: the drain stores them ahead of their turn, and in the right order."""

from __future__ import annotations

import uuid

import pytest

from app.core.kinds import Kind
from app.message_log import keys
from app.message_log.append import Decided, Operation
from app.message_log.reader import LogReader
from app.message_log.shards import Shard
from app.services.drain import store_log
from app.store.engine import writing
from app.store.push_targets import NewTarget, register
from tests.factories.store import add_direct, add_users
from tests.integration.drain.log_and_store import LogAndStore

BACKLOG = 60


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_log, "MAX_RECORDS", 10)


class Steps:
    """Runs a drain. Each time that records leave the log, notes the stored messages of one conversation."""

    def __init__(self, log: LogAndStore, conversation: int) -> None:
        self.log = log
        self.conversation = conversation
        self.seen: list[list[str | None]] = []

    def run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        original = LogReader.remove

        def remove(reader: LogReader, *args: object) -> None:
            original(reader, *args)  # type: ignore[arg-type]
            self.seen.append(self.log.texts(self.conversation))

        monkeypatch.setattr(LogReader, "remove", remove)
        assert self.log.drain().run()
        assert self.log.waiting() == 0


def fill(log: LogAndStore) -> tuple[int, int, int]:
    """Fills the log with a backlog of one conversation. Returns its sender, it, and another conversation."""
    ann, ben, cyd = add_users(log.engine, 3)
    busy, other = add_direct(log.engine, ann, ben), add_direct(log.engine, ann, cyd)
    log.hydrate(busy, other)
    for number in range(BACKLOG):
        log.send(busy, ann, f"{number}")
    return ann, busy, other


def test_new_message_is_stored_before_most_of_the_backlog(log: LogAndStore, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, busy, other = fill(log)
    monkeypatch.setattr("app.services.drain.store_ahead.TAIL_RECORDS", BACKLOG // 2)  # the busy one must wait
    log.send(other, ann, "new")
    steps = Steps(log, other)
    steps.run(monkeypatch)
    assert len(steps.seen) == BACKLOG // 10 + 1
    assert steps.seen[1] == ["new"]
    assert log.texts(busy) == [f"{number}" for number in range(BACKLOG)]


def test_new_message_is_stored_with_everything_before_it(log: LogAndStore, monkeypatch: pytest.MonkeyPatch) -> None:
    _, busy, _ = fill(log)
    steps = Steps(log, busy)
    steps.run(monkeypatch)
    everything = [f"{number}" for number in range(BACKLOG)]
    assert steps.seen[0] == everything[:10]
    assert steps.seen[1] == everything  # not a message without its predecessors, which `texts` would refuse


def test_backlog_of_many_conversations_is_not_read_again_and_again(
    log: LogAndStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.drain.store_ahead.RECORDS_AT_ONCE", 9)
    ann, *others = add_users(log.engine, 31)
    conversations = [add_direct(log.engine, ann, other) for other in others]
    log.hydrate(*conversations)
    for number in range(3):
        for conversation in conversations:
            log.send(conversation, ann, f"{number}")
    before = lists_read(log)
    drain = log.drain()
    drain._ahead.store_newest(log.epoch)
    drain._kept.release()
    assert lists_read(log) - before == 3
    stored = [conversation for conversation in conversations if log.texts(conversation) == ["0", "1", "2"]]
    assert stored == conversations[-3:]
    assert not any(log.texts(conversation) for conversation in conversations[:-3])


def lists_read(log: LogAndStore) -> int:
    counted: dict[str, dict[str, int]] = log.redis.info("commandstats")  # type: ignore[assignment]
    return counted.get("cmdstat_lrange", {}).get("calls", 0)


def test_nothing_behind_a_change_is_stored_ahead(log: LogAndStore, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, _, other = fill(log)
    ((id_, (_, seq, _, _)),) = log.send(other, ann, "first")
    (decision,) = log.change([Operation(Kind.DELETED, other, ann, [seq, 0, ann], "", id=id_)])
    assert decision[0] == Decided.DONE
    log.send(other, ann, "second")
    steps = Steps(log, other)
    steps.run(monkeypatch)
    assert steps.seen[1] == ["first"]
    assert steps.seen[-1] == [None, "second"]


def test_gateways_are_notified_once_and_early(log: LogAndStore, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, _, other = fill(log)
    monkeypatch.setattr("app.services.drain.store_ahead.TAIL_RECORDS", BACKLOG // 2)  # the busy one must wait
    ((_, (_, _, version, _)),) = log.send(other, ann, "new")
    notified: list[int] = []
    original = LogReader._notices

    def notices(records: list[store_log.Record], refused: dict[int, str]) -> list[tuple[str, bytes]]:
        notified.extend(record.version for record in records)
        return original(records, refused)

    monkeypatch.setattr(LogReader, "_notices", staticmethod(notices))
    assert log.drain().run()
    assert notified.count(version) == 1
    assert len(notified) == len(set(notified)) == BACKLOG + 1
    assert notified.index(version) == 10


def test_pushes_of_a_message_stored_ahead_do_not_wait_for_the_backlog(
    log: LogAndStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, _, other = fill(log)
    monkeypatch.setattr("app.services.drain.store_ahead.TAIL_RECORDS", BACKLOG // 2)  # the busy one must wait
    ((cyd,),) = log.query("SELECT user_id FROM members WHERE conversation_id = :c AND user_id <> :u", c=other, u=ann)
    with writing(log.engine) as conn:
        register(conn, NewTarget(cyd, str(uuid.uuid4()), "android", "fcm", uuid.uuid4().hex))
    log.send(other, ann, "new")
    woken_at: list[int] = []
    assert log.drain(pushes_pending=lambda: woken_at.append(log.waiting())).run()
    assert woken_at == [BACKLOG + 1 - 10]


def test_records_stored_ahead_by_a_dead_drain_are_stored_once(log: LogAndStore) -> None:
    """The next drain stores them again, because it cannot see that they are stored. Nothing changes."""
    ann, busy, other = fill(log)
    log.send(other, ann, "new")
    first = log.drain()
    first._ahead.store_newest(log.epoch)
    first._kept.release()  # its process has ended
    assert log.texts(other) == ["new"]
    assert log.waiting() == BACKLOG + 1
    assert log.drain().run()
    assert log.texts(other) == ["new"]
    assert log.texts(busy) == [f"{number}" for number in range(BACKLOG)]
    assert log.dead_letters() == []


def test_drain_that_died_ahead_is_not_followed(log: LogAndStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that ends processes must be found at the head of the log, where its deaths are counted."""
    ann, _, other = fill(log)
    log.send(other, ann, "new")
    LogReader(Shard(log.redis)).begin_ahead()
    steps = Steps(log, other)
    steps.run(monkeypatch)
    assert steps.seen[-2:] == [[], ["new"]]
    assert not log.redis.exists(keys.FIRST.ahead)


def test_record_that_cannot_be_stored_ahead_waits_for_its_turn(log: LogAndStore) -> None:
    ann, busy, other = fill(log)
    log.send(other, ann, "a", "\\u0000", "b")  # Postgres stores no NUL
    assert log.drain().run()
    assert log.waiting() == 0
    assert log.texts(other) == ["a", None, "b"]
    assert log.texts(busy) == [f"{number}" for number in range(BACKLOG)]
    assert len(log.dead_letters()) == 1
