"""Commands begin in the order in which they arrive, and each gets one answer, over the in-memory gateway."""

from __future__ import annotations

from typing import Any

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.exceptions import ConnectionError

from app.clock import now_ms
from app.core.close_codes import CloseCode
from app.core.errors import Overloaded
from app.core.events import Event
from app.core.ids import make_uuid7
from app.message_log import keys
from app.transports.commands import MAX_WAITING
from app.transports.connection_protocol import PauseReason
from tests.support.own_hub import in_own_hub
from tests.twins.memory_gateway import memory_gateway
from tests.unit.transports.command_world import BEN, PAIR, Faults, Session, make_session

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
                gateway.redis.delete(keys.FIRST.conversation(PAIR))
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
        assert not gateway.redis.xlen(keys.FIRST.log)


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
        session.catching_up, session._buffer = True, []
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
