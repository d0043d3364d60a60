"""Submits many sends, each when the previous one is on its way, and waits for all of their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gevent import Timeout
from gevent.event import AsyncResult, Event

from app.core.errors import ParleyError

Outcome = Callable[[Any, ParleyError | None], None]
# Begins a send with (outcome, submitted). Returns False if the send is not on its way yet; ``submitted`` is then called
# later.
Begin = Callable[[Outcome, Callable[[], None]], bool]


def submit_in_order(begins: Sequence[Begin], seconds: float) -> list[Any]:
    """Returns the result of each send, or its error, or None if it has none ``seconds`` after the last one began."""
    results = [_begin(begin) for begin in begins]
    with Timeout(seconds, False):
        for result in results:
            result.wait()
    return [result.value if result.ready() else None for result in results]


def _begin(begin: Begin) -> AsyncResult:
    result, on_its_way = AsyncResult(), Event()

    def outcome(value: Any, error: ParleyError | None) -> None:
        result.set(value if error is None else error)

    if not begin(outcome, on_its_way.set):
        on_its_way.wait()
    return result
