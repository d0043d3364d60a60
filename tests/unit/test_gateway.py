"""The sessions of a gateway, and the warning at its start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Overloaded, RateLimited
from app.fanout.hub import Hub
from app.gateway.gateway import log_missing_gevent
from app.gateway.sessions import SessionRegistry
from app.gateway.shard_sessions import ShardSessions
from tests.support.own_hub import in_own_hub


class Online:
    """Records who is online, as the presence registry would."""

    def __init__(self) -> None:
        self.users: list[int] = []

    def begin_online(self, user_id: int) -> Callable[[], int]:
        if user_id not in self.users:
            self.users.append(user_id)
        return lambda: 100

    def mark_offline(self, user_id: int) -> None:
        self.users.remove(user_id)


class Session:
    transport = "ws"
    closed_with: int | None = None

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id

    def close(self, code: int, error: Any = None) -> None:
        self.closed_with = code


def make_registry(max_sessions: int = 1000, per_user: int = 1000) -> tuple[SessionRegistry, Online]:
    online: Any = Online()
    unused: Any = None
    registry = SessionRegistry(
        shards=[ShardSessions(Hub(lambda _versions, _error: None, revoked=lambda _sid: None), online)],
        devices=unused,
        activity=unused,
        max_sessions=max_sessions,
        max_sessions_per_user=per_user,
    )
    return registry, online


@given(acts=st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=30))
def test_user_is_online_exactly_while_one_of_their_sessions_is(acts: list[tuple[int, bool]]) -> None:
    registry, online = make_registry()
    open_: list[Any] = []
    for user, enters in acts:
        mine = [session for session in open_ if session.user_id == user]
        if enters:
            open_.append(session := Session(user))
            assert registry.enter([session]) == [100]  # type: ignore[arg-type]
        elif mine:
            open_.remove(mine[0])
            registry.leave([mine[0]])
        assert sorted(online.users) == sorted({session.user_id for session in open_})


def test_sessions_are_bounded_per_gateway_and_per_user() -> None:
    registry, _ = make_registry(max_sessions=2, per_user=1)
    one: Any = Session(1)
    registry.check_user_room(1)
    registry.add(one)
    registry.enter([one])
    with pytest.raises(RateLimited):
        registry.check_user_room(1)
    registry.check_room()
    registry.add(Session(2))  # type: ignore[arg-type]
    with pytest.raises(Overloaded):
        registry.check_room()
    registry.remove(one)
    registry.check_room()


@in_own_hub
def test_gateway_that_shuts_down_closes_all_sessions_and_takes_no_new_ones() -> None:
    registry, _ = make_registry()
    sessions = [Session(number) for number in range(120)]
    for session in sessions:
        registry.add(session)  # type: ignore[arg-type]
    registry.close_all(0.0)
    assert {session.closed_with for session in sessions} == {1001}
    with pytest.raises(Overloaded):
        registry.check_room()


def test_sweep_ends_only_sessions_that_were_revoked() -> None:
    registry, _ = make_registry()
    sessions: list[Any] = [Session(1), Session(1), Session(2)]
    revoked: list[Any] = []
    for number, session in enumerate(sessions):
        session.auth_session, session.revoke = f"s{number}", lambda s=session: revoked.append(s)
        registry.enter([session])
    registry.end_revoked(lambda sid, user_id: sid == "s0" or user_id == 2)
    assert revoked == [sessions[0], sessions[2]]


def test_server_without_gevent_is_logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch):
    log_missing_gevent()
    assert [record.message[:28] for record in caplog.records] == ["no event reaches a client: t"]
    caplog.clear()
    monkeypatch.setattr("app.gateway.gateway.is_module_patched", lambda name: name == "threading")
    log_missing_gevent()
    assert caplog.records == []
