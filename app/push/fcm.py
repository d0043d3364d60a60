"""Firebase Cloud Messaging, HTTP v1, by firebase-admin: Android, iOS through APNs, and web tokens.

What firebase-admin would do by itself and does not do here: wait 120 s for an answer, try 500 and 503 four times more
within the call (we wait as we are told, and for the whole service), take 500 messages with a thread each.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import firebase_admin
import requests
from firebase_admin import credentials, exceptions, messaging
from firebase_admin.messaging import SendResponse
from google.auth.exceptions import GoogleAuthError
from requests.adapters import HTTPAdapter

from app.push.fcm_message import fcm_message
from app.push.provider import FAILED_WAIT_SECONDS, SENT, TIMEOUT_SECONDS, Outcome, Outgoing, wait_of

log = logging.getLogger(__name__)

MAX_BATCH = 50
# Without a Retry-After: a quota is over, or something is wrong with our credentials that somebody has to mend.
LONG_WAIT_SECONDS = 60.0
GOOGLE = "https://fcm.googleapis.com"
UNENCODABLE = Outcome("refused", "no message of FCM")
_GONE = (messaging.UnregisteredError, messaging.SenderIdMismatchError)
_OURS = (messaging.ThirdPartyAuthError, exceptions.UnauthenticatedError, exceptions.PermissionDeniedError)
_BUSY = (messaging.QuotaExceededError, exceptions.ResourceExhaustedError)


class Fcm:
    """``service_account`` is its JSON, or the name of a file that holds it. Raise ValueError, OSError where it is none.

    ``base_url`` is another server that speaks FCM's protocol.
    """

    def __init__(self, service_account: str, *, base_url: str = "") -> None:
        account = _account(service_account)
        options = {"projectId": account.get("project_id"), "httpTimeout": TIMEOUT_SECONDS}
        self._app = firebase_admin.initialize_app(
            credentials.Certificate(account), options, name=f"parley-{id(self):x}"
        )
        service = messaging._get_messaging_service(self._app)
        # firebase-admin offers no way to say it: no tries of its own, and as many connections as a batch has messages.
        adapter = HTTPAdapter(pool_connections=2, pool_maxsize=MAX_BATCH, max_retries=0)
        for scheme in (GOOGLE, "https://", "http://"):
            service._client.session.mount(scheme, adapter)
        if base_url:
            service._fcm_url = f"{base_url.rstrip('/')}/v1/projects/{account.get('project_id')}/messages:send"

    def send(self, batch: list[Outgoing]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for first in range(0, len(batch), MAX_BATCH):
            outcomes += self._send(batch[first : first + MAX_BATCH])
        return outcomes

    def _send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        messages = [encodable(outgoing) for outgoing in batch]
        good = [message for message in messages if message is not None]
        answered = iter(self._send_good(good) if good else [])
        return [next(answered) if message is not None else UNENCODABLE for message in messages]

    def _send_good(self, messages: list[messaging.Message]) -> list[Outcome]:
        try:
            answered = messaging.send_each(messages, app=self._app).responses
            return [wait_for_result(response) for response in answered]
        except (exceptions.FirebaseError, GoogleAuthError, OSError) as error:
            # No token for the service account: none of them left.
            log.warning("FCM cannot be used: %s", _cause(error))
            return [Outcome("wait", _cause(error), FAILED_WAIT_SECONDS, whole_host=True)] * len(messages)
        except Exception as error:
            log.exception("notifications could not be sent")
            return [Outcome("refused", type(error).__name__)] * len(messages)

    def close(self) -> None:
        firebase_admin.delete_app(self._app)


def encodable(outgoing: Outgoing) -> messaging.Message | None:
    """None for one that the library will not take: in a batch, it would refuse all of it for that."""
    message = fcm_message(outgoing)
    try:
        str(message)
    except (ValueError, TypeError):
        return None
    return message


def _account(text: str) -> dict[str, Any]:
    account: Any = json.loads(text if text.lstrip().startswith("{") else Path(text).read_text())
    if not isinstance(account, dict):
        raise ValueError("not a service account")
    return account


def _cause(error: BaseException) -> str:
    return type(getattr(error, "cause", None) or error).__name__


def wait_for_result(response: SendResponse) -> Outcome:
    error = response.exception
    if error is None:
        return SENT
    if isinstance(error, _GONE):
        return Outcome("gone", _code(error))
    http: requests.Response | None = getattr(error, "http_response", None)
    told = http.headers.get("Retry-After") if http is not None else None
    if isinstance(error, _OURS):
        log.error("FCM refuses this deployment's credentials: %s", _code(error))
    if isinstance(error, (*_OURS, *_BUSY)):
        return Outcome("wait", _code(error), wait_of(told, LONG_WAIT_SECONDS), whole_host=True)
    if http is not None and 400 <= http.status_code < 500:
        # INVALID_ARGUMENT may be the message as well as the token: nobody loses a device by it.
        log.error("FCM does not take a message: %s", _code(error))
        return Outcome("refused", _code(error))
    return Outcome("wait", _code(error), wait_of(told), whole_host=True)


_NAMES = {
    messaging.UnregisteredError: "UNREGISTERED",
    messaging.SenderIdMismatchError: "SENDER_ID_MISMATCH",
    messaging.QuotaExceededError: "QUOTA_EXCEEDED",
    messaging.ThirdPartyAuthError: "THIRD_PARTY_AUTH_ERROR",
}


def _code(error: exceptions.FirebaseError) -> str:
    return _NAMES.get(type(error), str(error.code))
