"""HTTP/1.1 responses for readers: a head, then a body with a length, in chunks, or without end."""

from __future__ import annotations

from bench.loop import BenchError, Connection, Loop


class StreamConnection(Connection):
    """Calls ``on_body(body, ended)`` as the body grows; ``on_body`` returns the part that it could not use yet."""

    __slots__ = ("awaiting", "body", "buffer", "chunked", "head_seen", "host", "must_close", "remaining")

    def __init__(self, loop: Loop, address: tuple[str, int]) -> None:
        super().__init__(loop, address)
        self.host = f"{address[0]}:{address[1]}"
        self.buffer = self.body = b""
        self.head_seen = self.awaiting = self.chunked = self.must_close = False
        self.remaining = -1  # bytes of the body still to come; -1 if unknown

    def request(self, path: str, headers: str) -> None:
        self.awaiting, self.head_seen, self.body = True, False, b""
        self.write(f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\n{headers}\r\n".encode())

    def on_head(self) -> None:
        """Called when a response with status 200 has started."""

    def on_body(self, body: bytes, ended: bool) -> bytes:
        raise NotImplementedError

    def on_data(self, data: bytes) -> None:
        self.buffer += data
        if not self.head_seen and not self._read_head():
            return
        self._read_body()

    def _read_head(self) -> bool:
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head, self.buffer = self.buffer[:end].decode("latin-1"), self.buffer[end + 4 :]
        status, *lines = head.split("\r\n")
        if " 200 " not in status + " ":
            raise BenchError(f"{status} {self.buffer[:300]!r}")
        parted = (line.partition(":") for line in lines)
        fields = {name.strip().lower(): value.strip() for name, _, value in parted}
        self.chunked = fields.get("transfer-encoding", "").lower() == "chunked"
        self.remaining = int(fields.get("content-length", -1))
        self.must_close = fields.get("connection", "").lower() == "close"
        self.head_seen = True
        self.on_head()
        return True

    def _read_body(self) -> None:
        ended = self._take_chunks() if self.chunked else self._take_plain()
        if ended:
            self.awaiting = False
        self.body = self.on_body(self.body, ended)

    def _take_plain(self) -> bool:
        self.body += self.buffer
        if self.remaining >= 0:
            self.remaining -= len(self.buffer)
        self.buffer = b""
        return self.remaining == 0

    def _take_chunks(self) -> bool:
        while (line := self.buffer.find(b"\r\n")) >= 0:
            size = int(self.buffer[:line].split(b";")[0], 16)
            end = line + 2 + size
            if len(self.buffer) < end + 2:
                return False
            self.body += self.buffer[line + 2 : end]
            self.buffer = self.buffer[end + 2 :]
            if size == 0:
                return True
        return False
