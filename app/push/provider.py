"""The port to a push service. Every provider passes tests/push_providers/test_contract.py.

A provider never raises: failures are outcomes. It sends when it is called, keeps nothing, and spends at most
``TIMEOUT_SECONDS`` on one address.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

from app.core.push_notice import Clear, Notice

TIMEOUT_SECONDS = 10.0
RETRY_SECONDS = 10.0  # the pause before the next try if the service names none


class Address(NamedTuple):
    """The destination of a notification: an endpoint with its keys, or a token."""

    user_id: int
    target_id: int
    platform: str
    host: str
    address: str
    p256dh: str | None = None
    auth: str | None = None


class Outgoing(NamedTuple):
    """``ttl_seconds``: how long the service may keep it."""

    to: Address
    payload: Notice | Clear
    ttl_seconds: int


class Outcome(NamedTuple):
    """``gone``: the address no longer exists. ``refused``: the service will never take this notification. ``retry``:
    try again after ``seconds``; with ``whole_host``, send nothing to that host before.
    """

    result: Literal["sent", "gone", "refused", "retry"]
    reason: str = ""
    seconds: float = 0.0
    whole_host: bool = False


SENT = Outcome("sent")


class Provider(Protocol):
    def send(self, batch: list[Outgoing]) -> list[Outcome]:
        """Returns one outcome per notification, in the same order. Never raises."""
        ...

    def cut_overdue(self) -> None:
        """Aborts requests that take longer than ``TIMEOUT_SECONDS`` in total. Called about once a second, from another
        thread than ``send``."""
        ...

    def close(self) -> None:
        """Closes connections."""
        ...


def retry_seconds(retry_after: str | None, default: float = RETRY_SECONDS) -> float:
    """Returns the seconds of a Retry-After header, between one and an hour.

    Returns the default for a date or a malformed value.
    """
    try:
        seconds = float(retry_after) if retry_after is not None else default
    except ValueError:
        seconds = default
    return min(max(seconds, 1.0), 3600.0) if seconds == seconds else default  # noqa: PLR0124 - not a NaN
