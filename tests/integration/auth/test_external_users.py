"""A deployment with an external issuer: unknown subjects become users when they first appear."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.container import Container
from app.core.audit import AuditFilter
from app.store.audit import list_acts
from app.store.engine import reading
from tests.integration.auth.conftest import MakeApp
from tests.support.api_client import PASSWORD, Api, assert_problem
from tests.support.issuer import AUDIENCE, ISSUER, KeyServer, jwk_of, key_server, make_key, public_pem, sign

KEY = make_key("RS256")
TRUSTED = {"jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}


@pytest.fixture(scope="module")
def keys() -> Iterator[KeyServer]:
    with key_server() as server:
        server.keys = [jwk_of(KEY, kid="k1")]
        yield server


@pytest.fixture(scope="module")
def external(make_api: MakeApp, keys: KeyServer) -> Api:
    return make_api(jwt_jwks_url=keys.url, **TRUSTED)


@pytest.fixture(scope="module")
def both(make_api: MakeApp) -> Api:
    return make_api(jwt_public_key=public_pem(KEY), local_accounts=True, **TRUSTED)


def token(subject: str, **claims: object) -> str:
    return sign(KEY, "RS256", kid="k1", sub=subject, **claims)


def me(api: Api, access: str) -> dict[str, object]:
    answer = api.get("/api/v1/me", token=access)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_subject_becomes_one_permanent_user(external: Api, both: Api) -> None:
    first = me(external, token("s-1", preferred_username="Outer.Ada", name="Ada O."))
    assert (first["username"], first["displayName"]) == ("outer.ada", "Ada O.")
    assert me(external, token("s-1", preferred_username="renamed")) == first
    assert me(both, token("s-1")) == first


def test_missing_taken_or_invalid_name_is_replaced(external: Api) -> None:
    taken = me(external, token("s-2", preferred_username="wanted"))
    for subject, claims in {
        "s-3": {"preferred_username": "wanted"},
        "s-4": {},
        "s-5": {"preferred_username": "not allowed!", "name": "\0\u202e"},
    }.items():
        user = me(external, token(subject, **claims))
        assert user["id"] != taken["id"]
        assert str(user["username"]).startswith("u-")
        assert user["displayName"]


def test_simultaneous_first_requests_create_one_user(external: Api) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: me(external, token("s-6", jti=str(number)))["id"], range(16)))
    assert len(set(found)) == 1
    container: Container = external.app.extensions["parley"]
    with reading(container.engine) as conn:
        acts = list_acts(conn, AuditFilter(user_id=int(str(found[0]))), None, 100)
    assert [act.action for act in acts] == ["account.created"]


def test_logout_of_an_issuer_session_survives_the_loss_of_redis(external: Api, both: Api, redis_client: object) -> None:
    one, same, other = (token("s-7", sid=sid, jti=jti) for sid, jti in (("a", "1"), ("a", "2"), ("b", "3")))
    me(external, one)
    assert external.post("/api/v1/auth/logout", token=one).status_code == 204
    redis_client.flushall()  # type: ignore[attr-defined]
    for api in (external, both):
        for ended in (one, same):
            assert_problem(api.get("/api/v1/me", token=ended), 401, "unauthorized")
        me(api, other)


def test_external_tokens_can_get_tickets(external: Api) -> None:
    assert external.post("/api/v1/auth/ticket", token=token("s-8")).status_code == 201


def test_local_accounts_are_off(external: Api, api: Api) -> None:
    local = api.register()
    credentials = {"username": local.username, "password": PASSWORD}
    assert_problem(external.post("/api/v1/auth/register", credentials), 404, "not_found")
    assert_problem(external.post("/api/v1/auth/login", credentials), 404, "not_found")
    assert_problem(external.post("/api/v1/auth/refresh", token=local.refresh), 404, "not_found")
    assert_problem(external.get("/api/v1/me", token=local.access), 401, "unauthorized")


def test_local_accounts_can_be_enabled_beside_the_issuer(both: Api) -> None:
    local = both.register()
    assert me(both, local.access)["id"] == local.id
    assert me(both, both.log_in(local.username).access)["id"] == local.id
    assert both.post("/api/v1/auth/refresh", token=local.refresh).status_code == 200
    assert me(both, token("s-9"))["id"] != local.id


def test_external_user_has_no_password(external: Api, both: Api) -> None:
    user = me(external, token("s-10", preferred_username="no-password"))
    for password in ("", "None", "null", PASSWORD):
        answer = both.post("/api/v1/auth/login", {"username": user["username"], "password": password})
        assert_problem(answer, 401, "unauthorized")


def test_untrusted_external_token_is_refused(api: Api, external: Api) -> None:
    assert_problem(api.get("/api/v1/me", token=token("s-11")), 401, "unauthorized")
    assert_problem(external.get("/api/v1/me", token=token("s-11", aud="other")), 401, "unauthorized")


def test_deleted_external_user_is_not_created_again(external: Api, make_api: MakeApp, keys: KeyServer) -> None:
    """The refusal holds for known and new tokens, and for an application that has never seen the user."""
    known, another = token("s-gone"), token("s-gone", sid="another")
    for access in (known, another):
        me(external, access)
    answer = external.call("DELETE", "/api/v1/me", token=known)  # no password, because external users have none
    assert answer.status_code == 202, answer.text
    elsewhere = make_api(jwt_jwks_url=keys.url, **TRUSTED)
    for api in (external, elsewhere):
        for access in (known, another, token("s-gone")):
            assert_problem(api.get("/api/v1/me", token=access), 401, "unauthorized")
