"""Reads over all conversations of a user include the records that wait in the logs of both shards."""

from __future__ import annotations

import uuid
from functools import partial

import pytest
import redis
from sqlalchemy import text

from app.core.errors import NotFound, Overloaded
from app.core.kinds import Kind
from app.services.media.media_address import visible_media
from app.services.reading import count_unread as counting
from app.services.reading import memberships
from app.services.reading.count_unread import count_unread
from app.services.reading.memberships import left_among, memberships_now
from app.store.engine import reading
from app.store.unread import UnreadRequest
from tests.factories.store import add_users
from tests.integration.shards.two_shards import TwoShards


class Talks:
    """Ann has a conversation in each shard. In both, one message is stored, and another one waits."""

    def __init__(self, two: TwoShards) -> None:
        [self.ann] = add_users(two.engine, 1)
        self.ids = [two.direct(number, self.ann) for number in range(2)]
        self.others = [two.other(id_, self.ann) for id_ in self.ids]
        self.stored = [two.say(id_, other, "stored") for id_, other in zip(self.ids, self.others, strict=True)]
        two.drain_all()
        self.waiting = [two.say(id_, other, "waiting") for id_, other in zip(self.ids, self.others, strict=True)]


@pytest.fixture
def talks(two: TwoShards) -> Talks:
    return Talks(two)


def counts(two: TwoShards, user: int, **options: bool) -> dict[int, int]:
    return count_unread([user], engine=two.engine, shards=two.shards, **options)[0]


def test_list_shows_the_last_messages_of_both(two: TwoShards, talks: Talks) -> None:
    page = two.conversations().list_page(talks.ann, None, 10)
    shown = {view["id"]: (view["unread"], view["lastMessage"]["id"]) for view in page["conversations"]}
    assert shown == {id_: (2, last) for id_, last in zip(talks.ids, talks.waiting, strict=True)}
    two.drain(0)
    again = two.conversations().list_page(talks.ann, None, 10)
    assert {view["id"]: (view["unread"], view["lastMessage"]["id"]) for view in again["conversations"]} == shown


def test_settings_and_drafts_of_both_apply(two: TwoShards, talks: Talks) -> None:
    for id_ in talks.ids:
        two.change(Kind.SETTINGS, id_, talks.ann, [], '"archived":true')
        two.change(Kind.DRAFTED, id_, talks.ann, [], '"message":"a draft"')
    two.drain(1)
    for id_ in talks.ids:
        two.change(Kind.SETTINGS, id_, talks.ann, [], '"pinned":true')
    found = two.conversations().list_page(talks.ann, None, 10)["conversations"]
    shown = [(view["archived"], view["pinned"], view["draft"]["message"]) for view in found]
    assert shown == [(True, True, "a draft")] * 2


def test_unread_messages_of_both_are_counted_and_fetched(two: TwoShards, talks: Talks) -> None:
    assert counts(two, talks.ann) == dict.fromkeys(talks.ids, 2)
    [answer] = two.fetcher().fetch([UnreadRequest(talks.ann, None, 10)])
    assert isinstance(answer, dict)
    assert {message["id"] for message in answer["messages"]} == {*talks.stored, *talks.waiting}
    two.mark(Kind.READ, talks.ids[1], talks.ann, 1)
    assert counts(two, talks.ann) == {talks.ids[0]: 2, talks.ids[1]: 1}


def test_requests_of_one_batch_get_their_own_conversations(two: TwoShards, talks: Talks) -> None:
    one, other = talks.ids
    wanted = [one, None, other, one]
    answers = two.fetcher().fetch([UnreadRequest(talks.ann, conversation, 10) for conversation in wanted])
    found = [{message["conversationId"] for message in answer["messages"]} for answer in answers]  # type: ignore[index]
    assert found == [{one}, {one, other}, {other}, {one}]


