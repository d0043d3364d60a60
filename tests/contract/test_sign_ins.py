"""Changing the password, and listing and ending sign-ins (docs/protocol.md, section 2)."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from tests.contract.conftest import Connect, MakeRest, MakeUser
from tests.contract.expect import refused
from tests.support.clients import Account, Refused

NEW = "a quite different secret"


def _change(rest: MakeRest, account: Account, new: str = NEW) -> None:
    rest(account).request("POST", "/auth/password", json={"current": account.password, "new": new})


def _sessions(rest: MakeRest, account: Account) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = rest(account).json("GET", "/auth/sessions")["sessions"]
    return listed


def test_change_of_password_ends_the_other_sign_ins_only(rest: MakeRest, connect: Connect, user: MakeUser) -> None:
    account = user()
    other = rest().login(account.username, account.password)
    watching = connect("ws", replace(account, access_token=other["accessToken"]))
    _change(rest, account)
    assert watching.wait_closed() == 4401
    with refused("unauthorized"):
        rest().refresh(other["refreshToken"])
    with refused("unauthorized"):
        rest().json("GET", "/me", token=other["accessToken"])
    assert rest(account).json("GET", "/me")["id"] == account.user_id
    assert rest().login(account.username, NEW)["user"]["id"] == account.user_id
    with refused("unauthorized"):
        rest().login(account.username, account.password)


def test_change_of_password_requires_the_current_one(rest: MakeRest, user: MakeUser) -> None:
    account = user()
    with refused("forbidden") as caught:
        rest(account).json("POST", "/auth/password", json={"current": "a wrong guess", "new": NEW})
    assert caught.value.status == 403
    assert rest().login(account.username, account.password)["user"]["id"] == account.user_id


def test_new_password_follows_the_rules(rest: MakeRest, user: MakeUser) -> None:
    account = user()
    with refused("invalid") as caught:
        rest(account).json("POST", "/auth/password", json={"current": account.password, "new": "short"})
    assert caught.value.data["errors"][0]["field"] == "new"


def test_only_one_of_two_simultaneous_changes_succeeds(rest: MakeRest, user: MakeUser) -> None:
    account = user()
    chosen = [f"{NEW} {number}" for number in range(4)]
    tokens = [account.access_token, *(rest().login(account.username, account.password)["accessToken"] for _ in "abc")]

    def change(number: int) -> int:
        try:
            _change(rest, replace(account, access_token=tokens[number]), chosen[number])
        except Refused as refusal:
            return refusal.status or 0
        return 204

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(change, range(4)))
    assert statuses.count(204) == 1
    assert set(statuses) <= {204, 401, 403, 409}
    assert rest().login(account.username, chosen[statuses.index(204)])["user"]["id"] == account.user_id


def test_sign_ins_are_listed_and_can_be_ended(rest: MakeRest, user: MakeUser) -> None:
    account = user()
    other = rest().login(account.username, account.password)
    listed = _sessions(rest, account)
    assert [session["current"] for session in listed].count(True) == 1
    assert len(listed) == 2
    ended = next(session["id"] for session in listed if not session["current"])
    for _ in "ab":  # safe to repeat
        assert rest(account).request("DELETE", f"/auth/sessions/{ended}").status_code == 204
    with refused("unauthorized"):
        rest().json("GET", "/me", token=other["accessToken"])
    assert [session["current"] for session in _sessions(rest, account)] == [True]


def test_sign_ins_of_others_cannot_be_found_or_ended(rest: MakeRest, user: MakeUser) -> None:
    account, stranger = user(), user()
    for sid in (_sessions(rest, account)[0]["id"], str(uuid.uuid4()), "not-an-id"):
        with refused("not_found"):
            rest(stranger).json("DELETE", f"/auth/sessions/{sid}")
    assert rest(account).json("GET", "/me")["id"] == account.user_id


def test_all_other_sign_ins_end_at_once(rest: MakeRest, user: MakeUser) -> None:
    account = user()
    others = [rest().login(account.username, account.password) for _ in "abc"]
    assert rest(account).request("POST", "/auth/sessions/end-others").status_code == 204
    for other in others:
        with refused("unauthorized"):
            rest().json("GET", "/me", token=other["accessToken"])
    assert len(_sessions(rest, account)) == 1
