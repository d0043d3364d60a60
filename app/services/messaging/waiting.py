"""Outcomes that come by callback, for callers that can wait (REST requests)."""

from __future__ import annotations

from collections.abc import Callable

from gevent import Timeout
from gevent.event import AsyncResult

from app.core.errors import ParleyError
from app.services.messaging.message_path import Answer


def wait_for_result(
    begin: Callable[[Callable[[Answer | None, ParleyError | None], None]], object], seconds: float
) -> Answer | None:
    """Begin something and wait for its outcome; None where it did not come within ``seconds`` (it may still). Raise its
    error."""
    result = AsyncResult()

    def outcome(answer: Answer | None, error: ParleyError | None) -> None:
        if error is not None:
            result.set_exception(error)
        else:
            result.set(answer)

    begin(outcome)
    try:
        return result.get(timeout=seconds)  # type: ignore[no-any-return]
    except Timeout:
        return None
