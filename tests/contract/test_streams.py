"""Streams: a message that grows, live on every transport, in every list, on resume, and at its end."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.contract.conftest import ALL, Connect, MakeRest
from tests.contract.expect import eventually, exported, refused
from tests.contract.expect_groups import one
from tests.contract.expect_streams import Writer, appended, by, ended, grown, stop
from tests.contract.test_accepted import frozen_worker
from tests.support.clients import Account

__all__ = ["by", "frozen_worker"]

PIECES = ["Hel", "lo ", "wörld ", "😀👍", "漢字", "!"]
TEXT = "".join(PIECES)


def test_readers_get_every_text_and_the_end(
    by: Any, connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account
) -> None:
    readers = [connect(transport, who) for transport in ALL for who in (ann, ben)]
    writer = Writer(by(ann), made, metadata={"model": "m"})
    assert writer.started["conversationId"] == made
    for reader in readers:
        shown = reader.next_message(writer.id)
        assert (shown["message"], shown["streaming"], shown["length"]) == ("", True, 0)
        assert shown["metadata"] == {"model": "m"}
    for piece in PIECES:
        writer.append(piece)
    for reader in readers:
        start = 0
        for piece in PIECES:
            event = reader.next_event(appended(writer.id, start)).data
            assert event == {
                "id": writer.id,
                "conversationId": made,
                "seq": writer.started["seq"],
                "from": start,
                "text": piece,
            }
            start += len(piece)
    ack = writer.end()
    assert (ack["id"], ack["seq"], ack["status"]) == (writer.id, writer.started["seq"], "stored")
    for reader in readers:
        final = reader.next_event(ended(writer.id)).data
        assert (final["message"], final["seq"], final["metadata"]) == (TEXT, ack["seq"], {"model": "m"})
        assert not {"length", "editedAt"} & final.keys()
    shown = one(rest(ben), made, ack["seq"])
    assert shown["message"] == TEXT
    assert not {"streaming", "length", "editedAt"} & shown.keys()
    assert rest(ann).edits(writer.id) == []


def test_writer_gets_no_event_about_its_own_text(connect: Connect, made: int, ann: Account) -> None:
    client = connect("ws", ann)
    writer = Writer(client, made)
    assert writer.append("abc") == {"id": writer.id, "conversationId": made, "length": 3}
    writer.end()
    client.next_event(ended(writer.id))
    assert client.named("message_append") == []


def test_repeated_text_is_no_second_one_and_a_gap_is_refused(
    by: Any, connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account
) -> None:
    reader = connect("ws", ben)
    writer = Writer(by(ann), made)
    writer.append("漢字 ab")
    writer.append("漢字 ab", 0)
    writer.append("字 a", 1)
    writer.append("", 5)
    with refused("conflict") as caught:
        writer.append("x", 6)
    assert caught.value.data["length"] == 5
    with refused("conflict"):
        writer.append("other", 0)
    writer.text = "漢字 ab"
    writer.append("b cd", 4)  # begins with text that is there already
    writer.append("e", 8)
    reader.next_event(appended(writer.id, 8))
    assert grown(reader, writer.id) == "漢字 ab cde"
    assert [event.data["text"] for event in reader.named("message_append")] == ["漢字 ab", " cd", "e"]
    shown = one(rest(ben), made, writer.started["seq"])
    assert (shown["message"], shown["length"]) == ("漢字 ab cde", 9)


def test_text_so_far_is_in_every_list(connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    writer = Writer(rest(ann), made)
    reader = rest(ben)
    eventually(lambda: one(reader, made, 2)["status"] != "accepted", "the message is stored")
    rest(ann).pin(writer.id, made)
    reader.json("PUT", f"/messages/{writer.id}/star")
    for piece in PIECES:
        writer.append(piece)
        views = [
            one(reader, made, 2),
            reader.conversation(made)["lastMessage"],
            *[m for m in reader.fetch_unread()["messages"] if m["kind"] != "system"],
            *reader.pins(made),
            *reader.json("GET", "/starred")["messages"],
            *[m for m in reader.json("GET", f"/conversations/{made}/messages?around=2")["messages"] if m["seq"] == 2],
        ]
        assert len(views) == 6
        for view in views:
            assert (view["message"], view["length"], view["streaming"]) == (writer.text, len(writer.text), True)
    assert [line["streaming"] for line in exported(rest(ann)) if line.get("id") == writer.id] == [True]
    writer.end()
    assert one(reader, made, 2)["message"] == TEXT


def test_text_is_read_and_ended_while_nothing_is_stored(
    frozen_worker: Any, connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    away = connect(transport, ben)
    away.kill()
    client = connect("ws", ann)
    id_ = str(uuid.uuid4())
    ref = client.command_nowait("start_stream", {"id": id_, "receiverId": ben.user_id})
    eventually(lambda: rest(ben).fetch_unread()["messages"], "the stream is accepted")
    client.command("append_stream", {"id": id_, "from": 0, "text": "so far"})
    away.reconnect()
    shown = away.next_message(id_)  # with the text, or with appends that a parked poll has collected
    eventually(lambda: grown(away, id_) == "so far", "the text so far")
    client.command("append_stream", {"id": id_, "from": 6, "text": ", more"})
    away.next_event(appended(id_, 6))
    end = client.command_nowait("end_stream", {"id": id_})
    assert away.next_event(ended(id_)).data["message"] == "so far, more"
    frozen_worker()
    client.answer(ref)
    client.answer(end)
    assert one(rest(ben), shown["conversationId"], 1)["message"] == "so far, more"


def test_resume_brings_the_text_so_far(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, transport: str
) -> None:
    """Also of a stream that began before the client was away, without a change that would be replayed."""
    writer = Writer(rest(ann), made)
    away = connect(transport, ben)
    cursor = away.cursor
    writer.append("one ")
    away.next_event(appended(writer.id, 0))
    away.kill()
    writer.append("two ")
    resumed = connect(transport, ben, cursor)
    shown = resumed.next_event("message_updated").data
    assert (shown["message"], shown["length"], shown["streaming"]) == ("one two ", 8, True)
    writer.append("three")
    resumed.next_event(appended(writer.id, 8))
    assert grown(resumed, writer.id) == "one two three"
    writer.end()
    assert resumed.next_event(ended(writer.id)).data["message"] == "one two three"


@pytest.mark.parametrize("final", ["a final text", "", None])
def test_end_may_replace_the_text_and_be_repeated(
    by: Any, connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, final: str | None
) -> None:
    reader = connect("sse", ben)
    writer = Writer(by(ann), made)
    writer.append("a draft")
    ack = writer.end(message=final)
    text = "a draft" if final is None else final
    assert reader.next_event(ended(writer.id)).data["message"] == text
    assert writer.end(message=final) == ack
    assert writer.end() == ack
    assert writer.end(message=text) == ack
    with refused("stopped"):
        writer.end(message="another text")
    with refused("stopped"):
        writer.append("x")
    assert one(rest(ben), made, 2)["message"] == text
    assert len([e for e in reader.events if ended(writer.id)(e)]) == 1


def test_member_stops_a_stream(
    by: Any, connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account
) -> None:
    reader = connect("poll", ben)
    writer = Writer(by(ann), made)
    writer.append("so far")
    assert stop(rest(ben), writer.id)["status"] == "stored"
    with refused("stopped"):
        writer.append("x")
    assert reader.next_event(ended(writer.id)).data["message"] == "so far"
    with refused("stopped"):
        writer.end(message="another text")
    assert writer.end()["id"] == writer.id
    assert connect("ws", ben).command("stop_stream", {"id": writer.id}).data["id"] == writer.id
    assert one(rest(ann), made, 2)["message"] == "so far"


def test_writer_who_left_writes_no_more(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account
) -> None:
    writer = Writer(rest(ben), made)
    writer.append("before")
    rest(ann).remove(made, ben.user_id)
    with refused("not_found"):
        writer.append("x")
    assert stop(rest(ann), writer.id)["id"] == writer.id
    assert one(rest(ann), made, 2)["message"] == "before"


def test_members_who_may_not_see_the_message_get_no_text(
    connect: Connect, rest: MakeRest, group: Any, ann: Account, ben: Account, eve: Account
) -> None:
    made = group(ann, ben, history="joined")
    writer = Writer(rest(ann), made)
    rest(ann).add(made, eve.user_id)
    late, early = connect("ws", eve), connect("ws", ben)
    writer.append("secret")
    early.next_event(appended(writer.id, 0))
    writer.end()
    early.next_event(ended(writer.id))
    late.fence()
    assert [e.name for e in late.events if e.data.get("id") == writer.id] == []


def test_deleted_stream_takes_no_text(connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    reader = connect("ws", ben)
    writer = Writer(rest(ann), made)
    writer.append("soon gone")
    rest(ann).delete(writer.id, made)
    reader.next_event("message_deleted")
    with refused("not_found"):
        writer.append("x")
    with refused("not_found"):
        writer.end()
    assert "message" not in one(rest(ben), made, 2)


def test_growing_message_cannot_be_edited_or_forwarded_but_reacted_to(
    rest: MakeRest, connect: Connect, made: int, ann: Account, ben: Account
) -> None:
    writer = Writer(rest(ann), made)
    writer.append("grows")
    with refused("conflict"):
        rest(ann).edit(writer.id, "edited")
    with refused("conflict"):
        rest(ben).send(conversation_id=made, message="", forward={"id": writer.id})
    rest(ben).react(writer.id, "👍")
    writer.append(" on")
    writer.end()
    shown = one(rest(ann), made, 2)
    assert (shown["message"], [r["emoji"] for r in shown["reactions"]]) == ("grows on", ["👍"])
    rest(ann).edit(writer.id, "edited")
    assert one(rest(ben), made, 2)["message"] == "edited"


def test_blocked_readers_get_nothing(connect: Connect, rest: MakeRest, ann: Account, ben: Account) -> None:
    conversation_id = int(rest(ann).send(receiver_id=ben.user_id)["conversationId"])
    reader = connect("ws", ben)
    rest(ben).request("PUT", f"/blocks/{ann.user_id}")
    writer = Writer(rest(ann), conversation_id)
    writer.append("unseen")
    writer.end()
    reader.fence()
    assert [e.name for e in reader.events if e.data.get("id") == writer.id] == []
    assert one(rest(ann), conversation_id, 2)["message"] == "unseen"


def test_final_text_mentions_and_quotes(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account
) -> None:
    question = rest(ben).send(conversation_id=made, message="a question")
    reader = connect("ws", ben)
    writer = Writer(rest(ann), made, replyTo=question["id"])
    writer.append(f"@{ben.username} an answer")
    writer.end()
    final = reader.next_event(ended(writer.id)).data
    assert (final["mentions"], final["quoted"]["message"]) == ([ben.user_id], "a question")
    shown = one(rest(ben), made, 3)
    assert (shown["mentions"], shown["quoted"]["message"]) == ([ben.user_id], "a question")
    assert rest(ben).conversation(made)["mentions"] == 1
