"""Turning the second factor on and off, recovery codes, and how secrets are stored."""

from __future__ import annotations

import re
from typing import Any

import pyotp
import pytest
from sqlalchemy import select

from app.container import Container
from app.core.errors import Unauthorized
from app.core.second_factor import ConfirmSecondFactor
from app.services.auth.enable_second_factor import confirm_second_factor
from app.services.auth.one_time_codes import OneTimeCodes
from app.store import exports
from app.store.engine import reading
from app.store.models import RecoveryCode, SecondFactor
from tests.integration.auth.conftest import MakeApp
from tests.integration.auth.test_audit import actions_of, acts_of
from tests.support.api_client import PASSWORD, Api, assert_problem
from tests.support.second_factor import (
    CLOCK,
    PATH,
    Person,
    begin,
    challenge_for,
    confirm,
    enable,
    give_code,
    is_on,
    on_the_clock,
)

pytestmark = pytest.mark.usefixtures("reset_clock")

NEW = "a quite different secret"


@pytest.fixture(scope="module")
def api(make_api: MakeApp) -> Api:
    return on_the_clock(make_api())


def stored_secret(parley: Container, user_id: int) -> bytes:
    with reading(parley.engine) as conn:
        return conn.execute(select(SecondFactor.secret).where(SecondFactor.user_id == user_id)).scalar_one()


def test_turning_on_takes_a_password_a_secret_and_a_code(api: Api) -> None:
    account = api.register()
    assert not is_on(api, account)
    assert_problem(begin(api, account, "a wrong guess"), 403, "forbidden")
    begun = begin(api, account)
    assert begun.status_code == 201
    secret = begun.get_json()["secret"]
    uri = pyotp.parse_uri(begun.get_json()["uri"])
    assert (uri.secret, uri.name, uri.issuer) == (secret, account.username, "Parley")
    person = Person(account, secret, [])
    assert api.log_in(account.username).id == account.id  # it is not confirmed yet
    assert_problem(confirm(api, account, person.wrong_code()), 403, "forbidden")
    assert not is_on(api, account)
    assert confirm(api, account, person.code()).status_code == 200
    assert is_on(api, account)
    assert_problem(begin(api, account), 409, "conflict")
    assert_problem(confirm(api, account, person.code()), 409, "conflict")


def test_another_begin_replaces_the_secret_that_is_not_confirmed(api: Api) -> None:
    account = api.register()
    assert_problem(confirm(api, account, "123456"), 409, "conflict")
    first, second = (Person(account, begin(api, account).get_json()["secret"], []) for _ in "ab")
    assert_problem(confirm(api, account, first.code()), 403, "forbidden")
    assert confirm(api, account, second.code()).status_code == 200


def test_change_of_password_forgets_a_secret_that_is_not_confirmed(api: Api) -> None:
    account = api.register()
    person = Person(account, begin(api, account).get_json()["secret"], [])
    change = {"current": PASSWORD, "new": NEW}
    assert api.post("/api/v1/auth/password", change, token=account.access).status_code == 204
    assert_problem(confirm(api, account, person.code()), 409, "conflict")


def test_ended_session_cannot_turn_it_on(api: Api, parley: Container) -> None:
    """The request is under way when its session ends: the token was checked before."""
    account = api.register()
    person = Person(account, begin(api, account).get_json()["secret"], [])
    caller = parley.authenticator.verify(account.access)
    assert api.post("/api/v1/auth/logout", token=account.access).status_code == 204
    with pytest.raises(Unauthorized):
        confirm_second_factor(
            caller,
            ConfirmSecondFactor(person.code()),
            engine=parley.engine,
            codes=OneTimeCodes(parley.settings.keys, clock=CLOCK),
            sessions=parley.auth_sessions,
        )


def test_recovery_codes_work_once_each_and_new_ones_replace_them(api: Api, parley: Container) -> None:
    person = enable(api)
    assert len(set(person.recovery)) == 10
    assert all(re.fullmatch(r"([a-z2-7]{4}-){3}[a-z2-7]{4}", code) for code in person.recovery)
    first, second = person.recovery[:2]
    assert give_code(api, challenge_for(api, person), first).status_code == 200
    assert_problem(give_code(api, challenge_for(api, person), first), 401, "unauthorized")
    assert give_code(api, challenge_for(api, person), second.upper().replace("-", " ")).status_code == 200
    renewed = api.post(f"{PATH}/recovery-codes", person.proof(), token=person.account.access)
    codes = renewed.get_json()["recoveryCodes"]
    assert len(set(codes) - set(person.recovery)) == 10
    assert_problem(give_code(api, challenge_for(api, person), person.recovery[2]), 401, "unauthorized")
    assert give_code(api, challenge_for(api, person), codes[0]).status_code == 200
    assert actions_of(parley, person.account.id).count("totp.recovery_used") == 3


