"""Results that arrive by callback, for greenlets that may block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gevent import Timeout
from gevent.event import AsyncResult

from app.core.errors import Overloaded, ParleyError
from app.message_log.confirmations import ConfirmationsOf
from app.services.messaging.user_rates import UserRate


def wait_for_result(begin: Callable[[Callable[[Any, ParleyError | None], None]], object], seconds: float) -> Any:
    """Calls ``begin`` with a callback and waits for the result. Returns None if it does not come within ``seconds`` (it
    may still come later). Raises the error that the callback gets.
    """
    result = AsyncResult()

    def outcome(value: Any, error: ParleyError | None) -> None:
        if error is not None:
            result.set_exception(error)
        else:
            result.set(value)

    begin(outcome)
    try:
        return result.get(timeout=seconds)
    except Timeout:
        return None


def wait_until_done(begin: Callable[[Callable[[ParleyError | None], None]], object], seconds: float) -> None:
    """Calls ``begin`` with a callback and waits until it is called. Raises the error that the callback gets, and
    Overloaded after ``seconds``.
    """
    if wait_for_result(lambda outcome: begin(lambda error: outcome(True, error)), seconds) is None:
        raise Overloaded


def stored_waiter(confirmations: ConfirmationsOf, seconds: float) -> Callable[[int, int], bool]:
    """Returns a function that waits until a conversation's version is stored, and returns False after ``seconds``."""

    def wait_until_stored(conversation_id: int, version: int) -> bool:
        def expect(outcome: Callable[[Any, ParleyError | None], None]) -> None:
            confirmations.of(conversation_id).expect(version, lambda error: outcome(True, error))

        return wait_for_result(expect, seconds) is not None

    return wait_until_stored


def blocking_acquire(rate: UserRate) -> Callable[[int], None]:
    """Returns a function that counts one act of a user, and blocks until it is counted. It raises RateLimited."""

    def acquire(user_id: int) -> None:
        if not rate.try_acquire(user_id):
            granted = AsyncResult()
            rate.on_granted(user_id, lambda error: granted.set_exception(error) if error else granted.set())
            granted.get()

    return acquire
