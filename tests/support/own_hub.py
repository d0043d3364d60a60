"""Runs a test in a thread of its own, and so in a gevent hub of its own.

gevent has one hub per thread, and the main thread's hub still holds greenlets of other tests in this process.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import ParamSpec

P = ParamSpec("P")


def in_own_hub(test: Callable[P, None]) -> Callable[P, None]:
    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(test, *args, **kwargs).result()

    return run
