"""REST calls for media: uploads and download addresses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class MediaCalls:
    """Mixed into RestClient."""

    json: Callable[..., dict[str, Any]]

    def upload(
        self, conversation_id: int, data: bytes, filename: str = "photo.jpg", content_type: str = "image/jpeg"
    ) -> dict[str, Any]:
        """Uploads as a browser's form does, with the file first."""
        form = {"conversationId": str(conversation_id)}
        return self.json("POST", "/media", files={"file": (filename, data, content_type)}, data=form)

    def media_url(self, media_id: str, variant: str = "original") -> str:
        return str(self.json("GET", f"/media/{media_id}/url", params={"variant": variant})["url"])
