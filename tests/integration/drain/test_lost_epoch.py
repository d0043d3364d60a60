"""An epoch is given up while the log and the tails still hold records. Nobody can change a lost message, and an old
drain does not change the new epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from app.core.commands import DeleteMessage, EditMessage, React, SwitchMessage
from app.core.errors import NotFound, Overloaded
from app.core.kinds import Kind
from app.message_log import keys
from app.message_log.append import BEGINS_STREAM, Decided, Operation
from app.message_log.conversations import hydrate
from app.message_log.epoch import begin_epoch
from app.message_log.reader import LogReader
from app.message_log.shards import Shard, Shards
from app.message_log.tails import read_tail
from app.services.messaging.change_message import MessageEditor
from app.services.messaging.mentions import NOBODY
from app.services.messaging.prepared import Prepared
from app.services.messaging.submit_change import change_refusal
from app.services.reading.direct_cache import DirectCache
from app.services.reading.find_message import MessageFinder
from app.store.conversations import load_state
from app.store.engine import reading
from app.store.epochs import next_epoch
from tests.factories.store import add_direct, add_users
from tests.integration.drain.log_and_store import LogAndStore

Act = Callable[[MessageEditor, int, str], Prepared]

ACTS: dict[str, Act] = {
    "edit": lambda editor, user, id_: editor.edit(user, EditMessage(id=id_, message="new")),
    "delete": lambda editor, user, id_: editor.delete(user, DeleteMessage(id=id_)),
    "hide": lambda editor, user, id_: editor.delete(user, DeleteMessage(id=id_, scope="me")),
    "react": lambda editor, user, id_: editor.react(user, React(id=id_, emoji="👍", on=True)),
    "pin": lambda editor, user, id_: editor.switch(Kind.PINNED, user, SwitchMessage(id=id_, on=True)),
    "star": lambda editor, user, id_: editor.switch(Kind.STARRED, user, SwitchMessage(id=id_, on=True)),
}


class World:
    """A pair of users, and a message that is only in the log."""

    def __init__(self, log: LogAndStore) -> None:
        self.log = log
        self.ann, ben = add_users(log.engine, 2)
        self.pair = add_direct(log.engine, self.ann, ben)
        log.hydrate(self.pair)
        ((self.lost, _),) = log.send(self.pair, self.ann, "lost")
        names_nobody: Any = SimpleNamespace(find=lambda *_: NOBODY)
        self.editor = MessageEditor(
            engine=log.engine,
            mentions=names_nobody,
            messages=MessageFinder(engine=log.engine, shards=Shards([log.redis]), directs=DirectCache()),
            streams=None,  # type: ignore[arg-type]
            acquire_edit=lambda _: None,
            acquire_reaction=lambda _: None,
            max_text=100,
            edit_seconds=3600,
        )

    def give_up(self) -> None:
        LogReader(Shard(self.log.redis)).give_up_epoch(self.log.epoch)

    def begin(self) -> None:
        """Begins the next epoch. The message's seq becomes another message's."""
        self.log.epoch = begin_epoch(Shard(self.log.redis), lambda: next_epoch(self.log.engine)).number
        self.log.hydrate(self.pair)
        self.log.send(self.pair, self.ann, "another")


@pytest.fixture
def world(log: LogAndStore) -> World:
    return World(log)


@pytest.mark.parametrize("act", ACTS)
def test_act_on_a_lost_message_does_not_reach_the_message_with_its_seq(world: World, act: str) -> None:
    """The message is found in the tail. Before the act reaches the log, a new epoch begins."""
    prepared = ACTS[act](world.editor, world.ann, world.lost)
    world.give_up()
    world.begin()
    (decision,) = world.log.change([prepared.operation])
    assert decision[0] == Decided.STALE
    assert isinstance(change_refusal(decision[0]), Overloaded)  # the client repeats it, and then it is not found
    with pytest.raises(NotFound):
        ACTS[act](world.editor, world.ann, world.lost)
    assert world.log.drain().run()
    assert world.log.texts(world.pair) == ["another"]


@pytest.mark.parametrize("act", ACTS)
def test_tail_of_an_epoch_that_was_given_up_is_not_believed(world: World, act: str) -> None:
    world.give_up()
    with pytest.raises(NotFound):
        ACTS[act](world.editor, world.ann, world.lost)
    tail = read_tail(Shard(world.log.redis), [world.pair])
    assert (tail.records, tail.is_empty, tail.epoch) == ([], True, 0)


def test_stream_that_was_lost_begins_again_under_its_id(world: World) -> None:
    begin = Operation(Kind.MESSAGE, world.pair, world.ann, ("stream", False, BEGINS_STREAM), "", id="stream")
    assert world.log.append([begin])[0][0] == Decided.DONE
    assert world.log.append([begin])[0][0] == Decided.PENDING
    world.give_up()
    world.begin()
    assert world.log.append([begin])[0][:2] == (Decided.DONE, 2)


def test_send_that_was_looked_up_in_the_old_epoch_is_not_accepted(world: World) -> None:
    """Its id may be that of a stored message whose mark is lost."""
    of_old = Operation(Kind.MESSAGE, world.pair, world.ann, "id", "", id="id", epoch=world.log.epoch)
    world.give_up()
    world.begin()
    assert world.log.append([of_old])[0][0] == Decided.STALE
    assert world.log.append([of_old._replace(epoch=world.log.epoch)])[0][:2] == (Decided.DONE, 2)


def test_message_that_was_read_between_two_epochs_is_read_again(world: World) -> None:
    assert world.log.drain().run()
    world.give_up()
    prepared = ACTS["react"](world.editor, world.ann, world.lost)  # it is stored, so it is found
    world.begin()
    assert world.log.change([prepared.operation])[0][0] == Decided.STALE
    again = ACTS["react"](world.editor, world.ann, world.lost)
    assert world.log.change([again.operation])[0][0] == Decided.DONE


def test_drain_of_the_old_epoch_does_not_end_the_new_one(world: World) -> None:
    """It has committed, and removes its entries late. Their numbers would make the new log seem to lack its first."""
    reader = LogReader(Shard(world.log.redis))
    _, taken = reader.take(10, 0)
    world.give_up()
    world.begin()
    before = world.log.redis.hgetall(keys.FIRST.log_state)
    reader.remove(taken, {})
    assert world.log.redis.hgetall(keys.FIRST.log_state) == before
    assert not reader.give_up_if_lost()
    assert world.log.drain().run()
    assert world.log.texts(world.pair) == ["another"]


def test_change_of_a_stored_message_needs_no_epoch(world: World) -> None:
    """As when an account is removed: the seqs come from Postgres, so they are the same in every epoch."""
    assert world.log.drain().run()
    world.give_up()
    world.begin()
    with reading(world.log.engine) as conn:
        (state,) = load_state(conn, [world.pair])
    assert hydrate(Shard(world.log.redis), world.log.epoch, state)
    deletion = Operation(Kind.DELETED, world.pair, world.ann, [1, 0, world.ann], id=world.lost)
    assert world.log.change([deletion])[0][0] == Decided.DONE


def test_each_loss_of_entries_is_logged_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    stops: Iterator[bool] = iter(())
    drain = world.log.drain(stopping=lambda: next(stops, False))
    for losses in (1, 2):
        world.log.send(world.pair, world.ann, "lost")
        world.log.send(world.pair, world.ann, "kept")
        world.log.redis.xtrim(keys.FIRST.log, maxlen=1, approximate=False)
        stops = iter((False, False, False, True))  # it reads the log three times
        assert drain.run()
        logged = [record.message for record in caplog.records]
        assert logged.count("the log lost unstored entries; a new epoch begins") == losses
        world.begin()
        assert drain.run()
        assert world.log.waiting() == 0
