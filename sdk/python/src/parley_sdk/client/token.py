"""Access tokens of the user: from the application, whenever one is needed."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import time
from collections.abc import Awaitable, Callable

SHORTEST_DELAY = 1.0
TokenSource = str | Callable[[], str] | Callable[[], Awaitable[str]]


async def fetch_token(source: TokenSource) -> str:
    """Returns a token. A function that is not asynchronous runs in a thread, because it may call a server."""
    if isinstance(source, str):
        return source
    if inspect.iscoroutinefunction(source):
        made = await source()
    else:
        made = await asyncio.to_thread(source)
        if inspect.isawaitable(made):
            made = await made
    return str(made)


def renewal_delay(token: str) -> float | None:
    """Returns in how many seconds the next token is due, or None if this token has no readable end. That is a minute
    before its end, or after half of a short lifetime. It is never at once, because the next token may be the same one.
    """
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        left = float(claims["exp"]) - time.time()
    except (IndexError, KeyError, TypeError, ValueError):
        return None
    return max(SHORTEST_DELAY, left - 60.0, left / 2)
