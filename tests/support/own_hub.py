"""Runs a test in a thread of its own, and so in a gevent hub of its own, which ends with the test.

gevent has one hub per thread, and the main thread's hub still holds greenlets of other tests in this process.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import ParamSpec

from gevent import get_hub

P = ParamSpec("P")


def in_own_hub(test: Callable[P, None]) -> Callable[P, None]:
    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        def act() -> None:
            try:
                test(*args, **kwargs)
            finally:
                get_hub().destroy(destroy_loop=True)

        with ThreadPoolExecutor(1) as pool:
            pool.submit(act).result()

    return run
