"""A sign-in with the old password that is under way while the password changes."""

from __future__ import annotations

from typing import Any

import pytest

from app.container import Container
from app.core.accounts import ChangePassword, LogIn
from app.core.errors import Conflict, Unauthorized
from app.services.auth.change_password import change_password
from app.services.auth.list_sign_ins import list_sign_ins
from app.services.auth.log_in import log_in
from app.services.auth.passwords import Passwords
from tests.support.api_client import PASSWORD, Api

NEW = "a quite different secret"


class SlowPasswords(Passwords):
    """Changes the password of an account between the check of the old password and everything after it."""

    def __init__(self, parley: Container, token: str) -> None:
        super().__init__()
        self._parley, self._token = parley, token

    def verify(self, stored: str | None, password: str) -> bool:
        matches = super().verify(stored, password)
        caller = self._parley.authenticator.verify(self._token)
        change_password(caller, ChangePassword(PASSWORD, NEW), **collaborators(self._parley))
        return matches


def collaborators(parley: Container, passwords: Passwords | None = None) -> dict[str, Any]:
    return {
        "engine": parley.engine,
        "passwords": passwords or parley.passwords,
        "sessions": parley.auth_sessions,
    }


def test_sign_in_with_the_old_password_does_not_outlive_its_change(api: Api, parley: Container) -> None:
    account = api.register("racing.sign.in")
    slow = SlowPasswords(parley, account.access)
    with pytest.raises(Unauthorized):
        log_in(LogIn(account.username, PASSWORD), **collaborators(parley, slow))
    caller = parley.authenticator.verify(account.access)
    assert [session.current for session in list_sign_ins(caller, engine=parley.engine).sessions] == [True]


def test_second_of_two_changes_with_the_same_old_password_is_refused(api: Api, parley: Container) -> None:
    account = api.register("racing.change")
    caller = parley.authenticator.verify(account.access)
    slow = SlowPasswords(parley, account.access)
    with pytest.raises(Conflict):
        change_password(caller, ChangePassword(PASSWORD, "the loser's choice"), **collaborators(parley, slow))
    assert api.log_in(account.username, NEW).id == account.id
