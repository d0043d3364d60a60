"""Files for the browser tests: pictures, and what a file chooser gives the page."""

from __future__ import annotations

import struct
import zlib
from typing import Any

from dev.processes import wait_until
from tests.e2e.page.people import Somebody
from tests.e2e.page.window import PROCESSED_MS


def png(width: int, height: int) -> bytes:
    """Returns a PNG with a gradient."""
    rows = b"".join(b"\0" + b"".join(bytes((x % 256, y % 256, 128)) for x in range(width)) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def picked(name: str, kind: str, data: bytes) -> Any:
    """Returns a file for ``set_input_files``."""
    return {"name": name, "mimeType": kind, "buffer": data}


def send_pictures(sender: Somebody, conversation: int, *captions: str) -> None:
    """Sends a message with a picture for each caption, and waits until the server has prepared all pictures."""
    media = [sender.upload(conversation, f"{n}.png", png(60 + n, 40)) for n, _ in enumerate(captions)]
    for caption, medium in zip(captions, media, strict=True):
        sender.say(conversation, caption, attachments=[medium])

    def ready() -> bool:
        return all(a["status"] == "ready" for m in sender.history(conversation) for a in m.get("attachments", []))

    wait_until(ready, PROCESSED_MS / 1000, "the pictures")
