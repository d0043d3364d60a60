"""Users and auth sessions in the store."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Engine, text

from app.store import auth_sessions, people_names, users
from app.store.engine import autocommit
from app.store.external_users import get_or_create_external
from tests.factories.store import add_users

HOUR_MS = 3_600_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_user_is_found_by_id_and_by_name_in_any_case(conn: Connection) -> None:
    made = users.insert_user(conn, "Grace.Hopper", "Grace", password_hash="hash", avatar_url="https://x")
    assert made is not None
    assert made == users.StoredUser(made.id, "grace.hopper", "Grace", "https://x", None)
    assert users.get_users(conn, [made.id, 10**9]) == {made.id: made}
    assert users.find_user_by_username(conn, "GRACE.hopper") == made
    assert users.find_credentials(conn, "grace.hopper") == users.Credentials(made, "hash")
    assert users.find_user_by_username(conn, "nobody") is None


def test_username_is_unique(conn: Connection) -> None:
    assert users.insert_user(conn, "only.one", "A") is not None
    assert users.insert_user(conn, "ONLY.one", "B") is None


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("zoe", ["zoe.a", "zoe.b"]),
        ("ZOE.A", ["zoe.a"]),
        ("ünal", ["zoe.b"]),
        ("Ünal K", ["zoe.b"]),
        ("oe", []),
        ("", []),
        ("zoe%", []),
        ("zoe_", []),
        ("\U0010ffff", []),
        ("\ud7ff", []),
    ],
)
def test_search_by_prefix_of_either_name(conn: Connection, prefix: str, found: list[str]) -> None:
    users.insert_user(conn, "zoe.b", "Ünal Kaya")
    users.insert_user(conn, "zoe.a", "Zoe")
    assert [user.username for user in users.search_by_prefix(conn, prefix)] == found


@pytest.mark.parametrize(
    ("name", "queries", "others"),
    [
        (
            "Ünal Müller-Lüdenscheidt",
            ["muller", "MULLER", "lud", "unal mul", "mul una", "Müller-Lüd"],
            ["ller", "unal x"],
        ),
        ("Seán O’Brien", ["obrien", "brien", "o'brien", "O’Brien", "sean"], ["rien"]),
        ("王小明", ["王", "小明", "明"], ["明小"]),
        ("Αλέξανδρος Παππάς", ["αλεξανδρος", "παππασ", "ΠΑΠΠΑΣ"], []),
        ("Алёна Королёва", ["алена", "королева", "КОРОЛЁВА"], ["лена"]),
        ("Nguyễn Văn An", ["nguyen", "van an"], ["guyen"]),
        ("مُحَمَّد علي", ["محمد", "علي"], []),
        ("A B", ["a b", "b"], ["c", "a%", "a_", "%"]),
    ],
)
def test_people_are_found_by_each_word_of_their_name(
    conn: Connection, name: str, queries: list[str], others: list[str]
) -> None:
    made = users.insert_user(conn, f"nobody.{len(name)}.{ord(name[0])}", name)
    assert made is not None

    def found(query: str) -> bool:
        contact = users.search_by_prefix(conn, query, 500)
        return made.id in {user.id for user in contact}

    assert [query for query in queries if not found(query)] == []
    assert [query for query in others if found(query)] == []
    users.update_profile(conn, made.id, display_name="Renamed Person")
    assert [query for query in queries if found(query)] == []
    assert found("person")


def test_names_from_before_are_written_later(conn: Connection) -> None:
    made = users.insert_user(conn, "from.before", "Erika Mustermann")
    assert made is not None
    conn.execute(text("DELETE FROM user_name_terms"))
    assert users.search_by_prefix(conn, "mustermann") == []
    assert people_names.write_names_after(conn, made.id - 1, 1) == made.id
    assert [user.id for user in users.search_by_prefix(conn, "mustermann")] == [made.id]
    assert people_names.write_names_after(conn, 2**60, 1) is None


def test_search_stops_at_its_limit(conn: Connection) -> None:
    for name in ("lim.c", "lim.a", "lim.b"):
        users.insert_user(conn, name, name)
    assert [user.username for user in users.search_by_prefix(conn, "lim", limit=2)] == ["lim.a", "lim.b"]


def test_profile_update_changes_only_the_given_fields(conn: Connection) -> None:
    made = users.insert_user(conn, "profile", "Before", avatar_url="https://x")
    assert made is not None
    assert users.update_profile(conn, made.id) == made
    renamed = users.update_profile(conn, made.id, display_name="After")
    assert renamed is not None
    assert (renamed.display_name, renamed.avatar_url) == ("After", "https://x")
    bare = users.update_profile(conn, made.id, avatar_url=None)
    assert bare is not None
    assert (bare.display_name, bare.avatar_url) == ("After", None)
    assert users.update_profile(conn, 10**9, display_name="x") is None


def test_last_seen_of_many_users_only_moves_forward(conn: Connection, engine: Engine) -> None:
    first, second = add_users(engine, 2)
    users.set_last_seen(conn, [(first, 5_001), (second, 7_000), (first, 6_002), (10**9, 1)])
    users.set_last_seen(conn, [(first, 1_000), (second, 8_003)])
    users.set_last_seen(conn, [])
    found = users.get_users(conn, [first, second])
    assert [found[user].last_seen_ms for user in (first, second)] == [6_002, 8_003]


def test_external_identity_becomes_one_user_under_concurrency(engine: Engine) -> None:
    def arrive(_: int) -> tuple[users.StoredUser, bool]:
        with autocommit(engine) as conn:
            return get_or_create_external(conn, "https://idp", "s-1", username="Wanted", display_name="W")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(arrive, range(24)))
    assert sum(is_new for _, is_new in answers) == 1
    found = {user for user, _ in answers}
    assert {(user.username, user.display_name) for user in found} == {("wanted", "W")}
    assert len({user.id for user in found}) == 1


@pytest.mark.parametrize("wish", ["taken", "", "not allowed!", "x" * 99])
def test_external_identity_gets_a_generated_name_if_its_wish_is_unusable(conn: Connection, wish: str) -> None:
    users.insert_user(conn, "taken", "T")
    subject = f"subject of {wish}"
    made, _ = get_or_create_external(conn, "https://idp", subject, username=wish)
    assert made.username.startswith("u-")
    assert get_or_create_external(conn, "https://idp", subject, username="other") == (made, False)
    assert get_or_create_external(conn, "https://other", subject)[0].id != made.id


def new_session(conn: Connection, engine: Engine, lasts_ms: int = HOUR_MS) -> str:
    sid = str(uuid.uuid4())
    [user] = add_users(engine, 1)
    auth_sessions.create_session(conn, sid, user, device_id="d", expires_ms=now_ms() + lasts_ms)
    return sid


def test_rotation_counts_up_and_detects_a_reused_token(conn: Connection, engine: Engine) -> None:
    sid, expires = new_session(conn, engine), now_ms() + 2 * HOUR_MS
    first = auth_sessions.rotate_refresh(conn, sid, 0, expires_ms=expires)
    assert (first.outcome, first.generation) == ("rotated", 1)
    assert auth_sessions.rotate_refresh(conn, sid, 0, expires_ms=expires).outcome == "reused"
    assert auth_sessions.rotate_refresh(conn, sid, 2, expires_ms=expires).outcome == "gone"
    found = auth_sessions.find_session(conn, sid)
    assert found == auth_sessions.AuthSessionRow(sid, first.user_id, "d", 1, expires, None)


def user_of(conn: Connection, sid: str) -> int:
    found = auth_sessions.find_session(conn, sid)
    assert found is not None
    return found.user_id


def test_ended_expired_and_unknown_families_cannot_rotate(conn: Connection, engine: Engine) -> None:
    ended, expired = new_session(conn, engine), new_session(conn, engine, lasts_ms=-1)
    end = now_ms() // 1000 * 1000 + 60_000
    stored = auth_sessions.end_session(conn, ended, user_of(conn, ended), "logout", tokens_end_ms=end)
    assert stored == end // 1000
    for sid in (ended, expired, str(uuid.uuid4())):
        assert auth_sessions.rotate_refresh(conn, sid, 0, expires_ms=end).outcome == "gone"
    assert auth_sessions.find_session(conn, str(uuid.uuid4())) is None


def test_ended_sessions_are_listed_until_their_last_token_expires(conn: Connection, engine: Engine) -> None:
    alive, ended, unknown, over = (
        new_session(conn, engine), new_session(conn, engine), str(uuid.uuid4()), new_session(conn, engine)
    )  # fmt: skip
    user, end = user_of(conn, alive), now_ms() // 1000 * 1000 + 60_000
    for sid, tokens_end in ((ended, end), (ended, end + 9000), (unknown, end), (over, now_ms() - 1)):
        auth_sessions.end_session(conn, sid, user, "logout", tokens_end_ms=tokens_end)
    listed = auth_sessions.revoked_sessions(conn)
    assert {sid: listed.get(sid) for sid in (alive, ended, unknown, over)} == {
        alive: None, ended: end // 1000, unknown: end // 1000, over: None
    }  # fmt: skip


def test_exactly_one_of_simultaneous_uses_of_a_token_rotates(conn: Connection, engine: Engine) -> None:
    sid, expires = new_session(conn, engine), now_ms() + HOUR_MS

    def rotate(_: int) -> str:
        with autocommit(engine) as other:
            return auth_sessions.rotate_refresh(other, sid, 0, expires_ms=expires).outcome

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(rotate, range(24)))
    assert outcomes == ["reused"] * 23 + ["rotated"]


def test_expired_families_are_deleted_in_batches(conn: Connection, engine: Engine) -> None:
    old = [new_session(conn, engine, lasts_ms=-HOUR_MS) for _ in range(3)]
    young = new_session(conn, engine)
    before = now_ms() - HOUR_MS // 2
    assert auth_sessions.forget_expired(conn, before, limit=2) == 2
    assert auth_sessions.forget_expired(conn, before, limit=9) == 1
    assert [auth_sessions.find_session(conn, sid) for sid in old] == [None] * 3
    assert auth_sessions.find_session(conn, young) is not None
