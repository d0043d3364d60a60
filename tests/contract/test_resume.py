"""Resume: every missed event, in order, once, on any transport with the cursor of any other."""

from __future__ import annotations

import threading

import pytest

from tests.contract.conftest import ALL, Connect, MakeRest
from tests.contract.expect import send_many, seqs, wait_for_seq
from tests.support.clients import Account, EventClient, SseClient
from tests.support.processes import Stack

BETWEEN_ALL = pytest.mark.parametrize(("first", "then"), [(a, b) for a in ALL for b in ALL])


def send(rest: MakeRest, sender: Account, receiver: Account, count: int) -> int:
    return send_many(rest(sender), receiver, count)


@BETWEEN_ALL
def test_missed_messages_come_first_and_once(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, first: str, then: str
) -> None:
    before = connect(first, ben)
    conversation = send(rest, ann, ben, 2)
    wait_for_seq(before, conversation, 2)
    before.kill()
    send(rest, ann, ben, 5)
    after = connect(then, ben, before.cursor)
    send(rest, ann, ben, 2)
    wait_for_seq(after, conversation, 9)
    after.fence()
    assert seqs(after, conversation) == [3, 4, 5, 6, 7, 8, 9]


@BETWEEN_ALL
def test_cursor_of_joined_can_be_resumed_from(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, first: str, then: str
) -> None:
    """A resume works even if no event was received in between."""
    start = connect(first, ben)
    cursor = start.joined.data["cursor"]
    start.kill()
    conversation = send(rest, ann, ben, 3)
    after = connect(then, ben, cursor)
    wait_for_seq(after, conversation, 3)
    assert seqs(after, conversation) == [1, 2, 3]


@pytest.mark.parametrize("transport", ["ws", "sse"])
def test_resume_cut_after_joined_loses_nothing(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    """A browser takes the id of every event as its position, including that of ``joined``."""
    start = connect(transport, ben)
    cursor = start.cursor
    start.kill()
    conversation = send(rest, ann, ben, 5)
    resumed = connect(transport, ben, cursor)
    position = resumed.joined.cursor or resumed.joined.data["cursor"]
    resumed.kill()
    again = connect(transport, ben, position)
    wait_for_seq(again, conversation, 5)
    assert seqs(again, conversation) == [1, 2, 3, 4, 5]


def test_every_cursor_resumes_with_exactly_the_later_events(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    watcher = connect("ws", ben)
    conversation = send(rest, ann, ben, 6)
    send(rest, ben, ann, 3)
    wait_for_seq(watcher, conversation, 9)
    events = [e for e in watcher.events if e.name == "receive_message"]
    assert [e.data["seq"] for e in events] == list(range(1, 10))
    for event in events[::2]:
        resumed = connect(transport, ben, event.cursor)
        resumed.fence()
        assert seqs(resumed, conversation) == list(range(event.data["seq"] + 1, 10)), event
        resumed.kill()


def test_resume_includes_messages_sent_from_ones_other_sessions(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    away = connect(transport, ann)
    away.kill()
    conversation = send(rest, ann, ben, 2)
    away.reconnect()
    wait_for_seq(away, conversation, 2)


def test_resume_sends_only_the_latest_receipts(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    conversation = send(rest, ann, ben, 3)
    away = connect(transport, ann)
    away.fence()
    away.kill()
    start = len(away.events)
    for seq in (1, 2, 3):
        rest(ben).read(conversation, seq)
    away.reconnect()
    away.fence()
    reads = [e.data for e in away.events[start:] if e.name == "message_read"]
    assert reads[-1] == {"conversationId": conversation, "userId": ben.user_id, "seq": 3}
    # A poll's session stays for a while after the last poll, so it received each event and did not need to resume.
    assert [read["seq"] for read in reads] in ([[3]] if transport != "poll" else [[3], [1, 2, 3]])


def test_resuming_during_a_storm_of_messages_has_no_gap(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    sender = connect("ws", ann)
    client = connect(transport, ben)
    conversation = send(rest, ann, ben, 1)
    total = 150

    def storm() -> None:
        for i in range(total):
            sender.send(str(i), receiver_id=ben.user_id)

    thread = threading.Thread(target=storm)
    thread.start()
    starts = []
    for _ in range(5):
        seen = len(seqs(client, conversation))
        client.wait(lambda seen=seen: _more(client, conversation, seen + 10), 30, "ten more")
        starts.append(len(client.events))
        client.reconnect()
    thread.join(60)
    wait_for_seq(client, conversation, total + 1, 20)
    client.fence()
    for first, last in zip([0, *starts], [*starts, len(client.events)], strict=True):
        part = [e.data["seq"] for e in client.events[first:last] if _is_of(e, conversation)]
        assert part == sorted(set(part)), "within one connection, messages must not repeat or change order"
    assert set(seqs(client, conversation)) == set(range(1, total + 2))


def _more(client: EventClient, conversation: int, count: int) -> bool | None:
    return True if len(seqs(client, conversation)) >= count or 151 in seqs(client, conversation) else None


def _is_of(event: object, conversation: int) -> bool:
    return event.name == "receive_message" and event.data["conversationId"] == conversation  # type: ignore[attr-defined]


def test_resume_on_the_other_gateway(
    server: Stack, connect: Connect, rest: MakeRest, ann: Account, ben: Account
) -> None:
    first, second = connect("ws", ben), connect("ws", ben)
    assert first.base_url != second.base_url
    first.kill()
    conversation = send(rest, ann, ben, 3)
    first.base_url = second.base_url
    first.reconnect()
    wait_for_seq(first, conversation, 3)


def test_event_stream_can_resume_by_query(connect: Connect, rest: MakeRest, ann: Account, ben: Account) -> None:
    start: SseClient = connect("sse", ben)
    start.kill()
    conversation = send(rest, ann, ben, 2)
    after = connect("sse", ben, start.cursor, resume_by="query")
    wait_for_seq(after, conversation, 2)
    assert seqs(after, conversation) == [1, 2]


def test_resume_over_several_conversations_keeps_the_order_of_events(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    away = connect(transport, ben)
    away.kill()
    sent = [rest(who).send(receiver_id=ben.user_id)["id"] for who in (ann, eve, ann, eve, eve, ann)]
    away.reconnect()
    away.fence()
    assert [m["id"] for m in away.messages() if m["message"] != "fence"] == sent


def test_resume_of_more_than_a_hundred_conversations(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account
) -> None:
    """Such a replay has a plan from its first page on."""
    away = [connect(transport, ben) for transport in ALL]
    for client in away:
        client.fence()
        client.kill()
    groups = [rest(ann).group("Group", [ben.user_id])["id"] for _ in range(105)]
    sent = [rest(ann).send(conversation_id=group)["id"] for group in reversed(groups)]
    for client in away:
        start = len(client.events)
        client.reconnect()
        client.fence()
        missed = client.events[start:]
        assert [e.data["id"] for e in missed if e.name == "conversation_updated"] == groups
        arrived = [e.data for e in missed if e.name == "receive_message" and e.data["conversationId"] in groups]
        assert [data["id"] for data in arrived if data["kind"] == "text"] == sent
        assert len(arrived) == 2 * len(groups)
