"""Sends Web Push notifications (RFC 8030) with pywebpush, which encrypts them (RFC 8291).

pywebpush's defaults are unsuitable: a TTL of 0 (offline browsers get nothing), a timeout of three hours, and redirects
that may lead into the internal network. This module sets each of them.
"""

from __future__ import annotations

import logging
from binascii import Error as BinasciiError

import requests
from http_ece import ECEException
from pywebpush import WebPusher, WebPushException

from app.core.push_notice import Clear, Notice, encode, shortened
from app.push.endpoint import EndpointRules, ForbiddenEndpointError, check_endpoint
from app.push.guarded_session import GuardedSession
from app.push.provider import RETRY_SECONDS, SENT, TIMEOUT_SECONDS, Outcome, Outgoing, retry_seconds
from app.push.vapid import Signer

log = logging.getLogger(__name__)

GONE = (404, 410)
TOO_LARGE, TOO_MANY = 413, 429


class WebPush:
    """Threads may share it. ``send`` sends the notifications of a batch one after the other."""

    def __init__(self, signer: Signer, rules: EndpointRules, *, connections: int, verify: str | bool = True) -> None:
        self._signer = signer
        self._rules = rules
        self._session = GuardedSession(
            loopback=rules.loopback, connections=connections, seconds=TIMEOUT_SECONDS, verify=verify
        )

    def send(self, batch: list[Outgoing]) -> list[Outcome]:
        return [self._send(outgoing) for outgoing in batch]

    def cut_overdue(self) -> None:
        self._session.deadlines.cut()

    def close(self) -> None:
        self._session.close()

    def _send(self, outgoing: Outgoing) -> Outcome:
        try:
            check_endpoint(outgoing.to.address, self._rules)  # the allow-list may have changed since the registration
            response = self._post(outgoing)
            if response.status_code == TOO_LARGE and isinstance(outgoing.payload, Notice):
                response = self._post(outgoing._replace(payload=shortened(outgoing.payload)))
            return classify_response(response)
        except ForbiddenEndpointError as error:
            return Outcome("refused", f"endpoint: {error}")
        except requests.RequestException as error:
            return Outcome("retry", type(error).__name__, RETRY_SECONDS, whole_host=True)
        except (WebPushException, ECEException, BinasciiError, ValueError, IndexError) as error:
            # The subscription's keys are invalid, so nothing can be encrypted for it.
            return Outcome("refused", f"keys: {type(error).__name__}")
        except OSError as error:
            return Outcome("retry", type(error).__name__, RETRY_SECONDS, whole_host=True)
        except Exception as error:
            log.exception("Web Push: sending a notification failed")
            return Outcome("refused", type(error).__name__)

    def _post(self, outgoing: Outgoing) -> requests.Response:
        to = outgoing.to
        keys = {"p256dh": to.p256dh or "", "auth": to.auth or ""}
        pusher = WebPusher({"endpoint": to.address, "keys": keys}, requests_session=self._session)
        headers = {
            **self._signer.headers(to.address),
            "Urgency": "normal" if isinstance(outgoing.payload, Clear) or outgoing.payload.silent is True else "high",
            "Topic": outgoing.payload.tag,
            "Content-Type": "application/octet-stream",
        }
        response = pusher.send(
            encode(outgoing.payload), headers, ttl=max(outgoing.ttl_seconds, 1), timeout=TIMEOUT_SECONDS
        )
        assert isinstance(response, requests.Response)  # noqa: S101 - pywebpush returns text only in curl mode
        return response


def classify_response(response: requests.Response) -> Outcome:
    """Translates the service's response into an outcome."""
    status = response.status_code
    if 200 <= status < 300:
        return SENT
    if status in GONE:
        return Outcome("gone", str(status))
    seconds = retry_seconds(response.headers.get("Retry-After"))
    if status == TOO_MANY:
        return Outcome("retry", str(status), seconds)
    if status >= 500:
        return Outcome("retry", str(status), seconds, whole_host=True)
    return Outcome("refused", str(status))
