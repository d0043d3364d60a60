"""Sign-ins that need a second factor: codes work once, guesses are delayed, challenges end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyotp
import pytest
from sqlalchemy import select

from app.container import Container
from app.core.guessing import free_failures
from app.services.auth.challenges import LIFETIME_SECONDS
from app.store import second_factors
from app.store.engine import reading, writing
from app.store.models import RecoveryCode
from tests.integration.auth.conftest import MakeApp
from tests.support.api_client import PASSWORD, Api, account_of, assert_problem
from tests.support.second_factor import (
    CLOCK,
    PATH,
    Person,
    begin,
    challenge_for,
    confirm,
    enable,
    give_code,
    give_password,
    is_on,
    on_the_clock,
)

pytestmark = pytest.mark.usefixtures("reset_clock")

NEW = "a quite different secret"
ATTEMPTS = 9


@pytest.fixture(scope="module")
def api(make_api: MakeApp) -> Api:
    return on_the_clock(make_api())


@pytest.fixture(scope="module")
def limited(make_api: MakeApp) -> Api:
    return on_the_clock(make_api(auth_attempts_per_minute=ATTEMPTS))


def test_sign_in_needs_the_password_and_then_the_code(api: Api) -> None:
    person = enable(api)
    assert_problem(give_password(api, person, "a wrong guess"), 401, "unauthorized")
    answer = give_password(api, person)
    assert "Token" not in answer.text
    challenge = assert_problem(answer, 401, "second_factor_required")["challenge"]
    assert_problem(give_code(api, challenge, person.wrong_code()), 401, "unauthorized")
    signed_in = give_code(api, challenge, person.code())
    assert signed_in.status_code == 200
    account = account_of(signed_in)
    assert account.id == person.account.id
    assert is_on(api, account)
    assert api.post("/api/v1/auth/refresh", token=account.refresh).status_code == 200


def test_codes_of_the_steps_around_now_work_and_may_contain_spaces(api: Api) -> None:
    totp = pyotp.TOTP
    for offset, works in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        person = enable(api)
        CLOCK.now += 300
        code = totp(person.secret).at(CLOCK.now, counter_offset=offset)
        answer = give_code(api, challenge_for(api, person), f" {code[:3]} {code[3:]}")
        assert (answer.status_code == 200) is works, offset


def test_one_time_code_works_once_and_so_do_earlier_ones(api: Api) -> None:
    person = enable(api)
    earlier, code = person.code(), person.code()
    assert give_code(api, challenge_for(api, person), code).status_code == 200
    for used in (code, earlier):
        assert_problem(give_code(api, challenge_for(api, person), used), 401, "unauthorized")


def test_code_that_turned_it_on_does_not_sign_in(api: Api) -> None:
    account = api.register()
    person = Person(account, begin(api, account).get_json()["secret"], [])
    code = person.code()
    assert confirm(api, account, code).status_code == 200
    assert_problem(give_code(api, challenge_for(api, person), code), 401, "unauthorized")


@pytest.mark.parametrize("kind", ["one-time", "recovery"])
def test_one_of_simultaneous_uses_of_a_code_wins(api: Api, kind: str) -> None:
    person = enable(api)
    challenges = [challenge_for(api, person) for _ in range(8)]
    code = person.code() if kind == "one-time" else person.recovery[0]
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda one: give_code(api, one, code).status_code, challenges))
    assert sorted(statuses) == [200] + [401] * 7


@pytest.mark.parametrize("take", ["step", "recovery"])
def test_code_is_taken_by_one_transaction_while_others_wait(api: Api, parley: Container, take: str) -> None:
    """Both transactions have begun before either of them takes the code."""
    person = enable(api)
    user_id = person.account.id
    with reading(parley.engine) as conn:
        code = conn.execute(select(RecoveryCode.hash).where(RecoveryCode.user_id == user_id).limit(1)).scalar_one()

    def taken(conn: Any) -> bool:
        if take == "step":
            return second_factors.take_step(conn, user_id, 99_000_000)
        return second_factors.take_recovery_code(conn, user_id, code)

    def second() -> bool:
        with writing(parley.engine) as conn:
            return taken(conn)

    with ThreadPoolExecutor(1) as pool:
        with writing(parley.engine) as conn:
            assert taken(conn)
            waiting = pool.submit(second)
        assert not waiting.result()


def test_challenge_ends_after_five_minutes(api: Api) -> None:
    person = enable(api)
    challenge = challenge_for(api, person)
    CLOCK.now += LIFETIME_SECONDS - 30
    assert_problem(give_code(api, challenge, person.wrong_code()), 401, "unauthorized")
    CLOCK.now += 31
    problem = assert_problem(give_code(api, challenge, person.code()), 422, "invalid")
    assert problem["errors"][0]["field"] == "challenge"


def test_challenge_ends_when_the_password_changes(api: Api) -> None:
    person = enable(api)
    challenge = challenge_for(api, person)
    change = {"current": PASSWORD, "new": NEW}
    assert api.post("/api/v1/auth/password", change, token=person.account.access).status_code == 204
    assert_problem(give_code(api, challenge, person.code()), 422, "invalid")
    assert give_code(api, challenge_for(api, person, NEW), person.code()).status_code == 200


def test_challenge_ends_when_it_is_turned_off(api: Api) -> None:
    person = enable(api)
    challenge = challenge_for(api, person)
    assert api.call("DELETE", PATH, json=person.proof(), token=person.account.access).status_code == 204
    assert_problem(give_code(api, challenge, person.code()), 422, "invalid")


def test_forged_challenge_and_device_token_are_no_challenge(api: Api) -> None:
    person = enable(api)
    challenge = challenge_for(api, person)
    signed_in = give_code(api, challenge, person.code()).get_json()
    for forged in (challenge[:-2] + "AA", "x", signed_in["deviceToken"], signed_in["accessToken"]):
        assert_problem(give_code(api, forged, person.code()), 422, "invalid")


def test_reset_of_the_password_keeps_the_second_factor(api: Api) -> None:
    person = enable(api)
    result = api.app.test_cli_runner().invoke(args=["users", "reset-password", person.account.username])
    token = result.output.strip()
    reset = {"token": token, "password": NEW}
    assert api.post("/api/v1/auth/password/reset", reset).status_code == 204
    assert give_code(api, challenge_for(api, person, NEW), person.code()).status_code == 200


def attempts(api: Api, person: Person, address: str, count: int, **more: Any) -> list[int]:
    """Tries wrong codes from an address, each with a fresh challenge."""
    here = {"REMOTE_ADDR": address}
    challenge = challenge_for(api, person, **more)
    wrong = person.wrong_code()
    return [give_code(api, challenge, wrong, environ_base=here).status_code for _ in range(count)]


def test_wrong_codes_are_delayed_per_user_but_not_on_a_known_device(limited: Api) -> None:
    person = enable(limited)
    device = give_code(limited, challenge_for(limited, person), person.code()).get_json()["deviceToken"]
    free = free_failures(ATTEMPTS)
    # Each from another network: the user's own count ends the tries.
    statuses = [attempts(limited, person, f"198.51.{number}.1", 1)[0] for number in range(free)]
    assert statuses == [401] * free
    here = {"REMOTE_ADDR": "198.51.200.1"}
    answer = give_code(limited, challenge_for(limited, person), person.code(), environ_base=here)
    assert assert_problem(answer, 429, "rate_limited")["retryAfter"] >= 1
    known = challenge_for(limited, person, deviceToken=device)
    assert give_code(limited, known, person.code(), environ_base=here).status_code == 200
    assert attempts(limited, person, "198.51.201.1", free + 1, deviceToken=device) == [401] * free + [429]


def test_device_token_of_somebody_else_makes_no_known_device(limited: Api) -> None:
    person, other = enable(limited), enable(limited)
    device = give_code(limited, challenge_for(limited, other), other.code()).get_json()["deviceToken"]
    free = free_failures(ATTEMPTS)
    statuses = attempts(limited, person, "198.51.210.1", free + 1, deviceToken=device)
    assert statuses == [401] * free + [429]
    again = give_code(
        limited, challenge_for(limited, person), person.code(), environ_base={"REMOTE_ADDR": "198.51.9.9"}
    )
    assert_problem(again, 429, "rate_limited")


def test_stolen_token_cannot_try_many_codes(limited: Api) -> None:
    person = enable(limited)
    statuses = [
        limited.call("DELETE", PATH, json=person.proof(person.wrong_code()), token=person.account.access).status_code
        for _ in range(free_failures(ATTEMPTS) + 1)
    ]
    assert statuses == [403] * free_failures(ATTEMPTS) + [429]
    pending = limited.register()
    begin(limited, pending)
    statuses = [confirm(limited, pending, "000000").status_code for _ in range(free_failures(ATTEMPTS) + 1)]
    assert statuses[-1] == 429
