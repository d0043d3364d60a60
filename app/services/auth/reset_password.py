"""Resets a forgotten password by a link."""

from __future__ import annotations

from sqlalchemy import Engine

from app.core.account_mails import RESET, link, reset
from app.core.accounts import ResetPassword
from app.core.errors import Invalid
from app.mail import Mail, Mailer
from app.services.audit.record import record
from app.services.auth.auth_sessions import AuthSessions
from app.services.auth.passwords import Passwords
from app.services.auth.weak_passwords import check_password_strength
from app.store import account_tokens, emails, second_factors, users
from app.store.engine import reading, writing
from app.task_queue import enqueue_reset_notice
from app.translations import texts_in

LINK_SECONDS = 1800


def send_reset_links(
    *,
    engine: Engine,
    mailer: Mailer,
    public_url: str,
    username: str | None = None,
    email: str | None = None,
    language: str | None = None,
) -> None:
    """Sends a link to each account with this name or address; nothing if there is none. ``language`` is that of the
    request; it counts for users who have chosen none. Raises MailError.
    """
    with reading(engine) as conn:
        found = emails.resettable_users(conn, username=username, email=email)
    for user in found:
        with writing(engine) as conn:
            token = account_tokens.make_token(conn, user.id, RESET, seconds=LINK_SECONDS)
            record(conn, "password.reset_requested", target_id=user.id)
            texts = texts_in(users.locale_of(conn, user.id) or language)
        text = reset(user.username, link(public_url, RESET, token), LINK_SECONDS // 60, texts)
        mailer.send(Mail(user.email, *text))


def reset_password(
    given: ResetPassword,
    *,
    engine: Engine,
    passwords: Passwords,
    sessions: AuthSessions,
    language: str | None = None,
) -> None:
    """Stores the new password, ends all sessions of the user and makes all their reset links useless. A second factor
    stays on.

    Raises Invalid if the link was used or has expired, or if the password is weak; a weak one does not use up the link.
    Without Redis, access tokens may work for seconds longer in other processes.
    """
    with reading(engine) as conn:
        found = account_tokens.find_token(conn, given.token, RESET)
        username = None if found is None else users.username_of(conn, found.user_id)
    if username is None:
        raise _used()
    check_password_strength(given.password, username)
    new = passwords.hash(given.password)
    with writing(engine) as conn:
        taken = account_tokens.take_token(conn, given.token, RESET)
        if taken is None or not users.set_password_hash(conn, taken.user_id, new):
            raise _used()
        account_tokens.forget_tokens(conn, taken.user_id, RESET)
        second_factors.forget_pending(conn, taken.user_id)
        record(conn, "password.reset", target_id=taken.user_id)
        ended = sessions.end_all(conn, taken.user_id, "password reset")
    enqueue_reset_notice(taken.user_id, language)
    sessions.announce(ended)


def _used() -> Invalid:
    return Invalid.field("token", "was used before or has expired")
