"""A user who shares pictures in the tests of media, and the row of a medium in Postgres."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, text

from tests.support.clients import Account, RestClient, WsClient, register
from tests.support.media_files import image_bytes
from tests.support.processes import Stack

LONG = 60.0

Do = Callable[..., None]
Until = Callable[[Callable[[], Any], str], Any]


class Person:
    """A user with a client of each kind, and a group of their own."""

    def __init__(self, server: Stack) -> None:
        self.account: Account = register(server.base_url)
        self.rest = RestClient(server.base_url, self.account.access_token)
        self.group = int(self.rest.group()["id"])
        self.session = WsClient(server.base_url, self.account).join()

    def share(self, data: bytes | None = None) -> tuple[str, str]:
        """Sends a medium while it is being processed and returns (mediaId, message id)."""
        media_id = self.rest.upload(self.group, image_bytes() if data is None else data)["mediaId"]
        ack = self.rest.send(conversation_id=self.group, message="look", attachments=[{"mediaId": media_id}])
        return media_id, ack["id"]

    def status(self, message_id: str) -> str:
        [message] = [m for m in self.rest.history(self.group)["messages"] if m["id"] == message_id]
        return str(message["attachments"][0]["status"])

    def begin_direct(self, size: int, content_type: str = "image/jpeg") -> dict[str, Any]:
        body = {"filename": "a.jpg", "contentType": content_type, "bytes": size, "conversationId": self.group}
        return self.rest.json("POST", "/media/direct", json=body)

    def close(self) -> None:
        self.session.finish()
        self.rest.close()


def row_of(engine: Engine, media_id: str) -> Any:
    with engine.connect() as conn:
        return conn.execute(text("SELECT * FROM media WHERE id = :i"), {"i": media_id}).one_or_none()
