"""Commands begin in the order in which they arrive, and each gets one answer, over the in-memory gateway."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.exceptions import ConnectionError

from app.clock import now_ms
from app.core.caller import Caller
from app.core.close_codes import CloseCode
from app.core.errors import Overloaded, ParleyError, Unauthorized
from app.core.events import Event
from app.core.ids import make_uuid7
from app.message_log import keys
from app.transports.command_session import CommandServices, CommandSession
from app.transports.commands import MAX_WAITING, Commands
from app.transports.connection_protocol import PauseReason
from tests.support.own_hub import in_own_hub
from tests.twins.memory_gateway import MemoryGateway, memory_gateway

ANN, BEN = 1, 2
PAIR = 7


class Session(CommandSession):
    """Keeps the answers, by ref and in order."""

    def __init__(self, gateway: MemoryGateway, services: CommandServices) -> None:
        streams: Any = SimpleNamespace(run_blocking=gateway.run_blocking, max_backlog=100)
        super().__init__(SimpleNamespace(), streams)  # type: ignore[arg-type]
        self.pauses = PauseReason(0)
        self.all: list[tuple[str | None, str, Any]] = []
        self.bad = self.good = 0
        self.closes: list[int] = []
        self.caller: Caller | None = None
        self.unread_by_client = 0
        self.after_draining: list[Any] = []
        self.commands = Commands(self, services)

    @property
    def handshake_caller(self) -> Caller | None:
        return self.caller

    def pause(self, reason: PauseReason) -> None:
        self.pauses |= reason

    def resume(self, reason: PauseReason) -> None:
        self.pauses &= ~reason

    def backlog(self) -> int:
        return self.unread_by_client

    def when_drained(self, act: Any) -> None:
        self.after_draining.append(act)

    def answer(self, name: str, data: Any, ref: str | None) -> None:
        self.all.append((ref, name, data))

    def refuse(self, error: ParleyError, ref: str | None) -> None:
        self.all.append((ref, "error", error.code))

    def bad_frame(self, error: ParleyError, ref: str | None) -> None:
        self.bad += 1
        self.refuse(error, ref)

    def good_frame(self) -> None:
        self.good += 1

    def send_close(self, code: int, reason: str = "") -> None:
        self.closes.append(code)

    def take(self, event: str, data: Any, ref: object) -> None:
        self.commands.take(json.dumps({"event": event, "data": data, "ref": str(ref)}).encode())

    def answers(self, ref: object) -> list[tuple[str, Any]]:
        return [(name, data) for found, name, data in self.all if found == str(ref)]


class Faults:
    """``fetch`` is called by each fetch_unread_messages, which yields to other greenlets as a read of a store does."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def fetch(self, _user: int, _conversation: int | None, _limit: int) -> dict[str, Any]:
        gevent.sleep(0)
        if self.error is not None:
            raise self.error
        return {"messages": []}


def verify(token: str) -> Caller:
    if token != "good":
        raise Unauthorized
    return Caller(ANN, "sid", 2**40)


def make_session(
    gateway: MemoryGateway, faults: Faults | None = None, *, joined: bool = True, make: type[Session] = Session
) -> Session:
    gateway.store.add_direct(PAIR, ANN, BEN)
    unused: Any = None
    services = CommandServices(
        sender=gateway.sender,
        editor=unused,
        changes=unused,
        marks=gateway.marks,
        typing=unused,
        events=unused,
        streams=unused,
        presence=unused,
        fetch_unread=(faults or Faults()).fetch,
        verify_token=verify,
    )
    session = make(gateway, services)
    if joined:
        session.identify(Caller(ANN, "sid", 2**40))
        session.joined = True
    return session


KINDS = st.sampled_from(["send", "send", "cold send", "mark", "ping", "fetch", "unknown", "garbage", "yield", "forget"])


@given(kinds=st.lists(KINDS, max_size=30))
@settings(max_examples=60, deadline=None)
def test_every_command_gets_one_answer_and_sends_keep_their_order(kinds: list[str]) -> None:
    play(kinds)


