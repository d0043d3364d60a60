"""A proxy between browser and server that can be open, closed, or closed to some requests."""

from __future__ import annotations

from tests.support.tcp_proxy import TcpProxy

WEBSOCKET = b"GET /ws"
EVENT_STREAM = b"GET /api/v1/events HTTP"
EVERYTHING = b""


class Gate(TcpProxy):
    """Resets connections whose requests begin with an entry of ``blocked``. A browser sends a request in one piece."""

    def __init__(self, target_port: int) -> None:
        self.blocked: tuple[bytes, ...] = ()
        super().__init__(target_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def shut(self, *requests: bytes) -> None:
        """Blocks these requests from now on, and cuts open connections."""
        self.blocked = requests
        self.cut()

    def open(self) -> None:
        self.blocked = ()

    def _is_marked(self, chunk: bytes) -> bool:
        if any(chunk.startswith(beginning) for beginning in self.blocked):
            raise ConnectionResetError
        return super()._is_marked(chunk)
