"""Sends over the in-memory twins: order, idempotence, acks, and every refusal."""

from __future__ import annotations

import time
import uuid
from typing import Any

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.clock import now_ms
from app.core.commands import SendMessage
from app.core.errors import (
    Conflict,
    Forbidden,
    Internal,
    Invalid,
    NotFound,
    Overloaded,
    RateLimited,
    TooLarge,
    Unauthorized,
)
from app.core.ids import make_uuid7
from app.message_log import keys
from app.message_log.append import AppendLimits
from app.message_log.conversations import hydrate, is_in_redis, set_blockers
from app.message_log.shards import Shard
from app.services.messaging.user_rates import TokenGrant, UserRate
from tests.support.own_hub import in_own_hub
from tests.twins.memory_gateway import EPOCH, REFUSED, MemoryGateway, Replies, memory_gateway

ANN, BEN, EVE = 1, 2, 9
PAIR, OTHER = 7, 8
OLD_ID = "018f4e2a-0000-7000-8000-000000000001"  # too old to be surely new


def send(
    gateway: MemoryGateway, replies: Replies, text: str, id_: str | None = None, conversation: int = PAIR,
    user: int = ANN, **more: Any,
) -> bool:  # fmt: skip
    id_ = id_ or make_uuid7(now_ms())
    command = SendMessage(conversation_id=conversation, message=text, id=id_, **more)
    return gateway.sender.send(user, "session", command, replies.of(text))


def with_conversations(gateway: MemoryGateway) -> None:
    gateway.store.add_direct(PAIR, ANN, BEN)
    gateway.store.add_group(OTHER, [ANN, BEN])


def stored_texts(gateway: MemoryGateway, conversation: int = PAIR) -> list[str | None]:
    rows = sorted(gateway.store.rows.values(), key=lambda row: row.seq)
    return [row.body for row in rows if row.conversation_id == conversation]


@in_own_hub
def test_ack_comes_only_after_the_message_is_stored() -> None:
    with memory_gateway() as gateway:
        with_conversations(gateway)
        replies = Replies()
        assert send(gateway, replies, "hello")
        while not gateway.redis.xlen(keys.FIRST.log):
            gevent.sleep(0)
        gevent.sleep(0)
        assert replies.all == []
        gateway.drain()
        assert replies.all == [], "the drain's notice is not here yet"
        gateway.deliver_notices()
        [(_, ack, error)] = replies.all
        assert error is None
        assert (ack["seq"], ack["status"], ack["conversationId"]) == (1, "stored", PAIR)
        assert gateway.counters["sends"] == 1


STEPS = st.lists(st.tuples(st.sampled_from([PAIR, OTHER]), st.sampled_from(["send", "repeat", "yield", "forget"])))


@given(steps=STEPS)
@settings(max_examples=60, deadline=None)
def test_sends_of_a_session_keep_their_order_and_each_id_is_stored_once(steps: list[tuple[int, str]]) -> None:
    play(steps)


@in_own_hub
def play(steps: list[tuple[int, str]]) -> None:
    """Between sends, Redis forgets conversations as it does with idle ones, and the hub runs other greenlets."""
    sent: list[tuple[int, str, str]] = []
    replies = Replies()
    with memory_gateway() as gateway:
        with_conversations(gateway)
        for number, (conversation, step) in enumerate(steps):
            if step == "yield":
                gevent.sleep(0)
                gateway.drain(1)
            elif step == "forget":
                gateway.work_until(lambda: len(replies) == len(sent))  # only an idle conversation is forgotten
                gateway.redis.delete(keys.FIRST.conversation(conversation))
            else:
                id_ = sent[-1][2] if step == "repeat" and sent and sent[-1][0] == conversation else None
                sent.append((conversation, str(number), id_ or make_uuid7(now_ms())))
                send(gateway, replies, str(number), sent[-1][2], conversation)
        gateway.work_until(lambda: len(replies) == len(sent))
        check_order(gateway, sent, replies)


def check_order(gateway: MemoryGateway, sent: list[tuple[int, str, str]], replies: Replies) -> None:
    acks = {name: ack for name, ack, error in replies.all if error is None}
    assert sorted(acks, key=int) == [text for _, text, _ in sent]
    for conversation in (PAIR, OTHER):
        first_texts: dict[str, str] = {}
        for where, text, id_ in sent:
            if where == conversation:
                first_texts.setdefault(id_, text)
                assert acks[text]["seq"] == list(first_texts).index(id_) + 1
        assert stored_texts(gateway, conversation) == list(first_texts.values())


