"""A push service that accepts everything after 50 ms: Web Push at any path, FCM HTTP v1, and its access tokens.

bench/push.py runs it in a separate process, so that its CPU does not count as the stack's. It prints its port;
``GET /count`` returns the number of notifications.
"""

from __future__ import annotations

import asyncio
import json
import sys

DELAY_SECONDS = 0.05


class Service:
    def __init__(self) -> None:
        self.received = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ", 2)[1]
                length = next(
                    (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
                )
                await reader.readexactly(length)
                writer.write(await self.answer(path))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, path: bytes) -> bytes:
        if path == b"/count":
            return respond(200, {"received": self.received})
        if path == b"/token":
            return respond(200, {"access_token": "bench", "expires_in": 3600, "token_type": "Bearer"})
        await asyncio.sleep(DELAY_SECONDS)
        self.received += 1
        return respond(200, {"name": f"projects/bench/messages/{self.received}"})


def respond(status: int, body: dict[str, object]) -> bytes:
    encoded = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {len(encoded)}\r\n\r\n"
    return head.encode() + encoded


async def main() -> None:
    server = await asyncio.start_server(Service().serve, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