@pytest.mark.parametrize("number", range(2))
def test_history_has_what_waits_in_the_log_of_its_shard(two: TwoShards, talks: Talks, number: int) -> None:
    found = two.conversations().history(talks.ann, talks.ids[number], None, None, 10)["messages"]
    assert [message["id"] for message in found] == [talks.stored[number], talks.waiting[number]]
    assert two.conversations().show(talks.ann, talks.ids[number])["unread"] == 2


def test_joinings_and_leavings_in_both_apply(two: TwoShards) -> None:
    ann, ben = add_users(two.engine, 2)
    left, joined = [two.group(number, ben, ann) for number in range(2)], [two.group(number, ben) for number in range(2)]
    for group in left:
        two.change_members(group, ben, "removed", ann)
    for group in joined:
        two.change_members(group, ben, "added", 100, ann)
    found = memberships_now([ann], engine=two.engine, shards=two.shards)
    assert found.of[ann] == set(joined)
    assert {conversation for _, conversation in found.since} == set(joined)
    assert left_among(ann, [*left, *joined], engine=two.engine, shards=two.shards) == set(left)
    for number in range(2):
        some = memberships_now([ann], engine=two.engine, shards=two.shards, shard=two.shards[number])
        assert some.of[ann] == {joined[number]}
    listed = two.conversations().list_page(ann, None, 10)["conversations"]
    assert {view["id"] for view in listed} == set(joined)
    assert sorted(conversation for conversation, _ in two.waits) == sorted(joined)  # each shard stored its own


