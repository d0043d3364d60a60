"""Users of a host: pictures, accounts of other sources, and the audit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.container import Container
from app.services.auth.server_keys import create_key
from app.store.engine import writing
from app.store.models import Avatar, ServerKey
from tests.integration.auth.conftest import MakeApp
from tests.integration.auth.test_audit import acts_of
from tests.support.api_client import Api, assert_problem
from tests.support.issuer import AUDIENCE, ISSUER, make_key, public_pem

USERS = "/api/v1/server/users"


@pytest.fixture
def key(parley: Container) -> Iterator[str]:
    yield create_key("host", [], engine=parley.engine)
    with writing(parley.engine) as conn:
        conn.execute(ServerKey.__table__.delete())


@pytest.fixture(autouse=True)
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pictures that a worker would fetch."""
    fetched: list[str] = []
    monkeypatch.setattr("app.services.host.upsert_users.enqueue_avatar", fetched.append)
    return fetched


def put(api: Api, key: str, id_: str, **fields: object) -> dict[str, object]:
    answer = api.call("PUT", f"{USERS}/{id_}", json=fields, token=key)
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.get_json())


def test_picture_of_an_address_is_fetched_once(api: Api, key: str, fetched: list[str]) -> None:
    address = "https://192.0.2.1/zoe.png"
    avatar = put(api, key, "zoe", avatarUrl=address)["avatarUrl"]
    assert avatar == f"/api/v1/avatars/{fetched[0]}"
    assert put(api, key, "zoe", avatarUrl=address)["avatarUrl"] == avatar
    assert put(api, key, "zoe", avatarUrl="https://192.0.2.1/other.png")["avatarUrl"] != avatar
    assert put(api, key, "zoe", avatarUrl=address)["avatarUrl"] == avatar
    assert put(api, key, "zoe", avatarUrl=avatar)["avatarUrl"] == avatar
    assert len(fetched) == 2
    assert "avatarUrl" not in put(api, key, "zoe", avatarUrl=None)


def test_picture_that_cannot_be_fetched_is_not_tried_with_every_sign_in(
    api: Api, parley: Container, key: str, fetched: list[str]
) -> None:
    address = "https://192.0.2.1/broken.png"
    put(api, key, "broken", avatarUrl=address)
    with writing(parley.engine) as conn:
        conn.execute(Avatar.__table__.update().values(state="failed"))
    assert "avatarUrl" not in put(api, key, "broken", avatarUrl=address)
    assert len(fetched) == 1


def test_acts_of_the_host_name_its_key(api: Api, parley: Container, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.accounts.delete_account.enqueue_deletion", lambda user_id: None)
    put(api, key, "audited", email="first@x.example")
    user = put(api, key, "audited", email="a@x.example")
    assert api.post(f"{USERS}/audited/tokens", {}, token=key).status_code == 201
    assert api.post(f"{USERS}/audited/sessions/end", token=key).status_code == 204
    assert api.call("DELETE", f"{USERS}/audited", token=key).status_code == 202
    acts = acts_of(parley, int(str(user["id"])))
    assert [act.action for act in acts] == [
        "account.created",
        "email.changed",
        "sign_in",
        "session.ended",
        "account.deleted",
    ]
    assert all(act.actor_id is None and (act.details or {})["serverKey"] == "host" for act in acts)


def test_tokens_need_local_accounts(make_api: MakeApp, key: str) -> None:
    trusted = {"jwt_public_key": public_pem(make_key("Ed25519")), "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    api = make_api(**trusted)
    assert api.call("PUT", f"{USERS}/elsewhere", json={}, token=key).status_code == 201
    assert_problem(api.post(f"{USERS}/elsewhere/tokens", {}, token=key), 404, "not_found")


def test_bodies_that_are_no_json_are_refused(api: Api, key: str) -> None:
    for path, method in ((USERS, "POST"), (f"{USERS}/x", "PUT"), (f"{USERS}/x/tokens", "POST")):
        answer = api.call(method, path, data=b"<x/>", content_type="text/xml", token=key)
        assert_problem(answer, 415, "unsupported_media")
        answer = api.call(method, path, data=b"{", content_type="application/json", token=key)
        assert_problem(answer, 422, "invalid")
    assert_problem(api.post(USERS, token=key), 415, "unsupported_media")
    big = b'{"users": [' + b" " * 9 * 1024 * 1024 + b"]}"
    assert_problem(api.call("POST", USERS, data=big, content_type="application/json", token=key), 413, "too_large")
