"""Calls the hook before sending: by HTTP, or as a function of an installed package."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import socket
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import msgspec

from app.config import ConfigError, Settings
from app.core.webhook_signature import SECRET_BYTES, key_of, secret_of, signed_headers
from app.plugins import loaded
from app.push.guarded_pools import GuardedPools
from app.services.messaging.before_send import CALLS_AT_ONCE, Call

GROUP = "parley.before_send"
MAX_ANSWER_BYTES = 4 * 1024 * 1024
CUT_AFTER_SECONDS = 0.05  # after the time limit, so that the request is overdue by then
_DERIVED_FOR = b"parley: the secret of the hook before sending"
# Runs a function in a real thread and waits for its result, at most for these seconds. Raises TimeoutError.
RunInThread = Callable[[Call, list[dict[str, Any]], float], Any]
Seconds = Callable[[], int]  # returns the time that is signed, in seconds since 1970


def before_send_call(settings: Settings, run_in_thread: RunInThread, now: Seconds) -> Call | None:
    """Returns the configured hook, or None. Raises ConfigError if there are several, or one that cannot be loaded."""
    found = list(entry_points(group=GROUP))
    if len(found) > 1:
        raise ConfigError(f"{GROUP}: several packages define it ({', '.join(one.value for one in found)}).")
    if found and settings.before_send_url:
        raise ConfigError(f"BEFORE_SEND_URL is set, and {found[0].value} is installed for {GROUP}; keep one of them.")
    if settings.before_send_url:
        return HttpHook(settings.before_send_url, before_send_secret(settings), settings.before_send_timeout, now)
    if not found:
        return None
    function = loaded(found[0])
    if not callable(function):
        raise ConfigError(f"{GROUP}: {found[0].value} is not a function.")
    return lambda messages: run_in_thread(function, messages, settings.before_send_timeout)


def before_send_secret(settings: Settings) -> str:
    """Returns the configured secret, or else one derived from the first secret key."""
    if settings.before_send_secret:
        return settings.before_send_secret
    return secret_of(hmac.digest(settings.keys[0].encode(), _DERIVED_FOR, hashlib.sha256)[:SECRET_BYTES])


class HookFailedError(Exception):
    """The hook gave no answer."""


class HttpHook:
    """Posts the messages with the signature of webhooks. Any address is allowed, because the operator chose it."""

    def __init__(self, url: str, secret: str, seconds: float, now: Seconds) -> None:
        self._url = url
        self._key = key_of(secret)
        self._seconds = seconds
        self._now = now
        self._pools = GuardedPools(_connect, seconds=seconds, connections=CALLS_AT_ONCE)

    def __call__(self, messages: list[dict[str, Any]]) -> Any:
        body = msgspec.json.encode({"messages": messages})
        headers = signed_headers(self._key, f"hook_{secrets.token_hex(12)}", self._now(), body)
        with self._pools.deadlines.cut_after(self._seconds + CUT_AFTER_SECONDS):
            answer = self._pools.post(self._url, body, headers, answer_bytes=MAX_ANSWER_BYTES)
        if answer.status != 200:
            raise HookFailedError(answer.reason or f"status {answer.status}")
        return msgspec.json.decode(answer.body)


def _connect(host: str, port: int, timeout: float | None) -> socket.socket:
    return socket.create_connection((host, port), timeout)