@in_own_hub
def play(kinds: list[str]) -> None:
    with memory_gateway() as gateway:
        session, sent = make_session(gateway), []
        refs: list[str] = []
        for number, kind in enumerate(kinds):
            if kind == "yield":
                gevent.sleep(0)
            elif kind == "forget":
                gateway.work_until(lambda: len(session.all) == len(refs))  # only an idle conversation is forgotten
                gateway.redis.delete(keys.conversation(PAIR))
            else:
                refs.append(str(number))
                if "send" in kind:
                    sent.append(str(number))
                begin(session, kind, number)
        gateway.work_until(lambda: len(session.all) == len(refs))
        gevent.sleep(0)
        assert sorted(ref or "" for ref, _, _ in session.all) == sorted(refs)
        seqs = [session.answers(ref)[0][1]["seq"] for ref in sent]
        assert seqs == list(range(1, len(sent) + 1))
        assert (session.bad, session.pauses) == (kinds.count("unknown") + kinds.count("garbage"), PauseReason(0))


def begin(session: Session, kind: str, number: int) -> None:
    if kind == "garbage":
        session.commands.take(b'{"event": 5, "ref": "%d"}' % number)
    elif kind in ("send", "cold send"):
        age = 0 if kind == "send" else 86_400_000  # an old id needs Postgres first
        id_ = make_uuid7(now_ms() - age)
        session.take("send_message", {"conversationId": PAIR, "message": str(number), "id": id_}, number)
    else:
        event, data = {
            "mark": ("message_read", {"conversationId": PAIR, "seq": number}),
            "ping": ("ping", {}),
            "fetch": ("fetch_unread_messages", {}),
            "unknown": ("no_such_command", {}),
        }[kind]
        session.take(event, data, number)


@in_own_hub
def test_commands_wait_behind_one_that_blocks() -> None:
    with memory_gateway() as gateway:
        session = make_session(gateway)
        session.take("fetch_unread_messages", {}, "slow")
        for number in range(MAX_WAITING - 1):
            session.take("ping", {}, number)
        assert (session.all, session.pauses) == ([], PauseReason(0))
        session.take("ping", {}, "one more")
        assert session.pauses == PauseReason.COMMANDS_WAIT
        gateway.work_until(lambda: len(session.all) == MAX_WAITING + 1)
        names = [ref for ref, _, _ in session.all]
        assert names == ["slow", *map(str, range(MAX_WAITING - 1)), "one more"]
        assert session.pauses == PauseReason(0)


@pytest.mark.parametrize(
    ("error", "code"),
    [(Overloaded(), "overloaded"), (ConnectionError(), "overloaded"), (ValueError("a bug"), "internal")],
)
@in_own_hub
def test_failed_command_is_answered_and_the_next_one_runs(error: Exception, code: str) -> None:
    with memory_gateway() as gateway:
        faults = Faults()
        session = make_session(gateway, faults)
        faults.error = error
        session.take("fetch_unread_messages", {}, "fails")
        session.take("ping", {}, "next")
        gateway.work_until(lambda: len(session.all) == 2)
        assert session.answers("fails") == [("error", code)]
        assert session.answers("next") == [("pong", {})]


@in_own_hub
def test_closed_session_begins_no_waiting_command() -> None:
    with memory_gateway() as gateway:
        session = make_session(gateway)
        session.take("fetch_unread_messages", {}, "slow")
        session.take("send_message", {"conversationId": PAIR, "message": "late"}, "late")
        session.closed = True
        gateway.work_until(lambda: bool(session.answers("slow")))
        gevent.sleep(0)
        assert session.answers("late") == []
        assert not gateway.redis.xlen(keys.LOG)


@in_own_hub
def test_commands_before_join_are_refused_except_ping() -> None:
    with memory_gateway() as gateway:
        session = make_session(gateway, joined=False)
        session.take("ping", {}, "ping")
        session.take("send_message", {"conversationId": PAIR, "message": "x"}, "send")
        assert session.answers("ping") == [("pong", {})]
        assert session.answers("send") == [("error", "unauthorized")]


