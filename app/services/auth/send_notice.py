"""Sends a mail about a change of an account's sign-in, so that its owner notices a change that a thief made."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine

from app.core.account_mails import Text
from app.core.languages import Texts
from app.mail import Mail, Mailer
from app.store import emails, users
from app.store.engine import reading
from app.translations import texts_in

WriteNotice = Callable[[str, Texts], Text]  # from the username


def send_notice(
    user_id: int,
    write: WriteNotice,
    *,
    engine: Engine,
    mailer: Mailer,
    language: str | None = None,
    to: str | None = None,
) -> None:
    """Sends the mail to the account's address, or to the address ``to``. Does nothing if there is no address.

    ``language`` is the language of the request. It counts if the user has chosen none. Raises MailError.
    """
    with reading(engine) as conn:
        username, address = users.username_of(conn, user_id), to or emails.email_of(conn, user_id)
        texts = texts_in(users.locale_of(conn, user_id) or language)
    if username is not None and address is not None:
        mailer.send(Mail(address, *write(username, texts)))
