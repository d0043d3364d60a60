"""Readers who come, leave and read while a stream is written: nobody has a gap, and everybody has the whole text at the
end.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.conftest import Connect, MakeRest
from tests.contract.expect import eventually
from tests.contract.expect_groups import one
from tests.contract.expect_streams import Writer, ended, grown
from tests.support.clients import Account, Refused, RestClient

MAX_PIECES = 1500
PIECES = ("a", "bc", "ü", "漢字", "😀", " ", "word")
# The steps of a reader between the texts.
STEPS = st.lists(st.sampled_from(["wait", "resume", "unread", "history", "other gateway"]), min_size=1, max_size=8)


@contextmanager
def writing(writer: Writer) -> Iterator[None]:
    """Writes pieces one after the other while the block runs, then ends the stream."""
    enough = threading.Event()

    def run() -> None:
        for piece in itertools.islice(itertools.cycle(PIECES), MAX_PIECES):
            if enough.is_set():
                break
            writer.append(piece)
        writer.end()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(run)
        try:
            yield
        finally:
            enough.set()
        done.result()


def check_history(rest: RestClient, conversation_id: int, writer: Writer) -> None:
    """Checks that a reader gets a beginning of the text, with at least the part that was taken before the request."""
    taken = writer.text
    shown = one(rest, conversation_id, 2)
    assert shown["length"] == len(shown["message"])
    assert shown["message"].startswith(taken)


@pytest.mark.parametrize("by", ["ws", "rest"])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_no_reader_has_a_gap(
    connect: Connect,
    rest: MakeRest,
    group: Any,
    ann: Account,
    ben: Account,
    transport: str,
    by: str,
    steps: list[str],
) -> None:
    made = group(ann, ben)
    writer = Writer(connect("ws", ann) if by == "ws" else rest(ann), made)
    reader, always = connect(transport, ben), connect("ws", ben)
    with writing(writer):
        for step in steps:
            before = len(writer.text)
            eventually(lambda at=before: len(writer.text) > at, "the writer goes on")
            if step == "resume":
                reader.kill()
                reader.reconnect()
            elif step == "unread":
                [shown] = [m for m in reader.fetch_unread()["messages"] if m["id"] == writer.id]
                assert len(shown["message"]) >= before
            elif step == "history":
                check_history(rest(ben), made, writer)
            elif step == "other gateway":
                cursor = reader.cursor
                reader.finish()
                reader = connect(transport, ben, cursor)
    for client in (reader, always):
        assert client.next_event(ended(writer.id)).data["message"] == writer.text
        # If a poll was broken off, its answer is lost, and the texts in it have no cursor: such a client reads again.
        again = (lambda: one(rest(ben), made, 2)["message"]) if client.transport == "poll" else None
        assert grown(client, writer.id, again) == writer.text
    assert one(rest(ben), made, 2)["message"] == writer.text


def test_two_writers_of_one_stream_cannot_mix_their_texts(
    rest: MakeRest, connect: Connect, made: int, ann: Account, ben: Account
) -> None:
    """Both are the sender's own clients. Each text is either taken whole or refused."""
    reader = connect("ws", ben)
    writer = Writer(rest(ann), made)
    taken: list[tuple[int, str]] = []

    def write(mark: str) -> None:
        client = rest(ann)
        length = 0
        for _ in range(40):
            try:
                client.request("POST", f"/streams/{writer.id}/append", json={"from": length, "text": mark * 3})
            except Refused as refusal:
                if refusal.code != "conflict":
                    raise
                length = refusal.data["length"]
            else:
                taken.append((length, mark * 3))
                length += 3

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, "xy"))
    ack = writer.end()
    text = reader.next_event(ended(writer.id)).data["message"]
    assert ack["id"] == writer.id
    assert all(text[start : start + len(piece)] == piece for start, piece in taken)
    assert len(text) == sum(len(piece) for _, piece in set(taken))


@pytest.mark.parametrize("began", ["before", "after"])
def test_removed_reader_gets_no_text_that_was_written_later(
    connect: Connect, rest: MakeRest, group: Any, ann: Account, ben: Account, eve: Account, transport: str, began: str
) -> None:
    """The stream began before or after the reader went away. Then the reader is removed, and more text follows."""
    made = group(ann, ben)
    reader = connect(transport, ben)
    if began == "before":
        writer = Writer(rest(ann), made)
        reader.next_event(lambda e: e.name == "receive_message" and e.data["id"] == writer.id)
    cursor = reader.cursor
    reader.finish()
    if began == "after":
        writer = Writer(rest(ann), made)
    writer.append("before ")
    rest(ann).request("DELETE", f"/conversations/{made}/members", json={"userIds": [ben.user_id]})
    writer.append("secret")
    back = connect(transport, ben, cursor)
    back.next_event(lambda e: e.name == "conversation_updated" and e.data["id"] == made and e.data.get("left"))
    rest(eve).json("POST", "/messages", json={"receiverId": ben.user_id, "message": "the replay is over"})
    back.next_event(lambda e: e.name == "receive_message" and e.data["message"] == "the replay is over")
    shown = [e for e in back.events if e.data.get("id") == writer.id]
    assert "secret" not in str([e.data for e in back.events])
    assert [(e.name, e.data["message"], "streaming" in e.data) for e in shown] == (
        [("receive_message", "", False)] if began == "after" else []
    )
    writer.end()
