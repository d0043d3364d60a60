"""An HTTP session for calling endpoints that strangers provide.

It connects only to checked addresses, follows no redirects, ignores proxy settings of the environment, and limits the
size and duration of a response.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from app.push.endpoint import connect_checked
from app.push.guarded_connections import ANSWER_BYTES, Deadlines, guarded_connections, use_connections


class _Adapter(HTTPAdapter):
    """``connections`` is the number of idle connections kept per host."""

    def __init__(self, deadlines: Deadlines, *, loopback: bool, connections: int) -> None:
        self._classes = guarded_connections(deadlines, partial(connect_checked, loopback=loopback))
        super().__init__(pool_connections=20, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        use_connections(self.poolmanager, self._classes)


class GuardedSession(requests.Session):
    """Threads may share a session. ``verify`` may name a file of certificates to trust instead of the usual ones."""

    def __init__(
        self,
        *,
        loopback: bool,
        connections: int,
        seconds: float,
        verify: str | bool = True,
        answer_bytes: int = ANSWER_BYTES,
    ) -> None:
        super().__init__()
        self.deadlines = Deadlines()
        self.trust_env = False
        self.verify = verify
        self._seconds = seconds
        self._answer_bytes = answer_bytes
        adapter = _Adapter(self.deadlines, loopback=loopback, connections=connections)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def get_redirect_target(self, _resp: requests.Response) -> None:
        """Returns no target. Otherwise, requests would prepare the next request of a redirect that it does not follow:
        it would read the whole body, without a limit, and raise ValueError for some addresses.
        """

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        self.deadlines.begin(self._seconds)
        try:
            response = super().request(*args, **{**kwargs, "allow_redirects": False, "stream": True})
            return _bounded(response, self._answer_bytes)
        finally:
            self.deadlines.end()


def _bounded(response: requests.Response, limit: int) -> requests.Response:
    """Returns the response with at most ``limit`` bytes of its body.

    The connection is kept for the next request only if that was the whole body.
    """
    body = response.raw.read(limit + 1, decode_content=False)
    response._content = body[:limit]
    if len(body) > limit:
        response.raw.close()
    else:
        response.raw.read(1)  # reaches the end of the body, so that the connection can return to the pool
        response.raw.release_conn()
    response.encoding = "latin-1"
    return response
