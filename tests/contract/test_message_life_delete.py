"""Deleting a message, for everyone or for oneself, removes all of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
import redis
from sqlalchemy import Engine, text

from tests.contract.conftest import ALL, Connect, MakeGroup, MakeRest
from tests.contract.expect import eventually, is_time, refused
from tests.contract.expect_groups import history, one
from tests.support.clients import Account, Event
from tests.support.processes import Stack


def deleted(id_: str) -> Callable[[Event], bool]:
    return lambda e: e.name == "message_deleted" and e.data["id"] == id_


@pytest.fixture
def pair(rest: MakeRest, ann: Account, ben: Account) -> int:
    return int(rest(ann).direct(ben.user_id)["id"])


@pytest.mark.parametrize("by", ALL)
def test_delete_for_everyone_reaches_every_session(
    connect: Connect, rest: MakeRest, pair: int, ann: Account, ben: Account, by: str
) -> None:
    sent = rest(ann).send(conversation_id=pair, message="secret")
    author = connect(by, ann)
    clients = [connect(transport, who) for transport in ALL for who in (ann, ben)]
    ack = author.delete(sent["id"], pair)
    assert (ack["id"], ack["conversationId"], ack["seq"], ack["status"]) == (sent["id"], pair, 1, "stored")
    for client in clients:
        event = client.next_event(deleted(sent["id"]))
        assert event.data == {"id": sent["id"], "conversationId": pair, "seq": 1}
        assert event.cursor
    for reader in (ann, ben):
        now = one(rest(reader), pair, 1)
        assert is_time(now["deletedAt"])
        assert not {"message", "attachments"} & set(now)
    assert rest(ben).fetch_unread()["messages"] == []
    assert rest(ben).conversation(pair)["unread"] == 0


def test_resume_includes_deletions_of_messages_before_the_cursor(
    connect: Connect, rest: MakeRest, pair: int, ann: Account, ben: Account, transport: str
) -> None:
    sent = rest(ann).send(conversation_id=pair, message="secret")
    away = connect(transport, ben)
    away.kill()
    rest(ann).delete(sent["id"], pair)
    away.reconnect()
    away.next_event(deleted(sent["id"]))
    away.fence()
    assert "secret" not in str([e.data for e in away.events])


def test_message_sent_and_deleted_while_away_is_not_shown(
    connect: Connect, rest: MakeRest, pair: int, ann: Account, ben: Account, transport: str
) -> None:
    away = connect(transport, ben)
    away.kill()
    sent = rest(ann).send(conversation_id=pair, message="one")
    rest(ann).delete(sent["id"], pair)
    rest(ann).send(conversation_id=pair, message="two")
    away.reconnect()
    away.fence()
    left = [m["message"] for m in away.messages(pair) if "message" in m]
    assert left[-1] == "two"
    if "one" in left:  # a poll that was already waiting returned the message before its deletion
        assert away.named("message_deleted")


@pytest.mark.parametrize("by", ALL)
def test_delete_for_me_reaches_only_ones_own_sessions(
    connect: Connect, rest: MakeRest, pair: int, ann: Account, ben: Account, by: str
) -> None:
    sent = rest(ann).send(conversation_id=pair, message="stays")
    reader = connect(by, ben)
    own, others = [connect(t, ben) for t in ALL], [connect(t, ann) for t in ALL]
    assert reader.delete(sent["id"], pair, scope="me")["seq"] == 1
    for client in own:
        assert client.next_event(deleted(sent["id"])).data == {"id": sent["id"], "conversationId": pair, "seq": 1}
    for client in others:
        client.fence()
        assert client.named("message_deleted") == []
    assert history(rest(ben), pair) == []
    assert [m["message"] for m in history(rest(ann), pair)] == ["stays"]
    assert rest(ben).fetch_unread()["messages"] == []


def test_resume_includes_ones_own_delete_for_me(
    connect: Connect, rest: MakeRest, pair: int, ann: Account, ben: Account, transport: str
) -> None:
    sent = rest(ann).send(conversation_id=pair, message="stays")
    away, other = connect(transport, ben), connect(transport, ann)
    away.kill()
    other.kill()
    rest(ben).delete(sent["id"], pair, scope="me")
    for client in (away.reconnect(), other.reconnect()):
        client.fence()
    assert [e.data["id"] for e in away.named("message_deleted")] == [sent["id"]]
    assert other.named("message_deleted") == []


def test_hidden_message_stays_hidden(
    connect: Connect, rest: MakeRest, pair: int, ann: Account, ben: Account, transport: str
) -> None:
    """The message stays hidden on a replay from before it was sent, and after a later edit."""
    before = connect(transport, ben)
    before.kill()
    sent = rest(ann).send(conversation_id=pair, message="one")
    rest(ben).delete(sent["id"], pair, scope="me")
    rest(ann).edit(sent["id"], "two", pair)
    again = connect(transport, ben, before.cursor)
    again.fence()
    seen = [e for e in again.events if e.data.get("id") == sent["id"]]
    assert not seen or seen[-1].name == "message_deleted", seen
    assert history(rest(ben), pair) == []
    with refused("not_found"):
        rest(ben).react(sent["id"], "👍", pair)


def test_deleting_again_changes_nothing(
    connect: Connect, rest: MakeRest, pair: int, ann: Account, ben: Account, transport: str
) -> None:
    sent = rest(ann).send(conversation_id=pair)
    client = connect(transport, ben)
    for _ in range(3):
        assert rest(ann).delete(sent["id"], pair)["seq"] == 1
    client.fence()
    assert len(client.named("message_deleted")) == 1


def test_deleting_for_oneself_again_gets_the_same_ack(
    connect: Connect, rest: MakeRest, pair: int, ann: Account, ben: Account, eve: Account
) -> None:
    sent = rest(ann).send(conversation_id=pair)
    first = rest(ben).delete(sent["id"], pair, scope="me")
    client = connect("ws", ben)
    assert [client.delete(sent["id"], place, scope="me") for place in (pair, None)] == [first, first]
    with refused("not_found"):
        rest(eve).delete(sent["id"], scope="me")
    with refused("not_found"):
        rest(ben).delete(sent["id"], pair)


def test_message_that_a_block_hid_cannot_be_deleted_for_oneself(
    rest: MakeRest, pair: int, ann: Account, ben: Account
) -> None:
    rest(ben).request("PUT", f"/blocks/{ann.user_id}")
    sent = rest(ann).send(conversation_id=pair)
    with refused("not_found"):
        rest(ben).delete(sent["id"], pair, scope="me")


def test_only_the_author_deletes_for_everyone(rest: MakeRest, pair: int, ann: Account, ben: Account) -> None:
    sent = rest(ann).send(conversation_id=pair, message="mine")
    with refused("forbidden"):
        rest(ben).delete(sent["id"], pair)
    with refused("invalid"):
        rest(ann).delete(sent["id"], pair, scope="all")
    assert one(rest(ben), pair, 1)["message"] == "mine"


def test_deleted_message_accepts_no_changes(
    connect: Connect, rest: MakeRest, pair: int, ann: Account, ben: Account
) -> None:
    sent = rest(ann).send(conversation_id=pair, message="mine")
    rest(ann).delete(sent["id"], pair)
    for client in (rest(ann), connect("ws", ann)):
        for act in (
            lambda c: c.edit(sent["id"], "again", pair),
            lambda c: c.react(sent["id"], "👍", pair),
            lambda c: c.pin(sent["id"], pair),
        ):
            with refused("not_found"):
                act(client)
    with refused("not_found"):
        rest(ben).send(conversation_id=pair, forward={"id": sent["id"], "conversationId": pair}, message=None)


def test_id_of_a_deleted_message_cannot_be_used_again(rest: MakeRest, pair: int, ann: Account) -> None:
    sent = rest(ann).send(conversation_id=pair, message="mine")
    rest(ann).delete(sent["id"], pair)
    again = rest(ann).send(conversation_id=pair, message="mine", id=sent["id"])
    assert (again["seq"], len(history(rest(ann), pair))) == (1, 1)
    assert "deletedAt" in one(rest(ann), pair, 1)


def test_system_message_cannot_be_deleted(rest: MakeRest, group: MakeGroup, ann: Account) -> None:
    made = group(ann)
    with refused("forbidden"):
        rest(ann).delete(one(rest(ann), made, 1)["id"], made)


# -- no trace remains ------------------------------------------------


def in_postgres(stored: Engine, word: str) -> list[str]:
    """Returns the tables that contain this word in any column of any row."""
    tables = "select table_name from information_schema.tables where table_schema = 'public'"
    says = "select 1 from {} t where t::text ilike :w limit 1"
    with stored.connect() as connection:
        names = connection.execute(text(tables)).scalars().all()
        return [name for name in names if connection.execute(text(says.format(name)), {"w": f"%{word}%"}).first()]


def in_redis(client: redis.Redis, word: str) -> list[bytes]:
    """Returns the keys whose value contains this word."""
    read: dict[bytes, Callable[[bytes], Any]] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
        b"stream": client.xrange,
    }
    kinds = ((key, client.type(key)) for key in client.scan_iter(count=1000))
    values = ((key, read[kind](key)) for key, kind in kinds if kind != b"none")  # the key expired after the scan
    return [key for key, value in values if word.encode() in repr((key, value)).encode()]


@pytest.fixture
def traces(server: Stack, stored: Engine) -> Callable[[str], Any]:
    """Returns every place in the stores that still contains a word."""

    def find(word: str) -> list[Any]:
        with server.shards() as shards:
            found = [trace for client in shards.by_client() for trace in in_redis(client, word)]
        return [*in_postgres(stored, word), *found]

    return find


def test_stores_keep_no_text_of_a_deleted_message(
    rest: MakeRest, group: MakeGroup, traces: Any, ann: Account, ben: Account
) -> None:
    word = f"needle{uuid.uuid4().hex}"
    made = group(ann, ben)
    sent = rest(ann).send(conversation_id=made, message=f"{word} one")
    rest(ben).send(conversation_id=made, message="a reply", replyTo=sent["id"])
    eventually(lambda: rest(ben).search(word), "the word to be found")
    assert traces(word), "before the deletion the word must be found"
    rest(ann).edit(sent["id"], f"{word} two", made)
    rest(ann).pin(sent["id"], made)
    rest(ann).delete(sent["id"], made)
    eventually(lambda: not traces(word), "no trace of the word", 30)
    assert rest(ben).search(word) == rest(ann).search(word) == []
    assert rest(ben).pins(made) == []
    assert word not in str(history(rest(ben), made))
    with refused("not_found"):
        rest(ann).edits(sent["id"], made)


def test_search_does_not_find_text_that_was_edited_away(rest: MakeRest, pair: int, ann: Account, ben: Account) -> None:
    old, new = f"old{pair}x{uuid.uuid4().hex}", f"new{pair}x{uuid.uuid4().hex}"
    sent = rest(ann).send(conversation_id=pair, message=old)
    rest(ann).edit(sent["id"], new, pair)
    eventually(lambda: [m["id"] for m in rest(ben).search(new)] == [sent["id"]], "the new text to be found")
    assert rest(ben).search(old) == []


def test_search_does_not_find_hidden_messages(rest: MakeRest, pair: int, ann: Account, ben: Account) -> None:
    word = f"needle{uuid.uuid4().hex}"
    sent = rest(ann).send(conversation_id=pair, message=word)
    rest(ben).delete(sent["id"], pair, scope="me")
    assert rest(ben).search(word) == []
    assert [m["id"] for m in rest(ann).search(word)] == [sent["id"]]