@pytest.mark.parametrize(
    ("data", "closes"),
    [({"token": "forged"}, [CloseCode.UNAUTHORIZED]), ({}, []), ({"token": "good", "userId": BEN}, [])],
)
@in_own_hub
def test_join_without_a_right_to_it_is_refused(data: dict[str, Any], closes: list[int]) -> None:
    with memory_gateway() as gateway:
        session = make_session(gateway, joined=False)
        session.take("join", data, "join")
        gateway.work_until(lambda: bool(session.all))
        assert session.answers("join") == [("error", "unauthorized")]
        assert session.closes == closes
        assert not session.joined


@in_own_hub
def test_second_join_is_a_conflict() -> None:
    with memory_gateway() as gateway:
        session = make_session(gateway)
        session.take("join", {"token": "good"}, "join")
        gateway.work_until(lambda: bool(session.all))
        assert session.answers("join") == [("error", "conflict")]


@in_own_hub
def test_session_is_renewed_only_with_a_token_of_its_own_user() -> None:
    with memory_gateway() as gateway:
        session = make_session(gateway)
        session.take("authenticate", {"token": "good"}, "own")
        gateway.work_until(lambda: bool(session.answers("own")))
        assert session.answers("own") == [("ack", {"expiresAt": 2**40})]
        session.user_id = BEN
        session.take("authenticate", {"token": "good"}, "another's")
        gateway.work_until(lambda: bool(session.answers("another's")))
        assert session.answers("another's") == [("error", "unauthorized")]


@in_own_hub
def test_fetch_waits_until_the_reader_has_taken_what_waits() -> None:
    with memory_gateway() as gateway:
        session = make_session(gateway)
        session.unread_by_client = 101
        session.take("fetch_unread_messages", {}, 1)
        session.take("ping", {}, 2)
        gevent.sleep(0)
        assert session.all == []
        session.unread_by_client = 0
        (fetch,) = session.after_draining
        fetch()
        gateway.work_until(lambda: len(session.all) == 2)
        assert [name for _, name, _ in session.all] == ["unread_messages", "pong"]


class Live(Session):
    """Also keeps the live events."""

    def write(self, event: Event) -> None:
        self.all.append((None, event.name, event.version))


@in_own_hub
def test_fetched_messages_are_never_older_than_the_events_before_them() -> None:
    """Otherwise the client replaces the new state of a message by the old one, and nothing corrects it."""
    with memory_gateway() as gateway:
        session = make_session(gateway, make=Live)

        def fetch(*_: Any) -> Any:
            session.offer(Event("message_updated", b"{}", version=5))
            return {"messages": []}

        session.commands._services.fetch_unread = fetch
        session.take("fetch_unread_messages", {}, "fetch")
        gateway.work_until(lambda: len(session.all) == 2)
        assert [name for _, name, _ in session.all] == ["unread_messages", "message_updated"]
        session.offer(Event("message_updated", b"{}", version=6))
        assert session.all[-1] == (None, "message_updated", 6)


@in_own_hub
def test_fetch_waits_for_a_replay_that_is_under_way() -> None:
    """The replay writes events too, and live ones follow at once when it ends, while the fetch is still reading."""
    with memory_gateway() as gateway:
        session = make_session(gateway, make=Live)
        session._catching_up, session._buffer = True, []
        reads: list[int] = []

        def fetch(*_: Any) -> Any:
            reads.append(session.position)
            session.offer(Event("reaction", b"{}", version=5 + len(reads)))
            return {"messages": []}

        session.commands._services.fetch_unread = fetch
        session.take("fetch_unread_messages", {}, "fetch")
        gevent.sleep(0)
        assert reads == []
        session.offer(Event("message_updated", b"{}", version=5))
        session.go_live(4)
        gateway.work_until(lambda: len(session.all) == 3)
        assert reads == [5]
        assert [name for _, name, _ in session.all] == ["message_updated", "unread_messages", "reaction"]
