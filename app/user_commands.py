"""``flask --app wsgi users suspend|unsuspend|reset-password|end-sessions|disable-second-factor|
reencrypt-second-factors``."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from app.cli_errors import errors_in_one_line
from app.container import current_container
from app.core.account_mails import RESET, link
from app.core.accounts import SuspendUser
from app.services.audit.record import record
from app.services.auth.reencrypt_secrets import reencrypt_secrets
from app.store import account_tokens, second_factors
from app.store import users as store
from app.store.engine import reading, writing
from app.task_queue import enqueue_second_factor_notice

LINK_SECONDS = 24 * 3600

users = AppGroup("users", help="Suspend users, and help those who cannot sign in.")


@users.command("suspend", help="Refuse a user's sign-ins and tokens, and end all sessions.")
@click.argument("username")
@click.option("--until", help="A date or an RFC 3339 time. Without it, until unsuspended.")
@click.option("--reason", help="The user sees it when signing in.")
@click.option("--shadow", is_flag=True, help="The user notices nothing, and nobody else sees what they do.")
@errors_in_one_line()
def suspend(username: str, until: str | None, reason: str | None, *, shadow: bool) -> None:
    current_container().suspensions.suspend(user_named(username), SuspendUser(until, reason, shadow))
    click.echo(f"{username} is suspended.")


@users.command("unsuspend", help="End the suspension of a user.")
@click.argument("username")
@errors_in_one_line()
def unsuspend(username: str) -> None:
    current_container().suspensions.lift(user_named(username))
    click.echo(f"{username} is not suspended.")


@users.command("reset-password", help="Print a link that lets a user choose a new password, once, within a day.")
@click.argument("username")
@errors_in_one_line()
def reset_password(username: str) -> None:
    """Prints a link, never a password. Without PUBLIC_URL, prints only the token for POST /auth/password/reset."""
    container = current_container()
    user_id = user_named(username)
    with writing(container.engine) as conn:
        if store.password_hash_of(conn, user_id) is None:
            raise click.ClickException(f"{username} has no password here: another service keeps this account.")
        token = account_tokens.make_token(conn, user_id, RESET, seconds=LINK_SECONDS)
        record(conn, "password.reset_requested", target_id=user_id, byOperator=True)
    url = container.settings.public_url
    click.echo(link(url, RESET, token) if url else token)


@users.command("end-sessions", help="End all sign-ins of a user.")
@click.argument("username")
@errors_in_one_line()
def end_sessions(username: str) -> None:
    container = current_container()
    user_id = user_named(username)
    with writing(container.engine) as conn:
        ended = container.auth_sessions.end_all(conn, user_id, "ended by an operator")
        record(conn, "session.ended", target_id=user_id, byOperator=True)
    container.auth_sessions.announce(ended)
    click.echo(f"Ended {len(ended)} sign-ins of {username}.")


@users.command("disable-second-factor", help="Turn off the second factor of a user who has lost it.")
@click.argument("username")
@errors_in_one_line()
def disable_second_factor(username: str) -> None:
    user_id = user_named(username)
    with writing(current_container().engine) as conn:
        if not second_factors.forget(conn, user_id):
            raise click.ClickException(f"{username} has no second factor.")
        record(conn, "totp.disabled", target_id=user_id, byOperator=True)
    enqueue_second_factor_notice(user_id, on=False)
    click.echo(f"{username} now signs in with only the password.")


@users.command("reencrypt-second-factors", help="Encrypt all second factors with the first key of SECRET_KEYS.")
@errors_in_one_line()
def reencrypt_second_factors() -> None:
    """Exits with status 1 if some of them were encrypted with a key that is not in SECRET_KEYS."""
    container = current_container()
    result = reencrypt_secrets(engine=container.engine, codes=container.one_time_codes)
    click.echo(f"Encrypted {result.done} second factors with the first key.")
    if result.unreadable:
        ids = ", ".join(map(str, result.unreadable))
        raise click.ClickException(f"No key of SECRET_KEYS decrypts the second factors of the users {ids}.")


def user_named(username: str) -> int:
    """Returns the user's id. Exits with status 1 if there is no such user."""
    with reading(current_container().engine) as connection:
        user = store.find_user_by_username(connection, username)
    if user is None:
        raise click.ClickException(f"There is no user {username}.")
    return user.id
