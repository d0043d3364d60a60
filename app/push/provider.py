"""The port to a push service. What implements it passes tests/contract_push_providers.

A provider never raises: what went wrong is an outcome. It sends no sooner and no later than it is asked to, keeps
nothing, and takes no longer than ``TIMEOUT_SECONDS`` for one address.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

from app.core.push_notice import Clear, Notice

TIMEOUT_SECONDS = 10.0
FAILED_WAIT_SECONDS = 10.0  # before another try, where the service does not say


class Address(NamedTuple):
    """Where a notification goes: an endpoint with its keys, or a token."""

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
    """``sent``; ``gone``: the address is no more; ``refused``: it will not be taken, ever; ``wait``: try again after
    ``seconds``, and where ``whole_host`` with nobody at that host before.
    """

    what: Literal["sent", "gone", "refused", "wait"]
    reason: str = ""
    seconds: float = 0.0
    whole_host: bool = False


SENT = Outcome("sent")


class Provider(Protocol):
    def send(self, batch: list[Outgoing]) -> list[Outcome]:
        """One outcome each, in their order. Never raises."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


def wait_of(retry_after: str | None, default: float = FAILED_WAIT_SECONDS) -> float:
    """Seconds of a Retry-After header, between one and an hour; a date, or nonsense, counts as the default."""
    try:
        seconds = float(retry_after) if retry_after is not None else default
    except ValueError:
        seconds = default
    return min(max(seconds, 1.0), 3600.0) if seconds == seconds else default  # noqa: PLR0124 - not a NaN
