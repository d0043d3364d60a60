"""Accounts with a second factor, on a clock that passes only if a test says so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pyotp
from werkzeug.test import TestResponse

from app.services.auth.challenges import Challenges
from app.services.auth.one_time_codes import OneTimeCodes
from tests.support.api_client import PASSWORD, Account, Api, assert_problem

PATH = "/api/v1/auth/second-factor"
SIGN_IN = "/api/v1/auth/login/second-factor"
BEGAN = 1_900_000_000.0


class Clock:
    now = BEGAN

    def __call__(self) -> float:
        return self.now


CLOCK = Clock()


def on_the_clock(api: Api) -> Api:
    parley = api.app.extensions["parley"]
    keys = parley.settings.keys
    api.app.extensions["parley"] = replace(
        parley, challenges=Challenges(keys, clock=CLOCK), one_time_codes=OneTimeCodes(keys, clock=CLOCK)
    )
    return api


@dataclass
class Person:
    """An account with a second factor. Every code that ``code`` returns is unused."""

    account: Account
    secret: str
    recovery: list[str]

    def code(self) -> str:
        CLOCK.now += 30
        return pyotp.TOTP(self.secret).at(CLOCK.now)

    def wrong_code(self) -> str:
        valid = {pyotp.TOTP(self.secret).at(CLOCK.now, counter_offset=steps) for steps in range(-2, 3)}
        return next(code for code in map(str, range(100_000, 100_010)) if code not in valid)

    def proof(self, code: str | None = None, password: str = PASSWORD) -> dict[str, str]:
        return {"password": password, "code": self.code() if code is None else code}


def begin(api: Api, account: Account, password: str = PASSWORD) -> TestResponse:
    return api.post(PATH, {"password": password}, token=account.access)


def confirm(api: Api, account: Account, code: str) -> TestResponse:
    return api.post(f"{PATH}/confirm", {"code": code}, token=account.access)


def enable(api: Api, username: str | None = None) -> Person:
    account = api.register(username)
    person = Person(account, begin(api, account).get_json()["secret"], [])
    answer = confirm(api, account, person.code())
    assert answer.status_code == 200, answer.text
    person.recovery = answer.get_json()["recoveryCodes"]
    return person


def give_password(api: Api, person: Person, password: str = PASSWORD, **more: Any) -> TestResponse:
    return api.post("/api/v1/auth/login", {"username": person.account.username, "password": password, **more})


def challenge_for(api: Api, person: Person, password: str = PASSWORD, **more: Any) -> str:
    problem = assert_problem(give_password(api, person, password, **more), 401, "second_factor_required")
    return str(problem["challenge"])


def give_code(api: Api, challenge: str, code: str, **options: Any) -> TestResponse:
    return api.post(SIGN_IN, {"challenge": challenge, "code": code}, **options)


def is_on(api: Api, account: Account) -> bool:
    return bool(api.get("/api/v1/me", token=account.access).get_json()["secondFactor"])