def test_joining_that_is_stored_between_two_reads_counts(two: TwoShards, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, ben = add_users(two.engine, 2)
    groups = [two.group(number, ben) for number in range(2)]
    for group in groups:
        two.change_members(group, ben, "added", 100, ann)
    real = memberships.conversations_of

    def conversations_of(*args: object) -> dict[int, set[int]]:
        found = real(*args)  # type: ignore[arg-type]
        monkeypatch.setattr(memberships, "conversations_of", real)
        two.drain_all()
        return found

    monkeypatch.setattr(memberships, "conversations_of", conversations_of)
    assert memberships_now([ann], engine=two.engine, shards=two.shards).of[ann] == set(groups)


def test_stars_of_the_same_version_stay_on_one_page(two: TwoShards, talks: Talks) -> None:
    for id_ in talks.ids:
        two.change(Kind.STARRED, id_, talks.ann, [1, 0], '"on":true')
        two.change(Kind.STARRED, id_, talks.ann, [2, 0], '"on":true')
    two.drain_all()
    two.run(
        "UPDATE stars SET version = CASE WHEN seq = 1 AND conversation_id = :c THEN 9 WHEN seq = 2 THEN 5 ELSE 1 END "
        "WHERE user_id = :u",
        c=talks.ids[0],
        u=talks.ann,
    )
    found, before = [], 2**62
    while True:
        page = two.queries().starred(talks.ann, before, 2)
        found += [(message["conversationId"], message["seq"]) for message in page["messages"]]
        if not page["hasMore"]:
            break
        before = int(page["cursor"])
    assert sorted(found) == [(id_, seq) for id_ in sorted(talks.ids) for seq in (1, 2)]


# --- one shard is away


@pytest.mark.parametrize("number", range(2))
def test_conversation_of_another_shard_is_read(two: TwoShards, talks: Talks, away: redis.Redis, number: int) -> None:
    shards, there = two.lose(1 - number, away), talks.ids[number]
    conversations, fetcher, finder = two.conversations(shards), two.fetcher(shards), two.finder(shards)
    assert len(conversations.history(talks.ann, there, None, None, 10)["messages"]) == 2
    assert conversations.show(talks.ann, there)["unread"] == 2
    assert conversations.page_members(talks.ann, there, 0, 10)["members"]
    assert left_among(talks.ann, [there], engine=two.engine, shards=shards) == set()
    wanted = [there, None, talks.ids[1 - number]]
    found, *refused = fetcher.fetch([UnreadRequest(talks.ann, conversation, 10) for conversation in wanted])
    assert isinstance(found, dict)
    assert len(found["messages"]) == 2
    assert [type(answer) for answer in refused] == [Overloaded, Overloaded]
    for id_ in (talks.stored[number], talks.waiting[number]):
        assert finder.find(talks.ann, id_)["id"] == finder.find(talks.ann, id_, there)["id"] == id_
    for id_ in (talks.stored[1 - number], talks.waiting[1 - number]):
        with pytest.raises(Overloaded):
            finder.find(talks.ann, id_)
    with pytest.raises(NotFound):
        finder.find(talks.ann, talks.waiting[1 - number], there)


def test_medium_that_is_not_found_may_be_in_the_shard_that_is_away(
    two: TwoShards, talks: Talks, away: redis.Redis
) -> None:
    for shards, error in ((two.shards, NotFound), (two.lose(1, away), Overloaded)):
        members = partial(memberships_now, engine=two.engine, shards=shards, some=True)
        with pytest.raises(error):
            visible_media(talks.ann, str(uuid.uuid4()), engine=two.engine, memberships=members)


def test_lists_and_counts_are_refused_while_a_shard_is_away(two: TwoShards, talks: Talks, away: redis.Redis) -> None:
    shards = two.lose(1, away)
    with pytest.raises(Overloaded):
        two.conversations(shards).list_page(talks.ann, None, 10)
    with pytest.raises(Overloaded):
        count_unread([talks.ann], engine=two.engine, shards=shards)


def test_counts_may_leave_out_what_waits_in_a_shard_that_is_away(
    two: TwoShards, talks: Talks, away: redis.Redis
) -> None:
    [found] = count_unread([talks.ann], engine=two.engine, shards=two.lose(1, away), some=True)
    assert found == {talks.ids[0]: 2, talks.ids[1]: 1}


# --- what is kept for users of many conversations


def kept(two: TwoShards, user: int) -> dict[int, tuple[int, set[int]]]:
    query = "SELECT shard, version, unread FROM read_conversations WHERE user_id = :u"
    with reading(two.engine) as conn:
        return {shard: (at, set(unread)) for shard, at, unread in conn.execute(text(query), {"u": user})}


@pytest.fixture
def many(two: TwoShards, talks: Talks, monkeypatch: pytest.MonkeyPatch) -> Talks:
    """Every user counts as one of many conversations."""
    monkeypatch.setattr(counting, "MANY", 1)
    return talks


def test_state_is_kept_for_each_shard(two: TwoShards, many: Talks) -> None:
    assert counts(two, many.ann) == dict.fromkeys(many.ids, 2)
    states = kept(two, many.ann)
    assert [states[number][1] for number in range(2)] == [{many.ids[0]}, {many.ids[1]}]
    assert states[0][0] - states[1][0] > 1_800_000_000
    two.drain_all()
    for id_, other in zip(many.ids, many.others, strict=True):
        two.say(id_, other, "later")
    two.drain_all()
    new = [two.direct(number, many.ann) for number in range(2)]
    for id_ in new:
        two.say(id_, two.other(id_, many.ann), "new")
    two.drain(0)
    assert counts(two, many.ann) == {**dict.fromkeys(many.ids, 3), **dict.fromkeys(new, 1)}


def test_state_of_a_shard_ends_with_its_epoch(two: TwoShards, many: Talks) -> None:
    two.drain_all()
    counts(two, many.ann)
    two.run("UPDATE log_state SET epoch = epoch + 1 WHERE id = 2")
    two.run("UPDATE read_conversations SET unread = CAST(ARRAY[] AS bigint[])")  # a wrong state shows if it is used
    two.run("UPDATE noted_changes SET noted = 0")
    assert counts(two, many.ann) == {many.ids[1]: 2}
