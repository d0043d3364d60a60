"""Posts to the servers of hosts through pools of kept connections, which are guarded as in guarded_connections.py.

It uses urllib3 directly, because requests needs more processor time per call.
"""

from __future__ import annotations

from typing import NamedTuple

from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError

from app.push.endpoint import ForbiddenEndpointError
from app.push.guarded_connections import ANSWER_BYTES, Connect, Deadlines, guarded_connections, use_connections

CONNECT_SECONDS = 5.0


class Answer(NamedTuple):
    """If there was no answer, ``status`` is 0 and ``reason`` says why. A ``body`` that is too long is cut one byte
    after the limit.
    """

    status: int
    reason: str = ""
    body: bytes = b""


class GuardedPools:
    """Threads may share it. A request takes at most ``seconds``, if ``deadlines.cut`` is called often enough."""

    def __init__(self, connect: Connect, *, seconds: float, connections: int) -> None:
        self.deadlines = Deadlines()
        self._seconds = seconds
        self._timeout = Timeout(total=seconds, connect=min(CONNECT_SECONDS, seconds))
        self._pools = PoolManager(num_pools=100, maxsize=connections, block=False, retries=False)
        use_connections(self._pools, guarded_connections(self.deadlines, connect))

    def post(self, url: str, body: bytes, headers: dict[str, str], *, answer_bytes: int = ANSWER_BYTES) -> Answer:
        """Never raises. Follows no redirect."""
        self.deadlines.begin(self._seconds)
        try:
            response = self._pools.urlopen(
                "POST",
                url,
                redirect=False,
                body=body,
                headers=headers,
                timeout=self._timeout,
                preload_content=False,
                decode_content=False,
            )
            return Answer(response.status, "", _read(response, answer_bytes))
        except ForbiddenEndpointError as error:
            return Answer(0, f"endpoint: {error}")
        except (HTTPError, OSError, ValueError) as error:
            return Answer(0, type(error).__name__)
        finally:
            self.deadlines.end()

    def close(self) -> None:
        self._pools.clear()


def _read(response: BaseHTTPResponse, limit: int) -> bytes:
    """Returns the answer's body. If it is longer than ``limit``, returns one byte more and closes the connection."""
    body: bytes = response.read(limit + 1)
    if len(body) > limit:
        response.close()
    else:
        response.read(1)  # reaches the end of the body, so that the connection can return to the pool
        response.release_conn()
    return body
