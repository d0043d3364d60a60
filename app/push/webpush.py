"""Web Push (RFC 8030) by pywebpush, which encrypts (RFC 8291); everything it leaves to chance is decided here.

Its defaults: a TTL of 0, so that who is offline gets nothing; a timeout of three hours; redirects followed, inward too.
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
from app.push.provider import FAILED_WAIT_SECONDS, SENT, TIMEOUT_SECONDS, Outcome, Outgoing, wait_of
from app.push.vapid import Signer

log = logging.getLogger(__name__)

GONE = (404, 410)
TOO_LARGE, TOO_MANY = 413, 429


class WebPush:
    """Threads share it; ``send`` sends one after another."""

    def __init__(self, signer: Signer, rules: EndpointRules, *, connections: int, verify: str | bool = True) -> None:
        self._signer = signer
        self._rules = rules
        self._session = GuardedSession(
            loopback=rules.loopback, connections=connections, seconds=TIMEOUT_SECONDS, verify=verify
        )

    def send(self, batch: list[Outgoing]) -> list[Outcome]:
        return [self._send(outgoing) for outgoing in batch]

    def cut_overdue(self) -> None:
        """Call it about once a second: ends requests that take longer than ``TIMEOUT_SECONDS`` in all."""
        self._session.deadlines.cut()

    def close(self) -> None:
        self._session.close()

    def _send(self, outgoing: Outgoing) -> Outcome:
        try:
            check_endpoint(outgoing.to.address, self._rules)  # the list may have become shorter
            response = self._post(outgoing)
            if response.status_code == TOO_LARGE and isinstance(outgoing.payload, Notice):
                response = self._post(outgoing._replace(payload=shortened(outgoing.payload)))
            return wait_for_result(response)
        except ForbiddenEndpointError as error:
            return Outcome("refused", f"endpoint: {error}")
        except requests.RequestException as error:
            return Outcome("wait", type(error).__name__, FAILED_WAIT_SECONDS, whole_host=True)
        except (WebPushException, ECEException, BinasciiError, ValueError, IndexError) as error:
            # Keys that are none: nobody can read what is encrypted for them.
            return Outcome("refused", f"keys: {type(error).__name__}")
        except OSError as error:
            return Outcome("wait", type(error).__name__, FAILED_WAIT_SECONDS, whole_host=True)
        except Exception as error:
            log.exception("a notification could not be sent")
            return Outcome("refused", type(error).__name__)

    def _post(self, outgoing: Outgoing) -> requests.Response:
        to = outgoing.to
        keys = {"p256dh": to.p256dh or "", "auth": to.auth or ""}
        pusher = WebPusher({"endpoint": to.address, "keys": keys}, requests_session=self._session)
        headers = {
            **self._signer.headers(to.address),
            "Urgency": "normal" if isinstance(outgoing.payload, Clear) else "high",
            "Topic": outgoing.payload.tag,
            "Content-Type": "application/octet-stream",
        }
        response = pusher.send(
            encode(outgoing.payload), headers, ttl=max(outgoing.ttl_seconds, 1), timeout=TIMEOUT_SECONDS
        )
        assert isinstance(response, requests.Response)  # noqa: S101 - text only where `curl` is asked for
        return response


def wait_for_result(response: requests.Response) -> Outcome:
    status = response.status_code
    if 200 <= status < 300:
        return SENT
    if status in GONE:
        return Outcome("gone", str(status))
    wait = wait_of(response.headers.get("Retry-After"))
    if status == TOO_MANY:
        return Outcome("wait", str(status), wait)
    if status >= 500:
        return Outcome("wait", str(status), wait, whole_host=True)
    return Outcome("refused", str(status))
