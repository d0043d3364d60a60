"""Sign-ins: the data that they show, their end, and the passwords that are refused."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.container import Container
from app.services.auth.weak_passwords import common_passwords
from app.store.engine import writing
from tests.integration.auth.conftest import MakeApp
from tests.support.api_client import PASSWORD, Account, Api, assert_problem

NEW = "a much better password"


def sign_ins(api: Api, account: Account) -> list[dict[str, object]]:
    answer = api.get("/api/v1/auth/sessions", token=account.access)
    assert answer.status_code == 200
    return list(answer.json["sessions"])  # type: ignore[index]


def change(api: Api, account: Account, current: str, new: str = NEW) -> object:
    return api.post("/api/v1/auth/password", token=account.access, json={"current": current, "new": new})


def works(api: Api, account: Account) -> bool:
    return bool(api.get("/api/v1/me", token=account.access).status_code == 200)


def test_sign_ins_are_listed_with_device_and_network(api: Api) -> None:
    first = api.register()
    second = api.log_in(first.username)
    listed = sign_ins(api, second)
    assert [row["current"] for row in listed] == [True, False]
    assert {row["network"] for row in listed} == {"127.0.0.x"}
    assert len({row["id"] for row in listed}) == 2
    assert [row["current"] for row in sign_ins(api, first)] == [False, True]


@pytest.mark.parametrize("weak", ["password", "12345678", "Football", "{name}", "{name}1!", "short"])
def test_weak_passwords_are_refused(api: Api, weak: str) -> None:
    account = api.register()
    new = weak.format(name=account.username)
    assert_problem(change(api, account, PASSWORD, new), 422, "invalid")  # type: ignore[arg-type]
    body = {"username": f"x{account.username}"[:32], "password": weak.format(name=f"x{account.username}"[:32])}
    assert_problem(api.post("/api/v1/auth/register", json=body), 422, "invalid")


def test_the_list_holds_ten_thousand_passwords() -> None:
    assert len(common_passwords()) == 10_000


def test_a_sign_in_ends_however_often_it_is_refreshed(make_api: MakeApp, parley: Container) -> None:
    api: Api = make_api(sign_in_seconds=3600)
    account = api.register()
    refreshed = api.post("/api/v1/auth/refresh", token=account.refresh)
    assert refreshed.status_code == 200
    with writing(parley.engine) as conn:
        conn.execute(text("UPDATE auth_sessions SET created_at = now() - interval '2 hours'"))
    token = refreshed.json["refreshToken"]  # type: ignore[index]
    last = api.post("/api/v1/auth/refresh", token=token)
    if last.status_code == 200:
        last = api.post("/api/v1/auth/refresh", token=last.json["refreshToken"])  # type: ignore[index]
    assert_problem(last, 401, "unauthorized")
