"""`flask dead-letters`: an operator lists, shows, retries and drops records that could not be stored."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, text

from app.core.kinds import Kind
from app.core.records import Record, pack
from tests.contract.conftest import MakeRest
from tests.support.clients import Account
from tests.support.commands import flask
from tests.support.processes import Stack

Rows = Callable[[int], list[tuple[Any, ...]]]


@pytest.fixture
def set_aside(stored: Engine) -> Callable[[bytes], int]:
    """Inserts a dead letter and returns its id."""

    def insert(record: bytes) -> int:
        with stored.begin() as conn:
            statement = text(
                "INSERT INTO dead_letters (record, reason) VALUES (:r, 'TypeError\nTraceback …') RETURNING id"
            )
            return int(conn.execute(statement, {"r": record}).scalar_one())

    return insert


def kept(stored: Engine, letter: int) -> bool:
    with stored.connect() as conn:
        return bool(conn.execute(text("SELECT 1 FROM dead_letters WHERE id = :i"), {"i": letter}).scalar())


def message_of(conversation: int, sender: int, body: str) -> tuple[str, bytes]:
    id_ = str(uuid.uuid4())
    fields = f'"id":"{id_}","senderId":{sender},"message":"{body}","kind":"text","attachments":[]'
    return id_, pack(tuple(Record(Kind.MESSAGE, conversation, 99, 1, 1, sender, id_, fields, "", "gone")))


def test_message_is_sent_again(
    server: Stack, ann: Account, ben: Account, rest: MakeRest, stored: Engine, rows: Rows, set_aside: Any
) -> None:
    first = rest(ann).send(receiver_id=ben.user_id, message="before")
    conversation = first["conversationId"]
    id_, record = message_of(conversation, ann.user_id, "set aside")
    letter = set_aside(record)
    listed = flask(server.env, "dead-letters", "list")
    assert f"{letter}  " in listed.stdout
    assert "set aside" not in listed.stdout
    shown = flask(server.env, "dead-letters", "show", str(letter))
    assert "set aside" in shown.stdout
    assert "Traceback" in shown.stdout
    result = flask(server.env, "dead-letters", "retry", str(letter))
    assert result.returncode == 0, result.stderr
    assert not kept(stored, letter)
    rest(ann).send(receiver_id=ben.user_id, message="after")  # is acked once everything before it is stored
    assert [(row[1], row[3]) for row in rows(conversation)][1] == (id_, "set aside")


def test_change_is_stored_in_its_place(
    server: Stack, ann: Account, ben: Account, rest: MakeRest, stored: Engine, set_aside: Any
) -> None:
    sent = rest(ann).send(receiver_id=ben.user_id, message="a message")
    conversation, seq = sent["conversationId"], sent["seq"]
    with stored.connect() as conn:
        version = conn.execute(
            text("SELECT version FROM messages WHERE conversation_id = :c AND seq = :s"), {"c": conversation, "s": seq}
        ).scalar_one()
    record = Record(
        Kind.REACTED, conversation, seq, version + 1, 1, ben.user_id, sent["id"], '"emoji":"👍\ufe0f","on":true', "", ""
    )
    letter = set_aside(pack(tuple(record)))
    result = flask(server.env, "dead-letters", "retry", str(letter))
    assert result.returncode == 0, result.stderr
    with stored.connect() as conn:
        found = conn.execute(
            text("SELECT user_id, emoji FROM reactions WHERE conversation_id = :c AND seq = :s"),
            {"c": conversation, "s": seq},
        ).all()
    assert [tuple(row) for row in found] == [(ben.user_id, "👍")]
    assert not kept(stored, letter)


def test_dead_letter_that_cannot_be_retried_stays(server: Stack, stored: Engine, set_aside: Any) -> None:
    noise = set_aside(b"not msgpack")
    result = flask(server.env, "dead-letters", "retry", str(noise))
    assert result.returncode == 1
    assert "can only be dropped" in result.stderr
    _, record = message_of(1 << 40, 1, "no such conversation")
    nowhere = set_aside(record)
    assert flask(server.env, "dead-letters", "retry", str(nowhere)).returncode == 1
    assert kept(stored, noise)
    assert kept(stored, nowhere)
    assert flask(server.env, "dead-letters", "drop", str(noise), str(nowhere)).returncode == 0
    assert not kept(stored, noise)
    assert not kept(stored, nowhere)


@pytest.mark.parametrize("command", ["show", "retry", "drop"])
def test_unknown_dead_letter_is_one_line(server: Stack, command: str) -> None:
    result = flask(server.env, "dead-letters", command, "987654321")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "no dead letter 987654321" in result.stderr