def test_turning_off_and_new_codes_need_the_password_and_a_code(api: Api) -> None:
    person = enable(api)
    token = person.account.access
    for method, path in (("DELETE", PATH), ("POST", f"{PATH}/recovery-codes")):
        for proof in (person.proof(password="a wrong guess"), person.proof(code=person.wrong_code())):
            assert_problem(api.call(method, path, json=proof, token=token), 403, "forbidden")
        assert_problem(api.call(method, path, json={"password": PASSWORD}, token=token), 422, "invalid")
    assert is_on(api, person.account)
    assert api.call("DELETE", PATH, json=person.proof(), token=token).status_code == 204
    assert not is_on(api, person.account)
    assert api.log_in(person.account.username).id == person.account.id
    for method, path in (("DELETE", PATH), ("POST", f"{PATH}/recovery-codes")):
        assert_problem(api.call(method, path, json=person.proof(), token=token), 409, "conflict")


def test_other_sign_ins_stay_when_it_is_turned_on_and_off(api: Api) -> None:
    account = api.register()
    other = api.log_in(account.username)
    person = Person(account, begin(api, account).get_json()["secret"], [])
    assert confirm(api, account, person.code()).status_code == 200
    assert is_on(api, other)
    assert api.call("DELETE", PATH, json=person.proof(), token=account.access).status_code == 204
    assert not is_on(api, other)


def test_secrets_and_recovery_codes_are_stored_unreadable(api: Api, parley: Container) -> None:
    person = enable(api)
    sealed = stored_secret(parley, person.account.id)
    assert person.secret.encode() not in sealed
    with reading(parley.engine) as conn:
        assert sealed.decode() not in str(exports.own_data(conn, person.account.id))
        hashes = conn.execute(select(RecoveryCode.hash).where(RecoveryCode.user_id == person.account.id)).scalars()
        stored = b"".join(hashes)
    assert len(stored) == 10 * 32
    for code in person.recovery:
        assert code.encode() not in stored
        assert code.replace("-", "").encode() not in stored


def test_older_keys_still_read_and_a_command_encrypts_with_the_first(make_api: MakeApp) -> None:
    old, new = "an old key of much variety 0123456789", "a new key of much variety 9876543210"
    before = on_the_clock(make_api(secret_key="", secret_keys=(old,)))
    rotated = on_the_clock(make_api(secret_key="", secret_keys=(new, old)))
    after = on_the_clock(make_api(secret_key="", secret_keys=(new,)))
    person = enable(before)
    assert give_code(rotated, challenge_for(rotated, person), person.code()).status_code == 200
    # Without the old key, the secret cannot be read yet. Recovery codes work in any case.
    assert_problem(give_code(after, challenge_for(after, person), person.code()), 401, "unauthorized")
    assert give_code(after, challenge_for(after, person), person.recovery[0]).status_code == 200
    told = after.app.test_cli_runner().invoke(args=["users", "reencrypt-second-factors"])
    assert told.exit_code == 1
    assert str(person.account.id) in told.output
    parley = rotated.app.extensions["parley"]
    sealed = stored_secret(parley, person.account.id)
    for _ in "ab":  # safe to repeat
        done = rotated.app.test_cli_runner().invoke(args=["users", "reencrypt-second-factors"])
        assert "second factors" in done.output
    assert stored_secret(parley, person.account.id) != sealed
    assert give_code(after, challenge_for(after, person), person.code()).status_code == 200


def test_operator_turns_it_off(api: Api, parley: Container, enqueued: list[tuple[str, tuple[Any, ...]]]) -> None:
    person = enable(api)
    run = api.app.test_cli_runner().invoke
    assert run(args=["users", "disable-second-factor", person.account.username]).exit_code == 0
    notice = "tasks.mail.send_second_factor_notice"
    assert enqueued == [(notice, (person.account.id, True)), (notice, (person.account.id, False))]
    assert api.log_in(person.account.username).id == person.account.id
    act = acts_of(parley, person.account.id)[-2]
    assert (act.action, act.actor_id, act.details) == ("totp.disabled", None, {"byOperator": True})
    again = run(args=["users", "disable-second-factor", person.account.username])
    assert (again.exit_code, again.output) == (1, f"Error: {person.account.username} has no second factor.\n")


def test_acts_are_recorded(api: Api, parley: Container) -> None:
    person = enable(api)
    token = person.account.access
    give_code(api, challenge_for(api, person), person.wrong_code())
    give_code(api, challenge_for(api, person), person.code())
    api.post(f"{PATH}/recovery-codes", person.proof(), token=token)
    api.call("DELETE", PATH, json=person.proof(), token=token)
    acts = acts_of(parley, person.account.id)
    assert [act.action for act in acts if act.action != "account.created"] == [
        "totp.enabled",
        "totp.failed",
        "sign_in",
        "totp.codes_renewed",
        "totp.disabled",
    ]
    signed_in = next(act for act in acts if act.action == "sign_in")
    assert signed_in.details is not None
    assert signed_in.details["secondFactor"] == "one-time code"
    assert all(person.secret not in str(act.details) for act in acts)


def test_deleted_account_keeps_no_secret(api: Api, parley: Container) -> None:
    person = enable(api)
    body = {"password": PASSWORD}
    assert api.call("DELETE", "/api/v1/me", json=body, token=person.account.access).status_code == 202
    with reading(parley.engine) as conn:
        for column in (SecondFactor.user_id, RecoveryCode.user_id):
            assert conn.execute(select(column).where(column == person.account.id)).first() is None
