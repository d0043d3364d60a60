"""The page and its demo links: the files that the page loads, and signing in without a password."""

from __future__ import annotations

import re

import pytest

from app.config import ConfigError
from app.core.demo_code import demo_code
from tests.integration.auth.conftest import MakeApp
from tests.support.api_client import Api, assert_problem

KEY = "demo-key-of-this-run"


@pytest.fixture(scope="module")
def demo(make_api: MakeApp) -> Api:
    return make_api(demo_key=KEY)


def test_page_has_no_inline_scripts(api: Api) -> None:
    answer = api.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'self'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", answer.text)


def test_files_named_by_the_page_exist(api: Api) -> None:
    named = set(re.findall(r'(?:href|src)="(/assets/[^"]+)"', api.get("/").text))
    assert any(path.endswith(".js") for path in named)
    assert any(path.endswith(".css") for path in named)
    assert any(path.endswith(".webmanifest") for path in named)
    for path in named:
        with api.get(path) as answer:
            assert answer.status_code == 200, path


def test_page_states_whether_demo_links_and_accounts_are_on(api: Api, demo: Api) -> None:
    assert 'data-demo="off"' in api.get("/").text
    assert 'data-demo="on"' in demo.get("/").text
    assert 'data-accounts="on"' in demo.get("/").text


def test_demo_code_signs_its_user_in(demo: Api) -> None:
    account = demo.register()
    answer = demo.post("/demo/login", {"code": demo_code(KEY, account.username)})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    signed_in = answer.get_json()
    assert signed_in["user"]["id"] == account.id
    assert demo.get("/api/v1/me", token=signed_in["accessToken"]).get_json()["username"] == account.username


def test_demo_code_of_another_run_or_a_missing_user_is_refused(demo: Api) -> None:
    account = demo.register()
    for code in (demo_code("another", account.username), account.username, demo_code(KEY, "nobody-there")):
        assert_problem(demo.post("/demo/login", {"code": code}), 401, "unauthorized")
    assert_problem(demo.post("/demo/login", {"code": ""}), 422, "invalid")


def test_demo_login_is_off_without_a_key(api: Api) -> None:
    account = api.register()
    assert_problem(api.post("/demo/login", {"code": demo_code("", account.username)}), 404, "not_found")


def test_guessing_demo_codes_is_rate_limited(make_api: MakeApp) -> None:
    api = make_api(demo_key=KEY, auth_attempts_per_minute=2)
    answers = [api.post("/demo/login", {"code": "somebody.wrong"}).status_code for _ in range(3)]
    assert answers == [401, 401, 429]


def test_production_refuses_to_start_with_a_demo_key(make_api: MakeApp) -> None:
    with pytest.raises(ConfigError, match="DEMO_KEY"):
        make_api(app_env="production", demo_key=KEY)
