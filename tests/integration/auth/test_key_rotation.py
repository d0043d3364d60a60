"""A new secret key signs nobody out while the old one still verifies."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import jwt
import pytest
import requests

from app.media.signed import sign
from tests.integration.auth.conftest import MakeApp
from tests.support.api_client import PASSWORD, Api, assert_problem
from tests.support.processes import Stack

OLD, NEW = secrets.token_urlsafe(32), secrets.token_urlsafe(32)


@pytest.fixture(scope="module")
def before(make_api: MakeApp) -> Api:
    return make_api(secret_key=OLD)


@pytest.fixture(scope="module")
def rotated(make_api: MakeApp, tmp_path_factory: pytest.TempPathFactory) -> Api:
    return make_api(secret_key="", secret_keys=(NEW, OLD), media_dir=str(tmp_path_factory.mktemp("media")))


def test_tokens_of_the_old_key_work_and_refresh_to_the_new_one(before: Api, rotated: Api, make_api: MakeApp) -> None:
    account = before.register()
    assert rotated.get("/api/v1/me", token=account.access).status_code == 200
    renewed = rotated.post("/api/v1/auth/refresh", token=account.refresh).get_json()
    done: Api = make_api(secret_key=NEW)
    assert done.get("/api/v1/me", token=renewed["accessToken"]).status_code == 200
    assert done.post("/api/v1/auth/refresh", token=renewed["refreshToken"]).status_code == 200
    assert_problem(done.get("/api/v1/me", token=account.access), 401, "unauthorized")


def test_the_first_key_signs_and_its_id_is_in_the_header(before: Api, rotated: Api) -> None:
    old, new = before.register().access, rotated.register().access
    assert jwt.get_unverified_header(old)["kid"] != jwt.get_unverified_header(new)["kid"]
    assert_problem(before.get("/api/v1/me", token=new), 401, "unauthorized")
    assert jwt.decode(new, NEW, algorithms=["HS256"], audience="parley", issuer="parley")["type"] == "access"


def test_a_token_without_key_id_is_tried_with_every_key(before: Api, rotated: Api) -> None:
    claims = jwt.decode(before.register().access, options={"verify_signature": False})
    old_form = {name: value for name, value in claims.items() if name not in ("iss", "aud")}
    for key, status in ((OLD, 200), (NEW, 200), (secrets.token_urlsafe(32), 401)):
        assert rotated.get("/api/v1/me", token=jwt.encode(old_form, key, "HS256")).status_code == status


def test_media_addresses_of_the_old_key_work(rotated: Api) -> None:
    storage = rotated.app.extensions["parley"].media.get("local")
    storage.write("name", iter([b"bytes"]))
    claims = {"n": "name", "t": "text/plain", "f": "name", "a": True, "exp": 4e9}
    for key, status in ((OLD, 200), (NEW, 200), (secrets.token_urlsafe(32), 404)):
        with rotated.get(f"/media/local/name?token={sign(key, claims)}") as answer:
            assert answer.status_code == status


def test_a_running_server_keeps_its_sign_ins_over_a_rotation(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(web=1, beat=False, env={"SECRET_KEY": OLD})
    api = f"{stack.base_url}/api/v1"
    body = {"username": "rotating", "password": PASSWORD}
    tokens = requests.post(f"{api}/auth/register", json=body, timeout=30).json()
    stack.web[0].env |= {"SECRET_KEY": "", "SECRET_KEYS": f"{NEW},{OLD}"}
    stack.kill_web(0)
    stack.start_web(0)
    bearer = {"Authorization": f"Bearer {tokens['accessToken']}"}
    assert requests.get(f"{api}/me", headers=bearer, timeout=30).status_code == 200
    refresh = {"Authorization": f"Bearer {tokens['refreshToken']}"}
    assert requests.post(f"{api}/auth/refresh", headers=refresh, timeout=30).status_code == 200