@in_own_hub
def test_first_message_hydrates_the_conversation_once_for_all_senders() -> None:
    with memory_gateway() as gateway:
        with_conversations(gateway)
        replies = Replies()
        for number in range(20):
            send(gateway, replies, str(number), user=ANN if number % 2 else BEN)
        assert not is_in_redis(Shard(gateway.redis), PAIR)
        gateway.work_until(lambda: len(replies) == 20)
        assert replies.names() == [str(number) for number in range(20)]
        assert gateway.redis.calls.count("script hydrate") == 1


@in_own_hub
def test_old_id_is_looked_up_in_the_store() -> None:
    with memory_gateway() as gateway:
        with_conversations(gateway)
        replies = Replies()
        assert not send(gateway, replies, "first", OLD_ID)
        gateway.work_until(lambda: len(replies) == 1)
        gateway.redis.delete(keys.FIRST.dedupe_mark(PAIR, OLD_ID))
        send(gateway, replies, "again", OLD_ID.upper())
        send(gateway, replies, "stolen", OLD_ID, user=BEN)
        gateway.work_until(lambda: len(replies) == 3)
        found = {name: (ack, error) for name, ack, error in replies.all}
        assert found["again"] == found["first"]
        assert isinstance(found["stolen"][1], Conflict)
        assert stored_texts(gateway) == ["first"]


def send_and_lose_postgres(gateway: MemoryGateway) -> Replies:
    """Sends "warm", so that Redis knows the conversation, and stops Postgres."""
    with_conversations(gateway)
    replies = Replies()
    send(gateway, replies, "warm")
    gateway.work_until(lambda: len(replies) == 1)
    gateway.engine.down = True
    return replies


@in_own_hub
def test_live_chat_goes_on_while_postgres_is_down() -> None:
    with memory_gateway() as gateway:
        replies = send_and_lose_postgres(gateway)
        send(gateway, replies, "new id")
        send(gateway, replies, "old id", str(uuid.uuid4()))
        gateway.work_until(lambda: gateway.redis.xlen(keys.FIRST.log) == 2)
        gateway.engine.down = False
        gateway.work_until(lambda: len(replies) == 3)
        assert stored_texts(gateway) == ["warm", "new id", "old id"]


@in_own_hub
def test_message_that_waits_longer_than_its_dedupe_mark_is_accepted_once() -> None:
    with memory_gateway() as gateway:
        replies = send_and_lose_postgres(gateway)
        send(gateway, replies, "first", OLD_ID)
        gateway.work_until(lambda: gateway.redis.xlen(keys.FIRST.log) == 1)
        gateway.redis.delete(keys.FIRST.dedupe_mark(PAIR, OLD_ID))
        send(gateway, replies, "again", OLD_ID)
        send(gateway, replies, "next")
        gateway.work_until(lambda: gateway.redis.xlen(keys.FIRST.log) == 2)
        gateway.engine.down = False
        gateway.work_until(lambda: len(replies) == 4)
        acks = {name: ack for name, ack, _ in replies.all}
        assert acks["again"] == acks["first"]
        assert stored_texts(gateway) == ["warm", "first", "next"]


@in_own_hub
def test_cold_conversation_is_overloaded_while_postgres_is_down() -> None:
    with memory_gateway() as gateway:
        with_conversations(gateway)
        gateway.engine.down = True
        replies = Replies()
        for text in ("one", "two"):
            send(gateway, replies, text)
        gateway.work_until(lambda: len(replies) == 2)
        assert [type(error) for _, _, error in replies.all] == [Overloaded, Overloaded]


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (SendMessage(conversation_id=PAIR, message="x", sender_id=BEN), Unauthorized),
        (SendMessage(conversation_id=PAIR, message="x" * 8001), TooLarge),
        (SendMessage(conversation_id=PAIR, message=""), Invalid),
    ],
)
def test_malformed_send_is_refused_at_once(command: SendMessage, error: type[Exception]) -> None:
    with memory_gateway() as gateway:
        replies = Replies()
        assert gateway.sender.send(ANN, "session", command, replies.of(""))
        assert isinstance(replies.all[0][2], error)


