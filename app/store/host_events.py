"""Writes the feed of events for servers of hosts: rows of ``host_events``, in the transaction of their change.

Invariants

* Nothing is written unless a host has a webhook or pulls (``log_state.feeding``).
* Ids follow the order of commits, so a reader that has seen an id has seen all lower ones. For this, every writer (and
  so the drain of each shard) holds one lock from its first id until its commit. Write events last in a transaction,
  because other writers wait for the lock until the commit.
* An event of a record is written once, however often its batch is stored. Two shards may give the same version to two
  records, so the event's version has the shard's number in its upper bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from app.core.avatars import shown
from app.core.host_events import marked_shadow, user_lane
from app.core.kinds import FEED, MESSAGE_CHANGES
from app.core.records import Record
from app.core.times import rfc3339
from app.store.conversations import MEMBERS_SHOWN
from app.store.pg_arrays import int_array, text_array
from app.store.sql import HotStatement, ms_of

# Versions are microseconds since 1970, which take fewer bits until the year 2112.
_VERSION_BITS = 52
_TURN = 0x5041524C4645  # "PARLFE"
_encode = msgspec.json.Encoder().encode

_INSERT = HotStatement(f"""
    WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock({_TURN}))
    INSERT INTO host_events (lane, type, data, version, part, created_at)
    SELECT l, t, d, nullif(v, 0), p, to_timestamp(CAST(ms AS float8) / 1000)
    FROM unnest(CAST(:lanes AS bigint[]), CAST(:types AS text[]), CAST(:data AS text[]), CAST(:versions AS bigint[]),
                CAST(:parts AS smallint[]), CAST(:times AS bigint[])) WITH ORDINALITY AS new (l, t, d, v, p, ms, n)
    WHERE (SELECT count(*) FROM turn) = 1
    ORDER BY n
    ON CONFLICT (version, part) WHERE version IS NOT NULL DO NOTHING
""")
_FEEDING = HotStatement(f"SELECT feeding, {ms_of('clock_timestamp()')} FROM log_state WHERE id = 1")
_SHADOWS = HotStatement("""
    SELECT x.conversation_id, x.seq FROM unnest(CAST(:conversations AS bigint[]), CAST(:seqs AS bigint[])) AS new (c, s)
    JOIN messages AS x ON x.conversation_id = c AND x.seq = s AND x.shadow
""")
_USERS = HotStatement(f"""
    SELECT id, external_id, username, display_name, avatar_url, {ms_of("created_at")}, metadata
    FROM users WHERE id = ANY(CAST(:ids AS bigint[])) AND deleted_at IS NULL ORDER BY id
""")
_CONVERSATIONS = HotStatement(f"""
    SELECT c.id, c.kind, c.external_id, c.name, c.description, c.avatar_url, c.history, c.read_only, c.member_count,
           c.last_seq, {ms_of("c.created_at")}, ARRAY(
        SELECT user_id FROM members AS m WHERE m.conversation_id = c.id AND coalesce(m.left_seq, 0) = 0
        ORDER BY user_id LIMIT {MEMBERS_SHOWN + 1}), ARRAY(
        SELECT role FROM members AS m WHERE m.conversation_id = c.id AND coalesce(m.left_seq, 0) = 0
        ORDER BY user_id LIMIT {MEMBERS_SHOWN + 1}), c.metadata
    FROM conversations AS c WHERE c.id = ANY(CAST(:ids AS bigint[]))
""")


class NewEvent(NamedTuple):
    """``data`` is JSON. ``version`` is the version of a record, with its shard's number, or 0."""

    lane: int
    type: str
    data: bytes
    ms: int
    version: int = 0
    part: int = 0


def add_event(conn: Connection, type_: str, lane: int, data: dict[str, Any]) -> None:
    """Adds an event to the feed if a host wants it. Needs a transaction; call it last, before the commit."""
    add_events(conn, type_, [(lane, data)])


def add_events(conn: Connection, type_: str, events: Iterable[tuple[int, dict[str, Any]]]) -> None:
    """Adds several events of one type, each (lane, data), on the same terms as ``add_event``."""
    now = _now_if_feeding(conn)
    if now:
        insert_events(conn, [NewEvent(lane, type_, _encode(data), now) for lane, data in events])


def add_user_events(conn: Connection, type_: str, ids: Iterable[int]) -> None:
    """Adds an event with the present state of each user, on the same terms as ``add_event``."""
    now = _now_if_feeding(conn)
    if now:
        views = user_views(conn, ids)
        insert_events(conn, [NewEvent(user_lane(id_), type_, _encode(view), now) for id_, view in views.items()])


