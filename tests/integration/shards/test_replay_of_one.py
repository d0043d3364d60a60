"""A replay of one shard has the changes of its conversations, and nothing of the other shard."""

from __future__ import annotations

import json
import time

import redis

from app.core.cursor import encode_cursor
from app.core.kinds import Kind
from app.message_log.epoch import last_version
from app.services.reading.who_missed import who_missed
from app.store.engine import reading
from app.store.receipts import delivered_up_to
from tests.factories.store import add_users
from tests.integration.shards.two_shards import TwoShards, conversation_in

NOW = int(time.time() + 7200) * 1_000_000  # beyond all versions


def test_each_shard_replays_its_own_conversations(two: TwoShards) -> None:
    """The clock of shard 0 is an hour ahead: with one position for both, a replay would bring everything of one shard
    or nothing of the other.
    """
    [ann] = add_users(two.engine, 1)
    ids = [two.direct(number, ann) for number in range(2)]
    others = [two.other(id_, ann) for id_ in ids]
    first = [two.say(id_, other, "first") for id_, other in zip(ids, others, strict=True)]
    two.drain_all()
    since = [last_version(shard) for shard in two.shards]
    assert [two.replay(number, ann, since[number]) for number in range(2)] == [[], []]
    stored = [two.say(id_, other, "stored") for id_, other in zip(ids, others, strict=True)]
    for id_ in ids:
        two.change(Kind.DRAFTED, id_, ann, [], '"message":"a draft"')
        two.change(Kind.SETTINGS, id_, ann, [], '"archived":true')
        two.change(Kind.STARRED, id_, ann, [1, 0], '"on":true')
        two.change(Kind.HIDDEN, id_, ann, [1, 0])
    two.drain_all()
    waiting = [two.say(id_, other, "waiting") for id_, other in zip(ids, others, strict=True)]
    for number, id_ in enumerate(ids):
        events = two.replay(number, ann, since[number])
        assert {conversation_in(event) for event in events} == {id_}
        assert [event.version for event in events] == sorted(event.version for event in events)
        new = [json.loads(event.data)["id"] for event in events if event.name == "receive_message"]
        assert new == [stored[number], waiting[number]]
        names = {event.name for event in events}
        assert names >= {"draft_updated", "conversation_settings", "message_starred", "message_deleted"}, names
        assert encode_cursor(two.epoch, events[-1].version) == events[-1].cursor
        messages = {json.loads(e.data)["id"] for e in two.replay(number, ann, 0) if e.name == "receive_message"}
        assert messages == {stored[number], waiting[number]}
        assert first[number] not in messages  # hidden


def test_group_of_the_other_shard_is_not_replayed(two: TwoShards) -> None:
    ann, ben = add_users(two.engine, 2)
    groups = [two.group(number, ben, ann) for number in range(2)]
    for group in groups:
        two.change_members(group, ben, "removed", ann)
    for number, group in enumerate(groups):
        assert {conversation_in(event) for event in two.replay(number, ann, 0)} == {group}
    two.drain_all()
    for number, group in enumerate(groups):
        assert {conversation_in(event) for event in two.replay(number, ann, 0)} == {group}


def test_replay_of_one_needs_no_other(two: TwoShards, away: redis.Redis) -> None:
    [ann] = add_users(two.engine, 1)
    ids = [two.direct(number, ann) for number in range(2)]
    for id_ in ids:
        two.say(id_, two.other(id_, ann), "waiting")
    for number, id_ in enumerate(ids):
        shards = two.lose(1 - number, away)
        assert {conversation_in(event) for event in two.replay(number, ann, 0, shards)} == {id_}
        ask = {"engine": two.engine, "shard": shards[number], "saw_epoch": lambda _: None, "news": False}
        assert who_missed([(ann, NOW)], **ask) == [True]


def test_only_the_shard_with_news_was_missed(two: TwoShards) -> None:
    ann, ben = add_users(two.engine, 2)
    ids = [two.group(number, ann, ben) for number in range(2)]
    two.run("UPDATE users SET changed_at = NULL")

    def missed(version: int) -> list[list[bool]]:
        ask = {"engine": two.engine, "saw_epoch": lambda _: None}
        return [who_missed([(ann, version), (ben, version)], **ask, shard=shard) for shard in two.shards]

    two.say(ids[1], ben, "waiting")
    assert missed(NOW) == [[False, False], [True, True]]
    two.drain(1)
    assert missed(NOW) == [[False, False], [False, False]]
    assert missed(0) == [[False, False], [True, True]]


def test_position_confirms_only_its_own_conversations(two: TwoShards) -> None:
    [ann] = add_users(two.engine, 1)
    ids = [two.direct(number, ann) for number in range(2)]
    for id_ in ids:
        two.say(id_, two.other(id_, ann), "stored")
    two.drain_all()
    ahead, behind = (last_version(shard) for shard in two.shards)
    with reading(two.engine) as conn:
        found = [delivered_up_to(conn, ann, version, shard.part) for version in (behind, ahead) for shard in two.shards]
    assert found == [[], [(ids[1], 1)], [(ids[0], 1)], [(ids[1], 1)]]
