"""Refresh tokens: each is valid once, and a second use revokes its family."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.integration.auth.conftest import MakeApp
from tests.support.api_client import Api, assert_problem


def refresh(api: Api, token: str) -> tuple[str, str]:
    answer = api.post("/api/v1/auth/refresh", token=token)
    assert answer.status_code == 200, answer.text
    body = answer.get_json()
    assert set(body) == {"accessToken", "refreshToken", "deviceToken"}
    return body["accessToken"], body["refreshToken"]


def test_chain_of_refreshes_continues(api: Api) -> None:
    account = api.register()
    token = account.refresh
    for _ in range(4):
        access, token = refresh(api, token)
        assert api.get("/api/v1/me", token=access).get_json()["id"] == account.id


def test_second_use_revokes_the_whole_family_and_no_other(api: Api) -> None:
    account = api.register()
    other_device = api.log_in(account.username)
    access, newest = refresh(api, account.refresh)

    assert_problem(api.post("/api/v1/auth/refresh", token=account.refresh), 401, "unauthorized")

    assert_problem(api.post("/api/v1/auth/refresh", token=newest), 401, "unauthorized")
    for token in (access, account.access):
        assert_problem(api.get("/api/v1/me", token=token), 401, "unauthorized")
    assert api.get("/api/v1/me", token=other_device.access).status_code == 200
    refresh(api, other_device.refresh)


def test_one_of_simultaneous_uses_wins_and_the_family_is_revoked(api: Api) -> None:
    account = api.register()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.post("/api/v1/auth/refresh", token=account.refresh), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200, *[401] * 7]
    winner = next(answer for answer in answers if answer.status_code == 200).get_json()
    assert_problem(api.post("/api/v1/auth/refresh", token=winner["refreshToken"]), 401, "unauthorized")


def test_access_and_refresh_tokens_are_not_interchangeable(api: Api) -> None:
    account = api.register()
    assert_problem(api.post("/api/v1/auth/refresh", token=account.access), 401, "unauthorized")
    assert_problem(api.get("/api/v1/me", token=account.refresh), 401, "unauthorized")
    assert_problem(api.post("/api/v1/auth/refresh"), 401, "unauthorized")
    assert_problem(api.post("/api/v1/auth/refresh", token="nonsense"), 401, "unauthorized")
    refresh(api, account.refresh)


def test_expired_refresh_token_is_refused(api: Api, make_api: MakeApp) -> None:
    brief: Api = make_api(refresh_token_seconds=-60)
    account = brief.register()
    assert_problem(brief.post("/api/v1/auth/refresh", token=account.refresh), 401, "unauthorized")
    assert_problem(api.post("/api/v1/auth/refresh", token=account.refresh), 401, "unauthorized")
