"""The drain writes events for servers of hosts, in the transaction that stores the change."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from msgspec import UNSET

from app.core.host_events import event_id
from app.core.kinds import Kind
from app.services.webhooks.read_feed import read_feed
from app.store import host_feed
from app.store.engine import reading, writing
from app.store.host_events import add_user_events
from app.store.host_feed import FeedEvent
from tests.factories.store import add_pair
from tests.integration.drain.log_and_store import LogAndStore
from tests.integration.drain.test_repeated_batches import Group

_versions = itertools.count(1_000_000, 1000)


def events(log: LogAndStore, after: int = 0, types: tuple[str, ...] | None = None) -> list[FeedEvent]:
    with reading(log.engine) as conn:
        return host_feed.read_page(conn, after, 1000, types).events


def new_group(log: LogAndStore) -> Group:
    """Its records have versions of their own, as all records of a history have."""
    group = Group(log)
    group._version = next(_versions)
    return group


def begin(log: LogAndStore) -> int:
    with writing(log.engine) as conn:
        host_feed.begin_feed(conn)
        return host_feed.last_event(conn)


@pytest.fixture
def before(log: LogAndStore) -> int:
    return begin(log)


def shown(event: FeedEvent) -> tuple[str, dict[str, Any]]:
    return event.type, json.loads(event.data)


def test_nothing_is_written_until_a_host_wants_events_and_then_nothing_is_missed(log: LogAndStore) -> None:
    """The same drain goes on: it reads in Postgres that the feed has begun."""
    with writing(log.engine) as conn:
        conn.exec_driver_sql("UPDATE log_state SET feeding = false")
    conversation, ann, _ = add_pair(log.engine)
    log.hydrate(conversation)
    log.send(conversation, ann, "before")
    woken: list[None] = []
    drain = log.drain(events_fed=lambda: woken.append(None))
    assert drain.run()
    with reading(log.engine) as conn:
        last = host_feed.last_event(conn)
    begin(log)
    log.send(conversation, ann, "after")
    assert drain.run()
    [event] = events(log, last)
    type_, data = shown(event)
    assert type_ == "message.created"
    assert (data["message"], data["conversationId"], data["senderId"], data["seq"]) == ("after", conversation, ann, 2)
    assert woken == [None]
    assert log.texts(conversation) == ["before", "after"]


def test_changes_of_a_message_are_events_in_order(log: LogAndStore, before: int) -> None:
    group = new_group(log)
    gone = group.record(Kind.DELETED, group.ann, 1, group.message_id, {})._replace(body="")
    group.store(
        group.message(Kind.MESSAGE, message="first"),
        group.message(Kind.EDITED, message="second"),
        group.reaction(on=True),
        group.reaction(on=False),
        gone,
    )
    found = [shown(event) for event in events(log, before)]
    types = "message.created", "message.updated", "reaction.added", "reaction.removed", "message.deleted"
    assert [type_ for type_, _ in found] == list(types)
    assert {data["conversationId"] for _, data in found} == {group.id}
    assert {data["id"] for _, data in found} == {group.message_id}
    assert [found[0][1]["message"], found[1][1]["message"]] == ["first", "second"]
    assert "editedAt" in found[1][1]
    assert (found[2][1]["userId"], found[2][1]["emoji"]) == (group.ben, "👍")
    assert "message" not in found[4][1]


def test_stream_is_created_and_at_its_end_updated(log: LogAndStore, before: int) -> None:
    group = new_group(log)
    group.store(group.message(Kind.MESSAGE, message="", streaming=True, length=0))
    group.store(group.message(Kind.STREAM_ENDED, message="the whole text"))
    (created, began), (updated, ended) = (shown(event) for event in events(log, before))
    assert (created, began["message"], began["streaming"]) == ("message.created", "", True)
    assert (updated, ended["message"], ended["seq"]) == ("message.updated", "the whole text", began["seq"])
    assert not {"streaming", "editedAt"} & ended.keys()


def test_batch_that_is_stored_again_has_its_events_once(log: LogAndStore, before: int) -> None:
    group = new_group(log)
    group.repeat_after(group.message(Kind.MESSAGE, message="first"), group.reaction(on=True))
    assert [event.type for event in events(log, before)] == ["message.created", "reaction.added"]


def test_rejected_message_is_no_event(log: LogAndStore, before: int) -> None:
    group = new_group(log)
    first = group.message(Kind.MESSAGE, message="first")
    group.store(first)
    again = group.record(Kind.MESSAGE, group.ann, 2, group.message_id, json.loads(f"{{{first.body}}}"))
    assert group.records.store(log.epoch, [again]) == {again.version: "again"}
    assert [event.type for event in events(log, before)] == ["message.created"]


def test_change_of_a_group_is_an_event_beside_its_system_message(log: LogAndStore, before: int) -> None:
    group = new_group(log)

    def change(seq: int, system: dict[str, Any]) -> None:
        body = {"id": group.message_id, "senderId": group.ann, "message": "", "kind": "system", "system": system}
        id_ = f"00000000-0000-4000-8000-00000000000{seq}"
        group.store(group.record(Kind.GROUP_CHANGED, group.ann, seq, id_, {**body, "id": id_}))

    change(1, {"type": "created"})
    change(2, {"type": "info", "name": "Renamed"})
    change(3, {"type": "removed", "userIds": [group.ben]})
    change(4, {"type": "added", "userIds": [group.ben]})
    found = [shown(event) for event in events(log, before)]
    assert [type_ for type_, _ in found] == [
        "conversation.created",
        "message.created",
        "message.created",
        "conversation.updated",
        "message.created",
        "member.removed",
        "message.created",
        "member.added",
    ]
    renamed = found[3][1]
    assert (renamed["id"], renamed["name"], renamed["memberCount"]) == (group.id, "Renamed", 2)
    assert [member["userId"] for member in renamed["members"]] == [group.ann, group.ben]
    assert found[5][1] == {"conversationId": group.id, "userId": group.ben, "by": group.ann, "seq": 3}


def test_next_page_of_one_type_begins_after_all_events_that_were_read(log: LogAndStore, before: int) -> None:
    group = new_group(log)
    group.store(group.message(Kind.MESSAGE, message="first"), group.reaction(on=True), group.reaction(on=False))
    with reading(log.engine) as conn:
        page = host_feed.read_page(conn, before, 2, ["reaction.added"])
        rest = host_feed.read_page(conn, page.position, 2, ["reaction.added"])
    assert [event.type for event in page.events] == ["reaction.added"]
    assert page.has_more
    assert rest.events == []
    assert rest.position == page.position + 1
    assert not rest.has_more


def test_events_of_services_are_written_only_while_a_host_wants_them(log: LogAndStore, before: int) -> None:
    _, ann, _ = add_pair(log.engine)
    with writing(log.engine) as conn:
        add_user_events(conn, "user.updated", [ann])
    [event] = events(log, before)
    assert shown(event)[1]["id"] == ann
    with writing(log.engine) as conn:
        conn.exec_driver_sql("UPDATE log_state SET feeding = false")
        add_user_events(conn, "user.updated", [ann])
    assert events(log, event.id) == []


def test_reader_of_one_type_sees_that_events_were_deleted_before_a_page_of_other_types(
    log: LogAndStore, before: int
) -> None:
    group = new_group(log)
    group.store(group.message(Kind.MESSAGE, message="first"))
    with writing(log.engine) as conn:
        conn.exec_driver_sql("UPDATE host_events SET created_at = created_at - interval '10000 days'")
        assert host_feed.sweep(conn, days=7)
    group.store(group.reaction(on=True), group.reaction(on=False))
    found = read_feed(event_id(before), "reaction.removed", 1, 0, engine=log.engine)
    assert [event.type for event in found.events] == ["reaction.removed"]
    assert found.lost is True
    after = read_feed(found.cursor, "reaction.removed", 1, 0, engine=log.engine)
    assert after.lost is UNSET


def test_page_shows_that_events_before_it_were_deleted(log: LogAndStore, before: int) -> None:
    group = new_group(log)
    group.store(group.message(Kind.MESSAGE, message="first"), group.reaction(on=True))
    with writing(log.engine) as conn:
        conn.exec_driver_sql("UPDATE host_events SET created_at = created_at - interval '10000 days'")
        assert host_feed.sweep(conn, days=7) >= 2
        assert host_feed.sweep(conn, days=7) == 0
        assert host_feed.read_page(conn, before, 10).lost
        assert not host_feed.read_page(conn, host_feed.last_event(conn), 10).lost


def test_unused_feed_ends(log: LogAndStore, before: int) -> None:
    with writing(log.engine) as conn:
        host_feed.note_pull(conn)
        assert not host_feed.end_unused_feed(conn, days=7)
        conn.exec_driver_sql("UPDATE host_feed SET pulled_at = now() - interval '8 days'")
        assert host_feed.end_unused_feed(conn, days=7)
        assert not host_feed.is_feeding(conn)
        host_feed.note_pull(conn)
        assert host_feed.is_feeding(conn)
