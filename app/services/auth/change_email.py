"""Gives an account an e-mail address. It counts only when somebody has opened the link that was sent to it."""

from __future__ import annotations

from sqlalchemy import Engine

from app.core.account_mails import RESET, VERIFY, link, verification
from app.core.accounts import ChangeEmail, RemoveEmail, VerifyEmail
from app.core.caller import Caller
from app.core.errors import Invalid
from app.mail import Mail, Mailer
from app.services.audit.record import record
from app.services.auth.check_password import check_own_password
from app.services.auth.passwords import Passwords
from app.store import account_tokens, emails, users
from app.store.engine import writing
from app.task_queue import enqueue_email_notice, enqueue_verification
from app.translations import texts_in

LINK_SECONDS = 24 * 3600


def request_email(
    caller: Caller, given: ChangeEmail, *, engine: Engine, passwords: Passwords, language: str | None = None
) -> None:
    """Has a link sent to the new address. Raises Forbidden if the password is wrong or the account has none: the
    address can reset the password.
    """
    check_own_password(caller.user_id, given.password, engine=engine, passwords=passwords)
    enqueue_verification(caller.user_id, given.email, language)


def send_verification(
    user_id: int, email: str, *, engine: Engine, mailer: Mailer, public_url: str, language: str | None = None
) -> None:
    """Sends the link. Links that were sent to other addresses before stop working. ``language`` is that of the request;
    it counts if the user has chosen none. Raises MailError.
    """
    with writing(engine) as conn:
        username = users.username_of(conn, user_id)
        if username is None:
            return
        account_tokens.forget_tokens(conn, user_id, VERIFY)
        token = account_tokens.make_token(conn, user_id, VERIFY, seconds=LINK_SECONDS, email=email)
        texts = texts_in(users.locale_of(conn, user_id) or language)
    text = verification(username, link(public_url, VERIFY, token), LINK_SECONDS // 60, texts)
    mailer.send(Mail(email, *text))


def verify_email(given: VerifyEmail, *, engine: Engine, language: str | None = None) -> None:
    """Stores the address that the link was sent to, and notifies the former one. Reset links that were sent there stop
    working. Raises Invalid if the link was used or has expired.
    """
    with writing(engine) as conn:
        taken = account_tokens.take_token(conn, given.token, VERIFY)
        if taken is None:
            raise Invalid.field("token", "was used before or has expired")
        old = emails.set_email(conn, taken.user_id, taken.email)
        account_tokens.forget_tokens(conn, taken.user_id, RESET)
        record(conn, "email.verified", target_id=taken.user_id, replaced=old is not None)
    if old is not None and old != taken.email:
        enqueue_email_notice(taken.user_id, old, language)


def remove_email(
    caller: Caller, given: RemoveEmail, *, engine: Engine, passwords: Passwords, language: str | None = None
) -> None:
    """Removes the address and makes all links useless. Safe to repeat. Raises Forbidden if the password is wrong."""
    check_own_password(caller.user_id, given.password, engine=engine, passwords=passwords)
    with writing(engine) as conn:
        old = emails.set_email(conn, caller.user_id, None)
        account_tokens.forget_tokens(conn, caller.user_id, VERIFY, RESET)
        record(conn, "email.changed", actor_id=caller.user_id, target_id=caller.user_id, removed=True)
    if old is not None:
        enqueue_email_notice(caller.user_id, old, language)
