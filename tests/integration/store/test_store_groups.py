"""Groups in the store: created completely or not at all, and the state that Redis and the members get."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine, text

from app.store.conversations import MemberState, get_one, load_state
from app.store.engine import writing
from app.store.groups import create_group, page_members
from app.store.open_direct import get_or_create_direct
from tests.factories.store import add_direct, add_group, add_users, join, leave, next_version


def delete_user(engine: Engine, user: int) -> None:
    with writing(engine) as conn:
        conn.execute(text("UPDATE users SET deleted_at = now() WHERE id = :id"), {"id": user})


def test_group_is_created_with_all_its_members(conn: Connection, engine: Engine) -> None:
    creator, *others = add_users(engine, 4)
    group = create_group(conn, creator, "Team", [*others, creator, others[0]], description="d", history="joined")
    assert group is not None
    [state] = load_state(conn, [group])
    assert state.members == [
        MemberState(creator, "owner", 0, 0), *(MemberState(user, "member", 0, 0) for user in others)
    ]  # fmt: skip
    assert (state.kind, state.info) == ("group", {"name": "Team", "description": "d", "history": "joined"})
    seen = get_one(conn, creator, group)
    assert seen is not None
    assert (seen.member_count, seen.role, seen.name, seen.description) == (4, "owner", "Team", "d")
    assert (seen.avatar_url, seen.history, seen.archived, seen.pinned_ms) == (None, "joined", False, None)
    created_by = conn.execute(text("SELECT created_by FROM conversations WHERE id = :id"), {"id": group}).scalar()
    assert created_by == creator


def test_group_with_a_missing_user_is_not_created(conn: Connection, engine: Engine) -> None:
    creator, gone = add_users(engine, 2)
    delete_user(engine, gone)
    count = text("SELECT count(*) FROM conversations")
    before = conn.execute(count).scalar()
    for ids in ([10**12], [gone]):
        assert create_group(conn, creator, "Team", ids) is None
    assert create_group(conn, gone, "Team", [creator]) is None
    assert get_or_create_direct(conn, creator, gone) is None
    assert conn.execute(count).scalar() == before


def test_members_are_paged_by_id(conn: Connection, engine: Engine) -> None:
    users = add_users(engine, 5)
    group = add_group(engine, users)
    leave(engine, group, users[1], 1, next_version())
    assert [m.user_id for m in page_members(conn, group, 0, 3)] == [users[0], users[2], users[3]]
    assert [m.user_id for m in page_members(conn, group, users[3], 3)] == [users[4]]
    assert page_members(conn, group, users[4], 3) == []


def test_state_includes_fields_that_members_do_not_see(conn: Connection, engine: Engine) -> None:
    one, two = add_users(engine, 2)
    group = add_group(engine, [one, two])
    join(engine, group, two, 5, next_version(), sees_all=False)
    [state] = load_state(conn, [group])
    assert (state.floors, state.blockers) == ({two: 4}, [])


@pytest.mark.parametrize(("blocking", "blockers"), [((), ()), ((0,), (0,)), ((1,), (1,)), ((1, 0), (0, 1))])
def test_state_names_the_blockers_of_a_direct_conversation(
    conn: Connection, engine: Engine, blocking: tuple[int, ...], blockers: tuple[int, ...]
) -> None:
    users = add_users(engine, 3)
    with writing(engine) as writer:
        for n in blocking:
            values = {"u": users[n], "b": users[1 - n]}
            writer.execute(text("INSERT INTO blocks (user_id, blocked_id) VALUES (:u, :b)"), values)
        writer.execute(text("INSERT INTO blocks (user_id, blocked_id) VALUES (:u, :b)"), {"u": users[0], "b": users[2]})
    group, direct = add_group(engine, users[:2]), add_direct(engine, *users[:2])
    states = {state.id: state for state in load_state(conn, [group, direct])}
    assert states[direct].blockers == [users[n] for n in blockers]
    assert (states[direct].info, states[group].blockers) == ({}, [])
