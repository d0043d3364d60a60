"""Server keys: their scopes, their rate limit, and their end."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from app.container import Container
from app.core.server_keys import SCOPES, digest_of
from app.services.auth import server_keys
from app.services.auth.server_keys import FRESH_SECONDS, create_key, revoke_key
from app.store.engine import reading
from app.store.models import ServerKey
from dev.processes import wait_until
from tests.integration.auth.conftest import MakeApp
from tests.integration.auth.test_audit import AuditRow
from tests.support.api_client import Api, assert_problem

PATH = "/api/v1/server/users/x"
ENVIRONMENT = "the-key-of-a-host-in-the-environment"


@pytest.fixture(autouse=True)
def no_keys(parley: Container) -> Iterator[None]:
    yield
    with parley.engine.begin() as conn:
        conn.execute(ServerKey.__table__.delete())


def routes(api: Api) -> list[tuple[str, str]]:
    """Returns every operation of the server API."""
    found = []
    for rule in api.app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1/server/"):
            _, path = rule.build(dict.fromkeys(rule.arguments, 1))  # type: ignore[misc]
            found += [(method, path) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}]
    assert ("PUT", "/api/v1/server/users/1") in found
    return found


def flask(api: Api, *arguments: str) -> tuple[int, str]:
    result = api.app.test_cli_runner().invoke(args=["keys", *arguments])
    return result.exit_code, result.output.strip()


def test_every_operation_needs_a_key_its_scope_and_its_rate(make_api: MakeApp) -> None:
    api = make_api(server_requests_per_minute=1)
    engine = api.app.extensions["parley"].engine
    useless = create_key("useless", ["import"], engine=engine)
    other = create_key("used up", [], engine=engine)
    assert api.get(PATH, token=other).status_code == 404
    for method, path in routes(api):
        for token in (None, "", "psk_unknown", "forged", api.register().access):
            assert_problem(api.call(method, path, json={}, token=token), 401, "unauthorized")
        refusal = assert_problem(api.call(method, path, json={}, token=other), 429, "rate_limited")
        assert refusal["retryAfter"] >= 1
    unlimited = make_api(server_requests_per_minute=0)
    for method, path in routes(unlimited):
        if "import" not in path:
            assert_problem(unlimited.call(method, path, json={}, token=useless), 403, "forbidden")


def test_keys_have_separate_rates(make_api: MakeApp) -> None:
    api = make_api(server_requests_per_minute=2)
    engine = api.app.extensions["parley"].engine
    for name in ("one", "another"):
        key = create_key(name, ["read"], engine=engine)
        assert [api.get(PATH, token=key).status_code for _ in range(3)] == [404, 404, 429]


@pytest.mark.parametrize(
    ("scope", "statuses"), [("users", (404, 404, 403)), ("read", (404, 403, 403)), ("moderation", (403, 403, 404))]
)
def test_scopes_are_separate(api: Api, parley: Container, scope: server_keys.Scope, statuses: tuple[int, ...]) -> None:
    key = create_key(scope, [scope], engine=parley.engine)
    calls = ("GET", PATH), ("POST", f"{PATH}/sessions/end"), ("DELETE", f"{PATH}/suspension")
    assert tuple(api.call(method, path, token=key).status_code for method, path in calls) == statuses


def test_created_key_is_printed_once_and_only_its_hash_is_stored(api: Api, parley: Container) -> None:
    status, key = flask(api, "create", "shop", "--scope", "users", "--scope", "read")
    assert (status, key[:4], len(key)) == (0, "psk_", 47)
    with reading(parley.engine) as conn:
        [(stored, scopes)] = conn.execute(select(ServerKey.hash, ServerKey.scopes)).all()
    assert stored == digest_of(key)
    assert scopes == ["users", "read"]
    assert api.get(PATH, token=key).status_code == 404
    listed = flask(api, "list")[1]
    assert listed.startswith("shop  users,read  created 2")
    assert "  used 2" in listed
    assert key not in listed


def test_key_without_scopes_has_all_of_them(api: Api) -> None:
    flask(api, "create", "everything")
    assert ",".join(SCOPES) in flask(api, "list")[1]


def test_revoked_key_is_refused_soon_and_its_name_stays_used(api: Api) -> None:
    key = flask(api, "create", "gone")[1]
    assert api.get(PATH, token=key).status_code == 404
    assert flask(api, "revoke", "gone")[0] == 0
    began = time.monotonic()
    wait_until(lambda: api.get(PATH, token=key).status_code == 401, 10, "the refusal", every=0.1)
    assert time.monotonic() - began < 5
    assert "  revoked 2" in flask(api, "list")[1]
    for command in ("revoke", "rotate"):
        assert flask(api, command, "gone") == (1, "Error: There is no valid server key named gone.")
    assert flask(api, "create", "gone")[0] == 1
    assert flask(api, "revoke", "never was")[0] == 1


def test_rotated_key_replaces_the_old_one(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_keys, "FRESH_SECONDS", 0.0)
    old = flask(api, "create", "turning", "--scope", "read")[1]
    assert api.get(PATH, token=old).status_code == 404
    status, new = flask(api, "rotate", "turning")
    assert (status, new != old) == (0, True)
    assert api.get(PATH, token=old).status_code == 401
    assert api.get(PATH, token=new).status_code == 404
    assert api.call("DELETE", PATH, token=new).status_code == 403


def test_revocation_is_noticed_well_before_its_limit() -> None:
    assert FRESH_SECONDS < 5


@pytest.mark.parametrize("arguments", [("create", ""), ("create", "x" * 65), ("create", "a", "--scope", "everything")])
def test_bad_keys_are_not_created(api: Api, arguments: tuple[str, ...]) -> None:
    assert flask(api, *arguments)[0] != 0
    assert flask(api, "list") == (0, "")


def test_key_of_the_environment_has_every_scope(make_api: MakeApp) -> None:
    api = make_api(server_api_key=ENVIRONMENT)
    calls = ("GET", PATH), ("POST", f"{PATH}/sessions/end"), ("DELETE", f"{PATH}/suspension")
    assert {api.call(method, path, token=ENVIRONMENT).status_code for method, path in calls} == {404}
    assert make_api().get(PATH, token=ENVIRONMENT).status_code == 401
    assert make_api().get(PATH, token="").status_code == 401


def test_guessing_keys_costs_few_queries_and_keeps_no_valid_key_out(
    make_api: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every unknown key was a query of its own, so a stranger could occupy the connections of a web process."""
    monkeypatch.setattr(server_keys, "WRONG_KEYS_PER_SECOND", 0.001)  # a slow machine would get tokens back
    api = make_api()
    key = create_key("valid", ["read"], engine=api.app.extensions["parley"].engine)
    assert api.get(PATH, token=key).status_code == 404
    asked: list[bytes] = []
    find = server_keys.store.find_key
    monkeypatch.setattr(server_keys.store, "find_key", lambda conn, digest: asked.append(digest) or find(conn, digest))
    guesses = 2 * server_keys.WRONG_KEYS_AT_ONCE
    statuses = [api.get(PATH, token=f"psk_{n}").status_code for n in range(guesses)]
    assert statuses[:50] == [401] * 50
    assert statuses[-1] == 429
    assert len(asked) < guesses
    monkeypatch.setattr(server_keys, "FRESH_SECONDS", 0.0)
    assert api.get(PATH, token=key).status_code == 404
    before = len(asked)
    assert [api.get(PATH, token="no server key").status_code for _ in range(guesses)] == [401] * guesses
    assert len(asked) == before


def test_acts_with_keys_are_in_the_audit(api: Api, parley: Container) -> None:
    flask(api, "create", "audited")
    flask(api, "rotate", "audited")
    revoke_key("audited", engine=parley.engine)
    is_ours = AuditRow.details["serverKey"].as_string() == "audited"
    with reading(parley.engine) as conn:
        actions = conn.execute(select(AuditRow.action).where(is_ours).order_by(AuditRow.id)).scalars().all()
    assert actions == ["server_key.created", "server_key.rotated", "server_key.revoked"]
