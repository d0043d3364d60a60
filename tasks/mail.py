"""Queue ``maintenance``: mails about accounts.

If a task is lost, its mail is not sent, and the user requests it again. A repeated task may send a mail twice; each has
its own link. Tokens are made here, so that the broker never has one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from app.core.account_mails import email_was_changed, password_was_reset, second_factor_is_off, second_factor_is_on
from app.core.errors import Overloaded
from app.current_request import set_address
from app.mail import Mailer, MailError, make_mailer
from tasks import celery_app
from tasks.worker_process import container

if TYPE_CHECKING:
    from app.services.auth.send_notice import WriteNotice

# They are imported in the tasks, because signing in needs cryptography, which takes 5 MiB.

log = logging.getLogger(__name__)

RETRY_SECONDS = (5, 30, 120)


@celery_app.task(bind=True, name="tasks.mail.send_reset_links")  # type: ignore[untyped-decorator]
def send_reset_links(
    self: Any, username: str | None, email: str | None, address: str, language: str | None = None
) -> None:
    from app.services.auth import reset_password  # noqa: PLC0415

    set_address(address)  # of the request, for the audit
    _send(
        self,
        lambda mailer: reset_password.send_reset_links(
            engine=container().engine,
            mailer=mailer,
            public_url=_public_url(),
            username=username,
            email=email,
            language=language,
        ),
    )


@celery_app.task(bind=True, name="tasks.mail.send_verification")  # type: ignore[untyped-decorator]
def send_verification(self: Any, user_id: int, email: str, language: str | None = None) -> None:
    from app.services.auth import change_email  # noqa: PLC0415

    _send(
        self,
        lambda mailer: change_email.send_verification(
            user_id, email, engine=container().engine, mailer=mailer, public_url=_public_url(), language=language
        ),
    )


@celery_app.task(bind=True, name="tasks.mail.send_reset_notice")  # type: ignore[untyped-decorator]
def send_reset_notice(self: Any, user_id: int, language: str | None = None) -> None:
    _send_notice(self, user_id, password_was_reset, language)


@celery_app.task(bind=True, name="tasks.mail.send_second_factor_notice")  # type: ignore[untyped-decorator]
def send_second_factor_notice(self: Any, user_id: int, on: bool, language: str | None = None) -> None:
    _send_notice(self, user_id, second_factor_is_on if on else second_factor_is_off, language)


@celery_app.task(bind=True, name="tasks.mail.send_email_notice")  # type: ignore[untyped-decorator]
def send_email_notice(self: Any, user_id: int, old: str, language: str | None = None) -> None:
    _send_notice(self, user_id, email_was_changed, language, to=old)


def _send_notice(task: Any, user_id: int, write: WriteNotice, language: str | None, *, to: str | None = None) -> None:
    from app.services.auth.send_notice import send_notice  # noqa: PLC0415

    engine = container().engine
    _send(task, lambda mailer: send_notice(user_id, write, engine=engine, mailer=mailer, language=language, to=to))


def _send(task: Any, work: Callable[[Mailer], None]) -> None:
    """Tries three times again if the mail server or a store is away, and then gives up with an error in the log."""
    mailer = _mailer()
    if mailer is None:
        return
    try:
        work(mailer)
    except (MailError, Overloaded) as error:
        tries = task.request.retries
        again = not isinstance(error, MailError) or error.again
        log.log(logging.WARNING if again else logging.ERROR, "%s: the mail was not sent: %s", task.name, error)
        if again and tries < len(RETRY_SECONDS):
            raise task.retry(exc=error, countdown=RETRY_SECONDS[tries]) from None


@cache
def _mailer() -> Mailer | None:
    settings = container().settings
    return make_mailer(settings.mail_url, settings.mail_from)


def _public_url() -> str:
    return container().settings.public_url
