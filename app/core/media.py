"""What clients send and get about media: these types validate, and the documents are made from them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.core.answers import AttachmentView
from app.core.commands import Id, Uuid

Variant = Literal["original", "thumbnail"]


class UploadForm(Struct, rename="camel", frozen=True):
    """``multipart/form-data``. ``conversationId`` may come before the file, after it, or in the query."""

    conversation_id: Id
    file: Annotated[str, Meta(extra_json_schema={"contentMediaType": "application/octet-stream"})]


class UploadQuery(Struct, rename="camel", frozen=True):
    """``conversationId`` here is known before the file has come: a stranger's upload is refused at once."""

    conversation_id: Id | None = None


class NewDirectUpload(Struct, rename="camel", frozen=True):
    filename: Annotated[str, Meta(max_length=1024)]
    content_type: Annotated[str, Meta(max_length=255)]
    bytes: Annotated[int, Meta(ge=1)]
    conversation_id: Id


class DirectUploadView(Struct, rename="camel", frozen=True):
    """POST ``fields`` as ``multipart/form-data`` to ``url``, the ``file`` last; then complete it. ``expiresAt``: unix
    seconds."""

    media_id: Uuid
    url: str
    fields: dict[str, str]
    expires_at: int


class VariantQuery(Struct, frozen=True):
    variant: Variant = "original"


class MediaAddress(Struct, rename="camel", frozen=True):
    """Needs no token, so that a page can show it; good until ``expiresAt`` (unix seconds)."""

    url: str
    expires_at: int


class MediaReady(AttachmentView, frozen=True, kw_only=True):
    """``thumbnailUrl`` wants the token, and leads to a signed address."""

    conversation_id: Id
    thumbnail_url: str | UnsetType = UNSET


class MediaFailed(AttachmentView, frozen=True, kw_only=True):
    """``code`` says why."""

    conversation_id: Id


class MediaProgress(Struct, rename="camel", frozen=True, kw_only=True):
    """How far it is. Kept nowhere. With the shape and colours of a picture, once they are known."""

    media_id: Uuid
    conversation_id: Id
    stage: Literal["processing", "storing"]
    width: int | UnsetType = UNSET
    height: int | UnsetType = UNSET
    blurhash: str | UnsetType = UNSET
