"""Requests and answers about media. These types validate, and OpenAPI and AsyncAPI are generated from them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.core.commands import Id, Uuid
from app.core.message_answers import AttachmentView

Variant = Literal["original", "thumbnail"]


class UploadForm(Struct, rename="camel", frozen=True):
    """``multipart/form-data``. ``conversationId`` may come before the file, after it, or in the query."""

    conversation_id: Id
    file: Annotated[str, Meta(extra_json_schema={"contentMediaType": "application/octet-stream"})]


class UploadQuery(Struct, rename="camel", frozen=True):
    """With ``conversationId`` here, a non-member's upload is refused before the file is read."""

    conversation_id: Id | None = None


class NewDirectUpload(Struct, rename="camel", frozen=True):
    filename: Annotated[str, Meta(max_length=1024)]
    content_type: Annotated[str, Meta(max_length=255)]
    bytes: Annotated[int, Meta(ge=1)]
    conversation_id: Id


class DirectUploadView(Struct, rename="camel", frozen=True):
    """POST ``fields`` as ``multipart/form-data`` to ``url``, with ``file`` last, then complete the upload.

    ``expiresAt`` is in unix seconds.
    """

    media_id: Uuid
    url: str
    fields: dict[str, str]
    expires_at: int


class VariantQuery(Struct, frozen=True):
    variant: Variant = "original"


class MediaAddress(Struct, rename="camel", frozen=True):
    """The URL needs no token, so that a page can show it. It is valid until ``expiresAt`` (unix seconds)."""

    url: str
    expires_at: int


class MediaReady(AttachmentView, frozen=True, kw_only=True):
    """``thumbnailUrl`` requires the token, and redirects to a signed URL."""

    conversation_id: Id
    thumbnail_url: str | UnsetType = UNSET


class MediaFailed(AttachmentView, frozen=True, kw_only=True):
    """``code`` gives the reason."""

    conversation_id: Id


class MediaProgress(Struct, rename="camel", frozen=True, kw_only=True):
    """The progress of processing; it is not stored. The size and colours of a picture are set once they are known."""

    media_id: Uuid
    conversation_id: Id
    stage: Literal["processing", "storing"]
    width: int | UnsetType = UNSET
    height: int | UnsetType = UNSET
    blurhash: str | UnsetType = UNSET