def add_conversation_event(conn: Connection, type_: str, conversation_id: int) -> None:
    """Adds an event with the present state of the conversation, on the same terms as ``add_event``."""
    now = _now_if_feeding(conn)
    if now:
        views = conversation_views(conn, [conversation_id])
        insert_events(conn, [NewEvent(one, type_, data, now) for one, data in views.items()])


def _now_if_feeding(conn: Connection) -> int:
    feeding, now = _FEEDING.rows(conn)[0]
    return int(now) if feeding else 0


def feed_records(conn: Connection, records: Sequence[tuple[Record, Any]], shard: int = 0) -> int:
    """Adds the events of stored records of one shard, each with its decoded body. Returns how many there are.

    The records of a conversation must be in the order of their versions.
    """
    shadows = _shadow_messages(conn, [record for record, _ in records if record.kind in MESSAGE_CHANGES])
    made = [
        (record, part, fed._replace(data=marked_shadow(fed.data)) if record.place in shadows else fed)
        for record, body in records
        for part, fed in enumerate(FEED[record.kind](record, body) if record.kind in FEED else ())
    ]
    wanted = {record.conversation_id for record, _, fed in made if fed.data is None}
    views = conversation_views(conn, wanted) if wanted else {}
    events = [
        NewEvent(record.conversation_id, fed.type, data, record.sent_ms, shard << _VERSION_BITS | record.version, part)
        for record, part, fed in made
        if (data := views.get(record.conversation_id) if fed.data is None else fed.data) is not None
    ]
    insert_events(conn, events)
    return len(events)


def _shadow_messages(conn: Connection, changes: Sequence[Record]) -> set[tuple[int, int]]:
    """Returns the places of the changed messages that only their senders see."""
    if not changes:
        return set()
    places = {"conversations": int_array(c.conversation_id for c in changes), "seqs": int_array(c.seq for c in changes)}
    return {(conversation, seq) for conversation, seq in _SHADOWS.rows(conn, **places)}


def insert_events(conn: Connection, events: Sequence[NewEvent]) -> None:
    """Writes the events in this order. Needs a transaction, which holds the feed's lock from now on."""
    if not events:
        return
    _INSERT.send(
        conn,
        lanes=int_array(event.lane for event in events),
        types=text_array(event.type for event in events),
        data=text_array(event.data.decode() for event in events),
        versions=int_array(event.version for event in events),
        parts=int_array(event.part for event in events),
        times=int_array(event.ms for event in events),
    )


def user_views(conn: Connection, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Returns user -> JSON object for hosts, without deleted accounts."""
    return {row[0]: _user(*row) for row in _USERS.rows(conn, ids=int_array(ids))}


def _user(
    id_: int,
    external_id: str | None,
    username: str,
    display_name: str,
    avatar_url: str | None,
    created_ms: int,
    metadata: dict[str, Any] | None,
) -> dict[str, Any]:
    optional = {"externalId": external_id, "avatarUrl": shown(avatar_url), "metadata": metadata or None}
    return {
        "id": id_,
        **{field: value for field, value in optional.items() if value is not None},
        "username": username,
        "displayName": display_name,
        "createdAt": rfc3339(created_ms),
    }


def conversation_views(conn: Connection, ids: Iterable[int]) -> dict[int, bytes]:
    """Returns conversation -> JSON object for hosts. Large groups come without their members."""
    rows = _CONVERSATIONS.rows(conn, ids=int_array(ids))
    return {row[0]: _encode(_conversation(*row)) for row in rows}


def _conversation(
    id_: int,
    kind: str,
    external_id: str | None,
    name: str | None,
    description: str | None,
    avatar_url: str | None,
    history: str,
    read_only: bool,
    member_count: int,
    last_seq: int,
    created_ms: int,
    users: list[int],
    roles: list[str],
    metadata: dict[str, Any] | None,
) -> dict[str, Any]:
    view: dict[str, Any] = {"id": id_, "kind": kind, "memberCount": member_count, "lastSeq": last_seq}
    optional = {
        "externalId": external_id,
        "name": name,
        "description": description,
        "avatarUrl": shown(avatar_url),
        "readOnly": read_only or None,
        "metadata": metadata or None,
    }
    view |= {field: value for field, value in optional.items() if value is not None}
    if kind == "group":
        view["history"] = history
    if len(users) <= MEMBERS_SHOWN:
        view["members"] = [{"userId": user, "role": role} for user, role in zip(users, roles, strict=True)]
    return {**view, "createdAt": rfc3339(created_ms)}
