"""Messages after sending: lookup by id, reactions, edits, pins, quotes, receipts."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, text

from app.store.batch_statement import Receipt
from app.store.batch_writes import store_batch
from app.store.engine import writing
from app.store.message_life import Edit, Reacted, details_for, edits_of, locate, pins_of, reactions_for
from app.store.message_receipts import MemberReceipt, receipts_of
from app.store.previews import Preview, previews
from tests.factories.store import (
    START_MS,
    add_group,
    add_pair,
    add_users,
    change,
    hide,
    join,
    leave,
    new_message,
    new_messages,
    next_version,
)

NOW = datetime.now(UTC)


def react(engine: Engine, conversation: int, seq: int, user: int, emoji: str) -> None:
    row = {"c": conversation, "s": seq, "u": user, "e": emoji, "v": next_version()}
    with writing(engine) as conn:
        conn.execute(
            text("INSERT INTO reactions (conversation_id, seq, user_id, emoji, version) VALUES (:c, :s, :u, :e, :v)"),
            row,
        )


def test_id_is_found_only_where_the_user_sees_the_message(conn: Connection, engine: Engine) -> None:
    first, user, _ = add_pair(engine)
    elsewhere, stranger, _ = add_pair(engine)
    second = add_group(engine, [user, stranger])
    same = str(uuid.uuid4())
    store_batch(engine, 1, [new_message(c, 1, user, id=same) for c in (first, elsewhere, second)])
    assert [m.conversation_id for m in locate(conn, user, same)] == [first, second]
    assert [m.conversation_id for m in locate(conn, user, same.upper(), second)] == [second]
    assert locate(conn, user, same, elsewhere) == []
    hide(engine, first, user, 1)
    join(engine, second, user, 2, next_version(), sees_all=False)
    assert locate(conn, user, same) == []
    assert [m.conversation_id for m in locate(conn, stranger, same)] == [elsewhere, second]


def test_reactions_are_ordered_by_first_use(conn: Connection, engine: Engine) -> None:
    conversation, user, other = add_pair(engine)
    for seq, who, emoji in ((1, other, "b"), (1, user, "a"), (1, user, "b"), (2, other, "a"), (3, user, "c")):
        react(engine, conversation, seq, who, emoji)
    places = [(conversation, seq) for seq in (1, 2, 4)]
    details = details_for(conn, places, [user])
    assert [details.seen_by(user, place) for place in places] == [
        {"reactions": [{"emoji": "b", "count": 2, "mine": True}, {"emoji": "a", "count": 1, "mine": True}]},
        {"reactions": [{"emoji": "a", "count": 1, "mine": False}]},
        {"reactions": []},
    ]
    assert details_for(conn, [], [user]).seen_by(user, places[0]) == {"reactions": []}


def test_reactions_for_many_readers_name_those_who_reacted(conn: Connection, engine: Engine) -> None:
    conversation, user, other = add_pair(engine)
    for seq, who, emoji in ((1, other, "b"), (1, user, "b"), (2, user, "a")):
        react(engine, conversation, seq, who, emoji)
    [stranger] = add_users(engine, 1)
    found = reactions_for(conn, [(conversation, seq) for seq in (1, 2, 3)], [other, stranger])
    assert found == {(conversation, 1): [Reacted("b", 2, [other])], (conversation, 2): [Reacted("a", 1, [])]}
    assert found[conversation, 1][0].seen_by(other) == {"emoji": "b", "count": 2, "mine": True}
    assert found[conversation, 1][0].seen_by(stranger) == {"emoji": "b", "count": 2, "mine": False}


def test_edits_return_the_replaced_texts(conn: Connection, engine: Engine) -> None:
    conversation, user, _ = add_pair(engine)
    at = datetime.fromtimestamp(START_MS / 1000, UTC)
    with writing(engine) as writer:
        for version, body in ((20, "second"), (10, "first")):
            row = {"c": conversation, "v": version, "b": body, "u": user, "at": at}
            writer.execute(text("INSERT INTO message_edits VALUES (:c, 1, :v, :b, :u, :at)"), row)
    first, second = Edit("first", START_MS, user, 10), Edit("second", START_MS, user, 20)
    assert edits_of(conn, conversation, 1, before=21, limit=5) == [second, first]
    assert edits_of(conn, conversation, 1, before=20, limit=5) == [first]
    assert edits_of(conn, conversation, 1, before=21, limit=1) == [second]
    assert edits_of(conn, conversation, 2, before=21, limit=5) == []


def test_pins_are_the_visible_ones_latest_first(conn: Connection, engine: Engine) -> None:
    conversation, user, other = add_pair(engine)
    store_batch(engine, 1, new_messages(conversation, other, 5))
    for place, seq in enumerate((2, 4, 1)):
        change(engine, conversation, seq, pinned_at=NOW + timedelta(seconds=place), pinned_by=user)
    pins = pins_of(conn, conversation, user)
    assert [pin.seq for pin in pins] == [1, 4, 2]
    assert pins[0].pinned_ms == int((NOW + timedelta(seconds=2)).timestamp() * 1000 + 0.5)
    hide(engine, conversation, user, 4)
    assert [pin.seq for pin in pins_of(conn, conversation, user)] == [1, 2]
    assert [pin.seq for pin in pins_of(conn, conversation, other)] == [1, 4, 2]
    leave(engine, conversation, user, 5, next_version())
    assert pins_of(conn, conversation, user) == []


def test_quote_of_a_deleted_message_has_no_text(conn: Connection, engine: Engine) -> None:
    conversation, user, other = add_pair(engine)
    sent = [*new_messages(conversation, user, 2), new_message(conversation, 3, other, body=None)]
    store_batch(engine, 1, sent)
    change(engine, conversation, 2, deleted_at=NOW)
    positions = [(conversation, m.id) for m in sent]
    found = previews(conn, [*positions, positions[0], (conversation, str(uuid.uuid4())), (10**12, sent[0].id)])
    assert found == {
        positions[0]: Preview(sent[0].id, 1, user, "message 1"),
        positions[1]: Preview(sent[1].id, 2, user, None),
        positions[2]: Preview(sent[2].id, 3, other, ""),
    }
    assert previews(conn, []) == {}


def test_receipts_cover_only_current_members_who_could_see_the_message(conn: Connection, engine: Engine) -> None:
    sender, reader, receiver, away, late, gone = users = add_users(engine, 6)
    group = add_group(engine, users)
    store_batch(engine, 1, new_messages(group, sender, 4))
    marks = [(sender, 4, 4), (reader, 0, 3), (receiver, 3, 1), (away, 2, 0), (gone, 4, 4)]
    store_batch(engine, 1, [], [Receipt(group, user, d, r, next_version()) for user, d, r in marks])
    join(engine, group, late, 4, next_version())
    leave(engine, group, gone, 4, next_version())
    found = receipts_of(conn, group, 3, 0, 2)
    assert (found.delivered, found.read) == (2, 1)
    assert found.members == [MemberReceipt(reader, True, True), MemberReceipt(receiver, True, False)]
    rest = receipts_of(conn, group, 3, receiver, 9)
    assert (rest.delivered, rest.members) == (2, [MemberReceipt(away, False, False)])
    assert [m.user_id for m in receipts_of(conn, group, 4, 0, 9).members] == [reader, receiver, away, late]
