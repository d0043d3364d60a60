"""Accounts: registration, login, and the claims of the tokens."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from tests.integration.auth.conftest import MakeApp
from tests.support.api_client import PASSWORD, Api, account_of, assert_problem


def test_register_returns_the_user_and_working_tokens(api: Api) -> None:
    answer = api.post(
        "/api/v1/auth/register", {"username": "Ada.L", "password": PASSWORD, "displayName": " Ada Lovelace "}
    )
    assert answer.status_code == 201
    assert answer.get_json()["user"] == {
        "id": account_of(answer).id,
        "username": "ada.l",
        "displayName": "Ada Lovelace",
    }
    assert api.get("/api/v1/me", token=account_of(answer).access).get_json()["username"] == "ada.l"


def test_display_name_defaults_to_the_username_as_typed(api: Api) -> None:
    account = api.register("GraceH")
    assert api.get("/api/v1/me", token=account.access).get_json()["displayName"] == "GraceH"


def test_usernames_are_unique_regardless_of_case(api: Api) -> None:
    api.register("taken")
    answer = api.post("/api/v1/auth/register", {"username": "TAKEN", "password": PASSWORD})
    assert_problem(answer, 409, "conflict")


def test_login_is_case_insensitive_and_starts_a_new_session(api: Api) -> None:
    registered = api.register("maria")
    logged_in = api.log_in("Maria")
    assert logged_in.id == registered.id
    assert claims_of(logged_in.access)["sid"] != claims_of(registered.access)["sid"]


def test_wrong_name_and_wrong_password_get_the_same_answer(api: Api) -> None:
    api.register("known")
    wrong_password = api.post("/api/v1/auth/login", {"username": "known", "password": "wrong horse"})
    wrong_name = api.post("/api/v1/auth/login", {"username": "unknown", "password": "wrong horse"})
    one, other = (assert_problem(answer, 401, "unauthorized") for answer in (wrong_password, wrong_name))
    assert {**one, "requestId": ""} == {**other, "requestId": ""}


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("username", {"password": PASSWORD}),
        ("username", {"username": "ab", "password": PASSWORD}),
        ("username", {"username": "a" * 33, "password": PASSWORD}),
        ("username", {"username": "no blanks", "password": PASSWORD}),
        ("username", {"username": "trailing\n", "password": PASSWORD}),
        ("username", {"username": "\u212aelvin", "password": PASSWORD}),
        ("username", {"username": 17, "password": PASSWORD}),
        ("password", {"username": "new-one", "password": "short77"}),
        ("password", {"username": "new-one", "password": "x" * 201}),
        ("password", {"username": "new-one", "password": None}),
        ("password", {"username": "new-one", "password": "eight\x00ch"}),
        ("displayName", {"username": "new-one", "password": PASSWORD, "displayName": "x" * 81}),
        ("displayName", {"username": "new-one", "password": PASSWORD, "displayName": ""}),
        ("displayName", {"username": "new-one", "password": PASSWORD, "displayName": " \t "}),
        ("displayName", {"username": "new-one", "password": PASSWORD, "displayName": "tur\u202enaround"}),
    ],
)
def test_register_names_the_invalid_field(api: Api, field: str, body: dict[str, object]) -> None:
    problem = assert_problem(api.post("/api/v1/auth/register", body), 422, "invalid")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert problem["errors"][0]["message"]


def test_multi_codepoint_emoji_is_a_valid_display_name(api: Api) -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    account = api.register(displayName=family)
    assert api.get("/api/v1/me", token=account.access).get_json()["displayName"] == family


def test_claims_are_as_documented(api: Api) -> None:
    account = api.register()
    access, refresh = claims_of(account.access), claims_of(account.refresh)
    assert (access["iss"], access["aud"]) == (refresh["iss"], refresh["aud"]) == ("parley", "parley")
    assert access["sub"] == refresh["sub"] == str(account.id)
    assert (access["type"], refresh["type"], refresh["gen"]) == ("access", "refresh", 0)
    assert access["sid"] == refresh["sid"]
    assert access["jti"] != refresh["jti"]
    assert access["exp"] - access["iat"] == 900
    assert refresh["exp"] - refresh["iat"] == 30 * 86400


def test_password_is_stored_only_as_argon2id(api: Api) -> None:
    account = api.register()
    parley = api.app.extensions["parley"]
    with parley.engine.connect() as conn:
        stored = conn.exec_driver_sql("SELECT password_hash FROM users WHERE id = %s", (account.id,)).scalar_one()
    assert stored.startswith("$argon2id$v=19$")
    assert PASSWORD not in stored


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer not.a.token",
        "Bearer " + "x" * 9000,
        "Bearer \u00e4\u00f6\u00fc",
    ],
)
def test_malformed_token_is_refused(api: Api, header: str) -> None:
    answer = api.get("/api/v1/me", headers={"Authorization": header})
    assert_problem(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def forged(api: Api, **changes: object) -> str:
    """Signs the token of a new account with changed claims, with the real key unless ``key`` is given."""
    key = changes.pop("key", api.app.config["JWT_SECRET_KEY"])
    token = api.register().access
    claims = claims_of(token)
    headers = jwt.get_unverified_header(token) | changes.pop("headers", {})  # type: ignore[operator]
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    headers = {name: value for name, value in headers.items() if value is not None}
    return jwt.encode(claims, key, algorithm="HS256", headers=headers)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "another key that is long enough for it"},
        {"headers": {"kid": "00000000"}},
        {"headers": {"kid": None}},
        {"headers": {"kid": None}, "aud": None},
        {"iss": "somebody else"},
        {"iss": None},
        {"aud": "somebody else"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"sub": "not-a-number"},
        {"sid": None},
        {"type": "refresh"},
        {"type": None},
    ],
    ids=str,
)
def test_token_with_a_wrong_claim_or_key_is_refused(api: Api, changes: dict[str, object]) -> None:
    assert_problem(api.get("/api/v1/me", token=forged(api, **changes)), 401, "unauthorized")


def test_a_token_from_before_issuer_and_audience_is_valid_until_it_ends(api: Api) -> None:
    old = forged(api, headers={"kid": None}, iss=None, aud=None)
    assert api.get("/api/v1/me", token=old).status_code == 200


def test_forging_helper_makes_valid_tokens_without_changes(api: Api) -> None:
    assert api.get("/api/v1/me", token=forged(api)).status_code == 200


def test_alg_none_is_refused(api: Api) -> None:
    claims = jwt.decode(api.register().access, options={"verify_signature": False})
    assert_problem(api.get("/api/v1/me", token=jwt.encode(claims, None, algorithm="none")), 401, "unauthorized")


def test_token_in_the_url_is_ignored(api: Api) -> None:
    access = api.register().access
    for name in ("token", "access_token", "ticket", "jwt"):
        assert_problem(api.get(f"/api/v1/me?{name}={access}"), 401, "unauthorized")


def test_cached_token_still_expires_in_time(make_api: MakeApp) -> None:
    api: Api = make_api(access_token_seconds=1)
    access = api.register().access
    statuses = {api.get("/api/v1/me", token=access).status_code}
    while 401 not in statuses:
        statuses.add(api.get("/api/v1/me", token=access).status_code)
    assert statuses == {200, 401}
