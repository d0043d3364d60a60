"""A deployment that trusts an outside user service: unknown subjects become users at first sight."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

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
def outside(make_api: MakeApp, keys: KeyServer) -> Api:
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


def test_a_subject_becomes_a_user_and_stays_the_same_one(outside: Api, both: Api) -> None:
    first = me(outside, token("s-1", preferred_username="Outer.Ada", name="Ada O."))
    assert (first["username"], first["displayName"]) == ("outer.ada", "Ada O.")
    assert me(outside, token("s-1", preferred_username="renamed")) == first
    assert me(both, token("s-1")) == first


def test_a_name_that_is_missing_taken_or_not_allowed_is_replaced(outside: Api) -> None:
    taken = me(outside, token("s-2", preferred_username="wanted"))
    for subject, claims in {
        "s-3": {"preferred_username": "wanted"},
        "s-4": {},
        "s-5": {"preferred_username": "not allowed!", "name": "\0\u202e"},
    }.items():
        user = me(outside, token(subject, **claims))
        assert user["id"] != taken["id"]
        assert str(user["username"]).startswith("u-")
        assert user["displayName"]


def test_many_first_sights_at_once_make_one_user(outside: Api) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: me(outside, token("s-6", jti=str(number)))["id"], range(16)))
    assert len(set(found)) == 1


def test_logging_out_ends_the_issuers_session_here_also_after_redis_lost_it(
    outside: Api, both: Api, redis_client: object
) -> None:
    one, same, other = (token("s-7", sid=sid, jti=jti) for sid, jti in (("a", "1"), ("a", "2"), ("b", "3")))
    me(outside, one)
    assert outside.post("/api/v1/auth/logout", token=one).status_code == 204
    redis_client.flushall()  # type: ignore[attr-defined]
    for api in (outside, both):
        for ended in (one, same):
            assert_problem(api.get("/api/v1/me", token=ended), 401, "unauthorized")
        me(api, other)


def test_tickets_are_got_with_outside_tokens_too(outside: Api) -> None:
    assert outside.post("/api/v1/auth/ticket", token=token("s-8")).status_code == 201


def test_own_accounts_are_off(outside: Api, api: Api) -> None:
    local = api.register()
    credentials = {"username": local.username, "password": PASSWORD}
    assert_problem(outside.post("/api/v1/auth/register", credentials), 404, "not_found")
    assert_problem(outside.post("/api/v1/auth/login", credentials), 404, "not_found")
    assert_problem(outside.post("/api/v1/auth/refresh", token=local.refresh), 404, "not_found")
    assert_problem(outside.get("/api/v1/me", token=local.access), 401, "unauthorized")


def test_own_accounts_stand_beside_where_asked_for(both: Api) -> None:
    local = both.register()
    assert me(both, local.access)["id"] == local.id
    assert me(both, both.log_in(local.username).access)["id"] == local.id
    assert both.post("/api/v1/auth/refresh", token=local.refresh).status_code == 200
    assert me(both, token("s-9"))["id"] != local.id


def test_an_outside_user_has_no_password(outside: Api, both: Api) -> None:
    user = me(outside, token("s-10", preferred_username="no-password"))
    for password in ("", "None", "null", PASSWORD):
        answer = both.post("/api/v1/auth/login", {"username": user["username"], "password": password})
        assert_problem(answer, 401, "unauthorized")


def test_without_trust_an_outside_token_is_nothing(api: Api, outside: Api) -> None:
    assert_problem(api.get("/api/v1/me", token=token("s-11")), 401, "unauthorized")
    assert_problem(outside.get("/api/v1/me", token=token("s-11", aud="other")), 401, "unauthorized")


def test_who_deleted_the_account_does_not_come_back(outside: Api, make_api: MakeApp, keys: KeyServer) -> None:
    """Neither with the tokens that are known here, nor with new ones, nor where nobody has seen them."""
    known, another = token("s-gone"), token("s-gone", sid="another")
    for access in (known, another):
        me(outside, access)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.services.accounts.delete_account.ask_for_deletion", lambda user_id: None)
        answer = outside.call("DELETE", "/api/v1/me", token=known)  # no password: there is none
    assert answer.status_code == 202, answer.text
    elsewhere = make_api(jwt_jwks_url=keys.url, **TRUSTED)
    for api in (outside, elsewhere):
        for access in (known, another, token("s-gone")):
            assert_problem(api.get("/api/v1/me", token=access), 401, "unauthorized")
