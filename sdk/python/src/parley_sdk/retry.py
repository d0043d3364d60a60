"""Decides when a request is sent again. Both clients follow the steps of ``attempts``; they only send and wait."""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx

from parley_sdk.calls import Request
from parley_sdk.errors import APIError, ConnectionFailed, Overloaded, ParleyError, RateLimited, response_error

# These failures happen before anything was sent.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True)
class Retry:
    """At most ``attempts`` in all, with pauses that double from ``first_pause`` up to ``longest_pause`` seconds.

    If the server names a longer pause, the client waits that long. If that is longer than ``longest_pause``, it raises
    the error at once.
    """

    attempts: int = 4
    first_pause: float = 0.2
    longest_pause: float = 30.0

    def pause(self, request: Request, error: ParleyError, attempt: int) -> float | None:
        """Returns how long to wait after a failed attempt (1, 2, …), or None to give up."""
        if attempt >= self.attempts or not _may_repeat(request, error):
            return None
        told = error.retry_after if isinstance(error, APIError) else None
        if told is not None and told > self.longest_pause:
            return None
        return max(told or 0.0, self.backoff(attempt))

    def backoff(self, attempt: int) -> float:
        """Returns the pause after a failed attempt (1, 2, …), with jitter."""
        doublings = min(attempt - 1, 30)
        return min(self.longest_pause, self.first_pause * float(2**doublings)) * random.uniform(0.5, 1.0)


@dataclass(frozen=True)
class Pause:
    """A step of ``attempts``: wait."""

    seconds: float


Outcome = httpx.Response | httpx.RequestError | None
Steps = Generator[Request | Pause, Outcome, Any]


def attempts(request: Request, retry: Retry) -> Steps:
    """Yields what to do next and gets its outcome. Returns the answer's JSON, or None if it has no content.

    Raises APIError or ConnectionFailed.
    """
    for attempt in count(1):
        outcome = yield request
        if isinstance(outcome, httpx.Response) and outcome.is_success:
            return _content(outcome)
        error = _error(outcome)
        pause = retry.pause(request, error, attempt)
        if pause is None:
            raise error from (outcome if isinstance(outcome, Exception) else None)
        yield Pause(pause)
    raise AssertionError("unreachable")


def _content(response: httpx.Response) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError:
        problem = {"code": "internal", "detail": "The answer is not JSON: is this the address of Parley?"}
        raise APIError(response.status_code, problem) from None


def _error(outcome: Outcome) -> ParleyError:
    if isinstance(outcome, httpx.Response):
        return response_error(outcome)
    return ConnectionFailed(f"{type(outcome).__name__}: {outcome}", sent=not isinstance(outcome, _NOT_SENT))


def _may_repeat(request: Request, error: ParleyError) -> bool:
    """Returns whether a second attempt may help and does no harm."""
    if isinstance(error, ConnectionFailed):
        return request.repeatable or not error.sent
    if isinstance(error, RateLimited):
        return True  # nothing was carried out
    return isinstance(error, Overloaded) and request.repeatable
