"""A stream without its writer: the text is stored from time to time, and the stream ends by itself."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, text

from tests.contract.conftest import Connect, MakeRest
from tests.contract.expect import eventually, refused
from tests.contract.expect_groups import one
from tests.contract.expect_streams import Writer, ended, grown, stop
from tests.support.clients import Account
from tests.support.processes import Stack

LONG_AGO = "update streams set touched_at = now() - interval '2 minutes' where conversation_id = :c"


def open_in_store(stored: Engine, conversation_id: int) -> list[int]:
    with stored.connect() as connection:
        rows = connection.execute(text("select seq from streams where conversation_id = :c"), {"c": conversation_id})
        return [row[0] for row in rows]


def age(stored: Engine, conversation_id: int) -> None:
    with stored.begin() as connection:
        connection.execute(text(LONG_AGO), {"c": conversation_id})


def age_in_redis(server: Stack, conversation_id: int) -> None:
    with server.shards() as shards:
        shard = shards.of(conversation_id)
        shard.redis.zadd(shard.keys.streams, {shard.keys.open_stream(conversation_id, 2): 1})


def version_of(stored: Engine, conversation_id: int) -> int:
    with stored.connect() as connection:
        query = text("select version from messages where conversation_id = :c and seq = 2")
        return int(connection.execute(query, {"c": conversation_id}).scalar_one())


def test_text_is_stored_from_time_to_time_without_a_change(
    rest: MakeRest, rows: Any, stored: Engine, made: int, ann: Account
) -> None:
    writer = Writer(rest(ann), made)
    before = version_of(stored, made)
    for piece in ("one ", "two 漢字"):
        writer.append(piece)
        eventually(lambda: rows(made)[-1][3] == writer.text, "the text so far is stored")
    assert version_of(stored, made) == before
    assert open_in_store(stored, made) == [2]
    writer.append(" not stored yet")
    writer.end()
    assert rows(made)[-1][3] == "one two 漢字 not stored yet"
    assert open_in_store(stored, made) == []


def test_stream_that_nobody_writes_ends_with_its_text(
    server: Stack, connect: Connect, rest: MakeRest, stored: Engine, made: int, ann: Account, ben: Account
) -> None:
    reader = connect("ws", ben)
    writer = Writer(rest(ann), made)
    writer.append("left alone")
    age_in_redis(server, made)
    assert reader.next_event(ended(writer.id)).data["message"] == "left alone"
    with refused("stopped"):
        writer.append("x")
    assert writer.end()["id"] == writer.id
    eventually(lambda: open_in_store(stored, made) == [], "the stream is over in the store")
    assert one(rest(ben), made, 2)["message"] == "left alone"


def test_stream_that_goes_on_slowly_does_not_end(
    rest: MakeRest, rows: Any, stored: Engine, made: int, ann: Account
) -> None:
    """An append without text keeps it open: the row in Postgres is old then, but Redis knows the stream."""
    slow, other = Writer(rest(ann), made), Writer(rest(ann), made)
    slow.append("slow")
    eventually(lambda: rows(made)[1][3] == "slow", "the text is stored")
    slow.append("", 4)
    age(stored, made)
    other.append("a text that the next sweep stores")
    eventually(lambda: rows(made)[2][3] == other.text, "the sweep ran")
    slow.append(" but alive")
    assert slow.end()["id"] == slow.id


def test_stream_that_redis_lost_ends_with_the_stored_text(
    server: Stack, connect: Connect, rest: MakeRest, rows: Any, stored: Engine, made: int, ann: Account, ben: Account
) -> None:
    writer = Writer(rest(ann), made)
    writer.append("stored")
    eventually(lambda: rows(made)[-1][3] == "stored", "the text is stored")
    with server.shards() as shards:
        names = shards.of(made).keys
        shards.of(made).redis.delete(
            names.streams,
            names.stream(made, 2),
            names.stream_text(made, 2),
            names.stream_place(writer.id),
            names.open_streams(made),
        )
    shown = one(rest(ben), made, 2)
    assert (shown["message"], shown["length"], shown["streaming"]) == ("stored", 6, True)
    with refused("stopped"):
        writer.append(" more")
    reader = connect("ws", ben)
    age(stored, made)
    assert reader.next_event(ended(writer.id)).data["message"] == "stored"
    assert "streaming" not in one(rest(ben), made, 2)


def test_lost_stream_is_ended_or_stopped_at_once(
    server: Stack, rest: MakeRest, made: int, ann: Account, ben: Account
) -> None:
    streams = [Writer(rest(ann), made) for _ in range(2)]
    with server.shards() as shards:
        shard = shards.of(made)
        for writer in streams:
            shard.redis.delete(shard.keys.stream_place(writer.id))
    assert streams[0].end(message="by its writer")["seq"] == 2
    assert stop(rest(ben), streams[1].id)["seq"] == 3
    assert [m["message"] for m in rest(ben).history(made)["messages"][1:]] == ["by its writer", ""]
    assert all("streaming" not in m for m in rest(ben).history(made)["messages"])


def test_deleted_stream_leaves_nothing(
    server: Stack, connect: Connect, rest: MakeRest, stored: Engine, made: int, ann: Account, ben: Account
) -> None:
    reader = connect("ws", ben)
    writer = Writer(rest(ann), made)
    writer.append("soon gone")
    rest(ann).delete(writer.id, made)
    reader.next_event("message_deleted")
    assert grown(reader, writer.id) == "soon gone"
    age_in_redis(server, made)
    eventually(lambda: open_in_store(stored, made) == [], "the stream is over in the store")
    with refused("not_found"):
        writer.end()
    assert "message" not in one(rest(ben), made, 2)