@in_own_hub
def test_refusals_of_the_log_have_their_codes() -> None:
    small = AppendLimits(max_records=1, max_bytes=10_000, dedupe_seconds=600)
    with memory_gateway(small) as gateway:
        with_conversations(gateway)
        hydrate(Shard(gateway.redis), EPOCH, gateway.store.states[PAIR])
        replies = Replies()
        send(gateway, replies, "stranger", user=EVE)
        send(gateway, replies, "nowhere", conversation=404)
        send(gateway, replies, "fits")
        send(gateway, replies, "full")
        gevent.sleep(0)
        gateway.work_until(lambda: len(replies) == 4)
        set_blockers(Shard(gateway.redis), PAIR, [ANN])
        send(gateway, replies, "blocked")
        gateway.work_until(lambda: len(replies) == 5)
        errors = {name: type(error) for name, _, error in replies.all}
        assert errors == {
            "stranger": NotFound,
            "nowhere": NotFound,
            "fits": type(None),
            "full": Overloaded,
            "blocked": Forbidden,
        }


@in_own_hub
def test_message_that_the_drain_refuses_is_answered_with_its_error() -> None:
    with memory_gateway() as gateway:
        with_conversations(gateway)
        replies = Replies()
        send(gateway, replies, "bad")
        while not gateway.redis.xlen(keys.FIRST.log):
            gevent.sleep(0)
        (entry,) = gateway.reader.take(1, 0)[1]
        assert entry.records is not None
        gateway.drain(refused={entry.records[0].version: "why"})
        gateway.work_until(lambda: len(replies) == 1)
        assert replies.all == [("bad", None, REFUSED)]


@in_own_hub
def test_lost_epoch_ends_every_wait_with_overloaded() -> None:
    with memory_gateway() as gateway:
        with_conversations(gateway)
        replies = Replies()
        send(gateway, replies, "lost")
        while not len(gateway.confirmations):
            gevent.sleep(0)
        gateway.redis.lose_data()
        gateway.begin_epoch(EPOCH + 1)
        gateway.conversations.forget_all()
        gateway.confirmations.fail_all()
        assert [type(error) for _, _, error in replies.all] == [Overloaded]
        send(gateway, replies, "again")
        gateway.work_until(lambda: len(replies) == 2)
        assert replies.all[-1][1]["seq"] == 1


@pytest.mark.parametrize(("granted", "goes_on"), [(1, True), (0, False)])
@in_own_hub
def test_send_without_a_token_waits_for_the_answer_and_lets_the_next_command_go_on(granted: int, goes_on: bool) -> None:
    with memory_gateway() as gateway:
        with_conversations(gateway)
        hydrate(Shard(gateway.redis), EPOCH, gateway.store.states[PAIR])
        answers: list[Any] = []
        sender = gateway.make_sender(UserRate("send", 1.0, 16, lambda _request, outcome: answers.append(outcome)))
        replies, submitted = Replies(), []
        commands = [SendMessage(conversation_id=PAIR, message=str(n), id=make_uuid7(now_ms())) for n in range(2)]
        for command in commands:
            name = command.message
            began = sender.send(ANN, "s", command, replies.of(name), lambda name=name: submitted.append(name))  # type: ignore[misc]
        assert not began, "the first one was let through on credit, the second one waits"
        assert "1" not in submitted
        (answer,) = answers
        answer(TokenGrant(1, granted, 5.0, time.monotonic()), None)
        gateway.work_until(lambda: len(replies) == 2)
        assert "1" in submitted
        assert stored_texts(gateway) == (["0", "1"] if goes_on else ["0"])
        if not goes_on:
            assert [type(error) for _, _, error in replies.all if error] == [RateLimited]


@in_own_hub
def test_fault_in_the_preparation_is_answered_as_internal_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with memory_gateway() as gateway:
        gateway.engine.on_connect = failing
        replies, submitted = Replies(), []
        command = SendMessage(receiver_id=BEN, message="x")
        assert not gateway.sender.send(ANN, "s", command, replies.of("x"), lambda: submitted.append(1))
        gateway.work_until(lambda: len(replies) == 1)
        assert isinstance(replies.all[0][2], Internal)
        assert submitted == [1]
        assert "a send failed" in caplog.text


def failing() -> None:
    raise ValueError("a bug")
