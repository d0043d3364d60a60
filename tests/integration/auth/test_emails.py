"""E-mail addresses, forgotten passwords, notices about changes, and an operator's commands."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pyotp
import pytest

from app.config import ConfigError, Settings, read_settings
from app.mail import Mail, MailError, OutboxMailer, SmtpMailer
from tests.integration.auth.conftest import MakeApp
from tests.support.api_client import PASSWORD as OWN
from tests.support.api_client import Api, assert_problem
from tests.support.clients import Account, Refused, RestClient, register
from tests.support.commands import flask
from tests.support.processes import Stack
from tests.support.smtp_server import PASSWORD, USER, SmtpServer, token_in

PAGE = "https://chat.example"
NEW = "a quite different secret"


@pytest.fixture(scope="module")
def smtp() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., Stack], smtp: SmtpServer) -> Stack:
    env = {
        "MAIL_URL": f"smtp://{quote(USER)}:{quote(PASSWORD)}@127.0.0.1:{smtp.port}",
        "MAIL_FROM": "Parley <chat@chat.example>",
        "PUBLIC_URL": PAGE,
        "AUTH_ATTEMPTS_PER_MINUTE": "0",
    }
    return make_stack(beat=False, env=env)


@pytest.fixture
def rest(stack: Stack) -> Iterator[RestClient]:
    client = RestClient(stack.base_url)
    yield client
    client.close()


@pytest.fixture
def account(stack: Stack) -> Account:
    return register(stack.base_url)


def status_of(rest: RestClient, method: str, path: str, body: object, token: str | None = None) -> int:
    try:
        return rest.request(method, path, json=body, token=token).status_code
    except Refused as refusal:
        return refusal.status


def set_email(rest: RestClient, smtp: SmtpServer, account: Account, address: str = "") -> str:
    address = address or f"{account.username}@x.example"
    wanted = {"email": address, "password": account.password}
    assert status_of(rest, "PUT", "/me/email", wanted, account.access_token) == 202
    token = token_in(smtp.wait_for(address), PAGE, "verify-email")
    assert status_of(rest, "POST", "/auth/email/verify", {"token": token}) == 204
    return address


def test_an_address_counts_once_its_link_was_opened(rest: RestClient, smtp: SmtpServer, account: Account) -> None:
    address = f"{account.username}@x.example"
    wanted = {"email": address, "password": account.password}
    assert status_of(rest, "PUT", "/me/email", wanted | {"password": "a guess"}, account.access_token) == 403
    assert status_of(rest, "PUT", "/me/email", wanted, account.access_token) == 202
    mail = smtp.wait_for(address)
    assert (mail["From"], mail["Auto-Submitted"]) == ("Parley <chat@chat.example>", "auto-generated")
    assert "email" not in rest.json("GET", "/me", token=account.access_token)
    token = token_in(mail, PAGE, "verify-email")
    assert status_of(rest, "POST", "/auth/password/reset", {"token": token, "password": NEW}) == 422
    assert status_of(rest, "POST", "/auth/email/verify", {"token": token}) == 204
    assert rest.json("GET", "/me", token=account.access_token)["email"] == address
    assert status_of(rest, "POST", "/auth/email/verify", {"token": token}) == 422


def test_a_link_resets_the_password_once_and_ends_all_sign_ins(
    rest: RestClient, smtp: SmtpServer, account: Account
) -> None:
    address = set_email(rest, smtp, account)
    assert status_of(rest, "POST", "/auth/password/forgot", {"email": address.upper()}) == 202
    token = token_in(smtp.wait_for(address, 2), PAGE, "reset-password")
    assert status_of(rest, "POST", "/auth/password/reset", {"token": token, "password": account.username}) == 422
    assert status_of(rest, "POST", "/auth/password/reset", {"token": token, "password": NEW}) == 204
    assert status_of(rest, "POST", "/auth/password/reset", {"token": token, "password": NEW + "!"}) == 422
    assert status_of(rest, "GET", "/me", None, account.access_token) == 401
    assert rest.login(account.username, NEW)["user"]["id"] == account.user_id
    assert "reset" in smtp.wait_for(address, 3).get_content()


def test_forgot_answers_the_same_for_nobody(rest: RestClient, smtp: SmtpServer, account: Account) -> None:
    """The tasks of one worker queue run in order, so the mail for the last name comes after the work for the others."""
    address = set_email(rest, smtp, account)
    nobody, without = f"no-{secrets.token_hex(4)}", register(str(rest.http.base_url).rstrip("/")).username
    answers = [
        rest.request("POST", "/auth/password/forgot", json={"username": name})
        for name in (nobody, without, account.username)
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, b'{"status":"accepted"}')}
    smtp.wait_for(address, 2)
    assert len(smtp.to(address)) == 2


def test_a_new_address_tells_the_old_one_and_voids_its_links(
    rest: RestClient, smtp: SmtpServer, account: Account
) -> None:
    old = set_email(rest, smtp, account)
    assert status_of(rest, "POST", "/auth/password/forgot", {"username": account.username}) == 202
    token = token_in(smtp.wait_for(old, 2), PAGE, "reset-password")
    set_email(rest, smtp, account, f"new-{old}")
    assert "does not use" in smtp.wait_for(old, 3).get_content()
    assert status_of(rest, "POST", "/auth/password/reset", {"token": token, "password": NEW}) == 422
    gone = {"password": account.password}
    assert status_of(rest, "DELETE", "/me/email", gone, account.access_token) == 204
    assert "email" not in rest.json("GET", "/me", token=account.access_token)


def test_turning_the_second_factor_on_or_off_sends_a_mail_to_the_owner(
    rest: RestClient, smtp: SmtpServer, account: Account
) -> None:
    address = set_email(rest, smtp, account)
    path, token = "/auth/second-factor", account.access_token
    secret = rest.json("POST", path, json={"password": account.password}, token=token)["secret"]
    assert status_of(rest, "POST", f"{path}/confirm", {"code": "000000"}, token) == 403
    code = pyotp.TOTP(secret).now()
    recovery = rest.json("POST", f"{path}/confirm", json={"code": code}, token=token)["recoveryCodes"]
    turned_on = smtp.wait_for(address, 2)
    assert turned_on["Subject"] == "Two-step sign-in was turned on"
    assert "needs a code" in turned_on.get_content()
    proof, german = {"password": account.password, "code": recovery[0]}, {"Accept-Language": "de"}
    rest.request("DELETE", path, json=proof, token=token, headers=german)
    turned_off = smtp.wait_for(address, 3)
    assert turned_off["Subject"] == "Die Anmeldung in zwei Schritten ist aus"
    assert "reicht jetzt das Passwort" in turned_off.get_content()


def test_mails_are_limited_per_name_and_address(rest: RestClient) -> None:
    name = f"no-{secrets.token_hex(4)}"
    statuses = [status_of(rest, "POST", "/auth/password/forgot", {"username": name}) for _ in range(6)]
    assert statuses == [202] * 5 + [429]
    assert status_of(rest, "POST", "/auth/password/forgot", {"email": f"{name}@x.example"}) == 202


@pytest.mark.parametrize("body", [{}, {"username": "a", "email": "a@b.example"}, {"username": ""}])
def test_forgot_takes_one_of_the_two(rest: RestClient, body: dict[str, str]) -> None:
    assert status_of(rest, "POST", "/auth/password/forgot", body) == 422


@pytest.mark.parametrize("email", ["x", "a@b", "a b@c.example", "a@b.example\nBcc: c@d.example", "a@b.example,c@d.ee"])
def test_an_address_has_the_form_of_one(api: Api, make_api: MakeApp, email: str) -> None:
    mailing: Api = make_api(mail_url="file:///unused", mail_from="a@b.example", public_url=PAGE)
    token = mailing.register().access
    answer = mailing.call("PUT", "/api/v1/me/email", token=token, json={"email": email, "password": OWN})
    assert_problem(answer, 422, "invalid")


def test_without_a_mail_server_the_answer_is_honest(api: Api) -> None:
    assert api.get("/api/v1/limits").get_json()["email"] is False
    assert_problem(api.post("/api/v1/auth/password/forgot", {"username": "x"}), 501, "email_off")
    account = api.register()
    wanted = {"email": "a@b.example", "password": OWN}
    assert_problem(api.call("PUT", "/api/v1/me/email", token=account.access, json=wanted), 501, "email_off")


def test_a_password_never_goes_to_a_server_without_tls() -> None:
    """127.0.0.2 stands for another machine: only the usual names of this one are exempt."""
    with SmtpServer("127.0.0.2") as server:
        mailer = SmtpMailer(f"smtp://{quote(USER)}:{quote(PASSWORD)}@127.0.0.2:{server.port}", "a@b.example")
        with pytest.raises(MailError) as caught:
            mailer.send(Mail("c@d.example", "subject", "text"))
        assert server.mails == []
    assert not caught.value.again


def test_temporary_refusals_are_tried_again(rest: RestClient, smtp: SmtpServer, account: Account) -> None:
    address = f"{account.username}@x.example"
    smtp.refuse = "451 later"
    assert status_of(rest, "PUT", "/me/email", {"email": address, "password": account.password}, account.access_token)
    with pytest.raises(MailError) as caught:
        SmtpMailer(f"smtp://{quote(USER)}:{quote(PASSWORD)}@127.0.0.1:{smtp.port}", "a@b.example").send(
            Mail("c@d.example", "subject", "text")
        )
    assert caught.value.again
    smtp.refuse = ""
    assert token_in(smtp.wait_for(address), PAGE, "verify-email")


def test_the_outbox_holds_whole_mails(tmp_path: Path) -> None:
    OutboxMailer(str(tmp_path / "outbox"), "a@b.example").send(Mail("c@d.example", "subject", "text"))
    [path] = (tmp_path / "outbox").iterdir()
    assert "To: c@d.example" in path.read_text()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"MAIL_URL": "mail.example"}, "MAIL_URL must be like"),
        ({"MAIL_URL": "smtp://mail.example"}, "MAIL_FROM must be set"),
        ({"MAIL_URL": "smtp://mail.example", "MAIL_FROM": "a@b.example"}, "PUBLIC_URL must be set"),
        ({"PUBLIC_URL": "chat.example"}, "PUBLIC_URL must be set"),
        ({"MAIL_URL": "file:///tmp/out", "APP_ENV": "production"}, "only writes mails into a directory"),
    ],
)
def test_settings_of_mail_are_checked(settings: Settings, changes: dict[str, str], says: str) -> None:
    env = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url, "SECRET_KEY": settings.secret_key}
    with pytest.raises(ConfigError, match=says):
        read_settings({**env, **changes})


def operate(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return flask(stack.web[0].env, "users", *arguments)


def test_an_operator_makes_a_link_and_ends_sign_ins(rest: RestClient, stack: Stack, account: Account) -> None:
    printed = operate(stack, "reset-password", account.username).stdout.strip().splitlines()[-1]
    assert printed.startswith(f"{PAGE}/#reset-password=")
    token = printed.partition("=")[2]
    assert status_of(rest, "POST", "/auth/password/reset", {"token": token, "password": NEW}) == 204
    again = rest.login(account.username, NEW)
    assert operate(stack, "end-sessions", account.username).returncode == 0
    assert status_of(rest, "GET", "/me", None, again["accessToken"]) == 401
    failed = operate(stack, "reset-password", "nobody-at-all")
    assert failed.returncode == 1
    assert "There is no user nobody-at-all." in failed.stderr


def test_mails_are_in_the_language_that_the_user_chose_else_in_that_of_the_request(
    rest: RestClient, smtp: SmtpServer, account: Account
) -> None:
    wanted = {"email": f"{account.username}@x.example", "password": account.password}
    headers = {"Accept-Language": "de-CH, en"}
    rest.request("PUT", "/me/email", json=wanted, token=account.access_token, headers=headers)
    mail = smtp.wait_for(wanted["email"])
    assert mail["Subject"] == "Bestätige deine E-Mail-Adresse"
    assert "innerhalb von 24 Stunden" in mail.get_content()
    rest.request("PATCH", "/me", json={"locale": "ja"}, token=account.access_token)
    rest.request("POST", "/auth/email/verify", json={"token": token_in(mail, PAGE, "verify-email")})
    rest.request("POST", "/auth/password/forgot", json={"username": account.username}, headers=headers)
    mail = smtp.wait_for(wanted["email"], 2)
    assert mail["Subject"] == "新しいパスワードの設定"
    assert "30分以内" in mail.get_content()
