"""Tokens of the host, signed with a shared secret: the profile follows the newest of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event

from app.container import Container
from app.core.audit import AuditFilter
from app.services.auth.server_keys import create_key
from app.store.audit import list_acts
from app.store.emails import email_of
from app.store.engine import reading, writing
from app.store.models import ServerKey
from tests.integration.auth.conftest import MakeApp
from tests.support.api_client import PASSWORD, Api, assert_problem
from tests.support.issuer import AUDIENCE, ISSUER, sign

SECRET = "a shared secret of the host, 39 letters"
BEGAN = int(time.time()) - 1000
USERS = "/api/v1/server/users"


@pytest.fixture(scope="module")
def host(make_api: MakeApp) -> Api:
    return make_api(jwt_shared_secret=SECRET, jwt_issuer=ISSUER, jwt_audience=AUDIENCE)


@pytest.fixture(scope="module")
def container(host: Api) -> Container:
    found: Container = host.app.extensions["parley"]
    return found


@pytest.fixture(autouse=True)
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pictures that a worker would fetch."""
    fetched: list[str] = []
    monkeypatch.setattr("app.services.accounts.follow_claims.enqueue_avatar", fetched.append)
    return fetched


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The users whose new profile a worker would announce."""
    announced: list[int] = []
    monkeypatch.setattr(
        "app.services.accounts.follow_claims.announce_profile_soon", lambda _, user_id: announced.append(user_id)
    )
    return announced


def token(subject: str, issued: int = 0, **claims: Any) -> str:
    """``issued``: seconds after the beginning."""
    return sign(SECRET, "HS256", **{"sub": subject, "iat": BEGAN + issued, **claims})


def me(api: Api, access: str) -> dict[str, Any]:
    answer = api.get("/api/v1/me", token=access)
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def test_first_token_makes_a_user_with_the_whole_profile(host: Api, fetched: list[str], announced: list[int]) -> None:
    claims = {"name": "Ada L.", "picture": "https://192.0.2.1/ada", "email": "ada@users.example", "locale": "de"}
    user = me(host, token("ht-1", **claims))
    assert (user["displayName"], user["email"], user["locale"]) == ("Ada L.", "ada@users.example", "de")
    assert user["externalId"] == "ht-1"
    assert user["avatarUrl"] == f"/api/v1/avatars/{fetched[0]}"
    assert announced == []


def test_newer_token_changes_what_differs_and_is_announced(
    host: Api, container: Container, fetched: list[str], announced: list[int]
) -> None:
    picture = "https://192.0.2.1/2"
    first = me(host, token("ht-2", 1, name="Old", picture=picture, email="old@users.example", locale="de"))
    user = me(host, token("ht-2", 2, name="New", picture=picture, email="new@users.example", locale="fr"))
    assert (user["displayName"], user["email"], user["locale"]) == ("New", "new@users.example", "fr")
    assert user["avatarUrl"] == first["avatarUrl"]
    assert len(fetched) == 1
    assert announced == [user["id"]]
    assert me(host, token("ht-2", 3)) == user  # absent claims change nothing
    gone = me(host, token("ht-2", 4, picture=None, email="", locale=""))
    assert gone["displayName"] == "New"
    assert gone["locale"] is None
    assert "email" not in gone
    with reading(container.engine) as conn:
        acts = list_acts(conn, AuditFilter(user_id=user["id"]), None, 100)
    assert [act.action for act in acts if act.action == "email.changed"] == ["email.changed"] * 3


def test_older_token_that_is_still_in_use_changes_nothing(
    host: Api, make_api: MakeApp, container: Container, announced: list[int]
) -> None:
    old, new = token("ht-3", 1, name="Old"), token("ht-3", 5, name="New")
    me(host, old)
    me(host, new)
    another_process = make_api(jwt_shared_secret=SECRET, jwt_issuer=ISSUER, jwt_audience=AUDIENCE)
    for api in (host, another_process):
        for access in (old, token("ht-3", 4, name="Between"), token("ht-3", 5, name="Same second")):
            assert me(api, access)["displayName"] == "New"
    # A token that shows the same values is remembered as the newest one.
    me(host, token("ht-3", 9, name="New"))
    assert me(host, token("ht-3", 7, name="Late"))["displayName"] == "New"
    assert len(announced) == 1
    assert me(host, token("ht-3", 0, name="Undated", iat=None))["displayName"] == "New"


def test_requests_of_one_token_write_nothing(host: Api, container: Container) -> None:
    access = token("ht-4", name="Ada")
    me(host, access)
    writes: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.lstrip().upper().startswith("SELECT"):
            writes.append(statement)

    event.listen(container.engine, "before_cursor_execute", note)
    try:
        for _ in range(5):
            me(host, access)
        me(host, token("ht-4", -1, name="Ada"))
    finally:
        event.remove(container.engine, "before_cursor_execute", note)
    assert writes == []


def test_many_tokens_at_once_leave_the_newest_profile(host: Api, announced: list[int]) -> None:
    me(host, token("ht-5", 0, name="Begin"))
    tokens = [token("ht-5", n, name=f"Name {n}") for n in range(1, 17)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda access: me(host, access), tokens))
    assert me(host, tokens[0])["displayName"] == "Name 16"
    assert announced


def test_own_change_lasts_until_the_next_token(host: Api) -> None:
    access = token("ht-6", 1, name="Host's")
    me(host, access)
    assert host.call("PATCH", "/api/v1/me", json={"displayName": "Own"}, token=access).status_code == 200
    assert me(host, access)["displayName"] == "Own"
    assert me(host, token("ht-6", 2, name="Host's"))["displayName"] == "Host's"


def test_bad_claims_do_not_refuse_the_token(host: Api) -> None:
    bad = {"name": ["x"], "picture": "http://x", "email": "nobody", "locale": 3, "preferred_username": {"a": 1}}
    user = me(host, token("4711", 1, **bad))
    assert user["displayName"] == "User 4711"
    assert not {"avatarUrl", "email"} & set(user)
    assert me(host, token("4711", 2, **bad)) == user


def test_local_accounts_and_tokens_of_the_host_work_side_by_side(make_api: MakeApp) -> None:
    both = make_api(jwt_shared_secret=SECRET, jwt_issuer=ISSUER, jwt_audience=AUDIENCE, local_accounts=True)
    local = both.register()
    assert me(both, local.access)["id"] == local.id
    assert both.post("/api/v1/auth/refresh", token=local.refresh).status_code == 200
    assert both.log_in(local.username, PASSWORD).id == local.id
    assert me(both, token("ht-7"))["id"] != local.id
    assert_problem(both.get("/api/v1/me", token=sign("x" * 40, "HS256", sub="ht-7")), 401, "unauthorized")
    assert_problem(both.get("/api/v1/me", token=sign(SECRET, "HS256", iss="parley")), 401, "unauthorized")


@pytest.fixture
def key(container: Container) -> Iterator[str]:
    yield create_key("host", [], engine=container.engine)
    with writing(container.engine) as conn:
        conn.execute(ServerKey.__table__.delete())


def put(api: Api, key: str, id_: str, **fields: object) -> dict[str, Any]:
    answer = api.call("PUT", f"{USERS}/{id_}", json=fields, token=key)
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.get_json())


def test_subject_is_the_id_of_the_server_api(host: Api, key: str) -> None:
    made = put(host, key, "ht-8", displayName="By the server")
    assert me(host, token("ht-8"))["id"] == made["id"]
    seen = me(host, token("ht-9", name="By a token"))
    assert put(host, key, "ht-9")["id"] == seen["id"]


def test_server_call_is_newer_than_a_token_from_before(host: Api, container: Container, key: str) -> None:
    me(host, token("ht-10", 1, name="First"))
    put(host, key, "ht-10", displayName="By the server", email="server@users.example")
    user = me(host, token("ht-10", 2, name="Second", email="second@users.example"))
    assert (user["displayName"], user["email"]) == ("By the server", "server@users.example")
    later = me(host, token("ht-10", iat=int(time.time()) + 20, name="Third"))
    assert later["displayName"] == "Third"
    with reading(container.engine) as conn:
        assert email_of(conn, later["id"]) == "server@users.example"


def test_user_whom_the_server_made_stays_away_after_deleting_the_account(host: Api, key: str) -> None:
    put(host, key, "ht-11")
    access = token("ht-11", 1)
    gone = me(host, access)["id"]
    assert host.call("DELETE", "/api/v1/me", token=access).status_code == 202
    assert_problem(host.get("/api/v1/me", token=token("ht-11", 2)), 401, "unauthorized")
    again = put(host, key, "ht-11")
    assert again["id"] != gone
    assert me(host, token("ht-11", 3))["id"] == again["id"]
