"""Any input to any route is answered with a problem, never a 500."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.api_client import Account, Api, assert_problem

ROUTES = [
    ("POST", "/api/v1/auth/register"),
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/refresh"),
    ("POST", "/api/v1/auth/ticket"),
    ("PATCH", "/api/v1/me"),
]
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
members = st.sampled_from(["username", "password", "displayName", "avatarUrl"])
bodies = st.binary(max_size=300) | st.dictionaries(members, json_values | st.text(min_size=3, max_size=32)).map(
    lambda value: json.dumps(value).encode()
)


@pytest.fixture(scope="module")
def account(api: Api) -> Account:
    return api.register("hostile")


@FEW
@given(route=st.sampled_from(ROUTES), body=bodies)
def test_any_body_is_answered_without_a_500(api: Api, account: Account, route: tuple[str, str], body: bytes) -> None:
    method, path = route
    answer = api.call(method, path, token=account.access, data=body, content_type="application/json")
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert_problem(answer, answer.status_code, answer.get_json(force=True)["code"])


@FEW
@given(token=st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=200))
def test_any_token_is_unauthorized(api: Api, token: str) -> None:
    answer = api.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert_problem(answer, 401, "unauthorized")


@FEW
@given(query=st.text(max_size=100), name=st.sampled_from(["q", "ticket", "x"]))
def test_any_query_is_answered(api: Api, account: Account, query: str, name: str) -> None:
    answer = api.get("/api/v1/users", token=account.access, query_string={name: query.encode("utf-8", "surrogatepass")})
    assert answer.status_code in {200, 422}, answer.text


@FEW
@given(path=st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=40))
def test_any_path_is_answered(api: Api, path: str) -> None:
    assert api.get("/api/v1/" + path).status_code < 500


@pytest.mark.parametrize(
    ("status", "code", "options"),
    [
        (415, "unsupported_media", {"data": b"{}"}),
        (415, "unsupported_media", {"data": b"{}", "content_type": "text/plain"}),
        (415, "unsupported_media", {"data": {"username": "form"}}),
        (413, "too_large", {"data": b" " * (256 * 1024 + 1), "content_type": "application/json"}),
        (422, "invalid", {"data": b" " * (256 * 1024), "content_type": "application/json"}),
        (422, "invalid", {"data": b"", "content_type": "application/json"}),
        (422, "invalid", {"data": b"[" * 200_000, "content_type": "application/json; charset=utf-8"}),
        (422, "invalid", {"data": b'{"x":' * 40_000, "content_type": "application/json"}),
    ],
)
def test_bodies_refused_before_parsing(api: Api, status: int, code: str, options: dict[str, object]) -> None:
    assert_problem(api.post("/api/v1/auth/login", **options), status, code)
