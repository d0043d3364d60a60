"""Sends by Firebase Cloud Messaging (HTTP v1) with firebase-admin: to Android, to iOS through APNs, and to web tokens.

This module changes three defaults of firebase-admin: a timeout of 120 s; four retries of 500 and 503 within a call (we
pause the whole service for as long as it says instead); and batches of 500 messages with one thread per message.
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
from app.push.lanes import FCM_LANE
from app.push.provider import RETRY_SECONDS, SENT, TIMEOUT_SECONDS, Outcome, Outgoing, retry_seconds

log = logging.getLogger(__name__)

MAX_BATCH = FCM_LANE.batch
# The pause without a Retry-After, if a quota is used up or an operator has to correct our credentials.
LONG_RETRY_SECONDS = 60.0
GOOGLE = "https://fcm.googleapis.com"
UNENCODABLE = Outcome("refused", "not a valid FCM message")
_GONE = (messaging.UnregisteredError, messaging.SenderIdMismatchError)
_OUR_CREDENTIALS = (messaging.ThirdPartyAuthError, exceptions.UnauthenticatedError, exceptions.PermissionDeniedError)
_OVER_QUOTA = (messaging.QuotaExceededError, exceptions.ResourceExhaustedError)


class Fcm:
    """``service_account`` is the JSON of a service account, or the name of a file that contains it.

    ``base_url`` names another server that speaks FCM's protocol. The constructor raises ValueError or OSError if the
    service account cannot be used.
    """

    def __init__(self, service_account: str, *, base_url: str = "") -> None:
        account = _account(service_account)
        options = {"projectId": account.get("project_id"), "httpTimeout": TIMEOUT_SECONDS}
        self._app = firebase_admin.initialize_app(
            credentials.Certificate(account), options, name=f"parley-{id(self):x}"
        )
        service = messaging._get_messaging_service(self._app)
        # No retries, and as many connections as a batch has messages. firebase-admin has no option for either.
        # tests/unit/test_private_attributes.py checks the private attributes used here.
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
            return [classify_response(response) for response in answered]
        except (exceptions.FirebaseError, GoogleAuthError, OSError) as error:
            # The service account got no access token, so no message was sent.
            log.warning("FCM is unavailable: %s", _cause(error))
            return [Outcome("retry", _cause(error), RETRY_SECONDS, whole_host=True)] * len(messages)
        except Exception as error:
            log.exception("FCM: sending notifications failed")
            return [Outcome("refused", type(error).__name__)] * len(messages)

    def cut_overdue(self) -> None:
        """Does nothing: Google's servers are trusted not to drip an answer, and each request has a timeout."""

    def close(self) -> None:
        firebase_admin.delete_app(self._app)


def encodable(outgoing: Outgoing) -> messaging.Message | None:
    """Builds a message. Returns None if the library rejects it, because one bad message fails its whole batch."""
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


def classify_response(response: SendResponse) -> Outcome:
    """Translates the response to one message into an outcome."""
    error = response.exception
    if error is None:
        return SENT
    if isinstance(error, _GONE):
        return Outcome("gone", _code(error))
    http: requests.Response | None = getattr(error, "http_response", None)
    retry_after = http.headers.get("Retry-After") if http is not None else None
    if isinstance(error, _OUR_CREDENTIALS):
        log.error("FCM rejects this deployment's credentials: %s", _code(error))
    if isinstance(error, (*_OUR_CREDENTIALS, *_OVER_QUOTA)):
        return Outcome("retry", _code(error), retry_seconds(retry_after, LONG_RETRY_SECONDS), whole_host=True)
    if http is not None and 400 <= http.status_code < 500:
        # INVALID_ARGUMENT may concern the message or the token, so the device stays registered.
        log.error("FCM rejects a message: %s", _code(error))
        return Outcome("refused", _code(error))
    return Outcome("retry", _code(error), retry_seconds(retry_after), whole_host=True)


_NAMES = {
    messaging.UnregisteredError: "UNREGISTERED",
    messaging.SenderIdMismatchError: "SENDER_ID_MISMATCH",
    messaging.QuotaExceededError: "QUOTA_EXCEEDED",
    messaging.ThirdPartyAuthError: "THIRD_PARTY_AUTH_ERROR",
}


def _code(error: exceptions.FirebaseError) -> str:
    return _NAMES.get(type(error), str(error.code))
