"""The REST operations of media."""

from __future__ import annotations

from app.api.documents.operation import LIMITED, MEDIA, MISSING, TAKEN, Answered, Operation
from app.core import errors
from app.core.answers import AttachmentView
from app.core.media import (
    DirectUploadView,
    MediaAddress,
    NewDirectUpload,
    UploadForm,
    UploadQuery,
    VariantQuery,
)

OFF = errors.MediaOff

MEDIA_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST",
        "/api/v1/media",
        "uploadMedia",
        "Upload a file into a conversation; messages may name it at once",
        MEDIA,
        {202: Answered("Received; media_ready or media_failed follows", AttachmentView)},
        body=UploadForm,
        body_type="multipart/form-data",
        query=UploadQuery,
        errors=(MISSING, LIMITED, OFF),
    ),
    Operation(
        "POST",
        "/api/v1/media/direct",
        "beginDirectUpload",
        "Signed fields to bring a large file straight to the storage",
        MEDIA,
        {201: Answered("Good once, for ten minutes", DirectUploadView)},
        body=NewDirectUpload,
        errors=(MISSING, LIMITED, OFF),
    ),
    Operation(
        "POST",
        "/api/v1/media/{mediaId}/complete",
        "completeDirectUpload",
        "Have a direct upload verified; from then on messages may name it",
        MEDIA,
        {202: Answered("It is there, as it was said to be", AttachmentView)},
        errors=(MISSING, TAKEN, errors.Invalid, LIMITED, OFF),
    ),
    Operation(
        "GET",
        "/api/v1/media/{mediaId}",
        "readMedia",
        "To the bytes, for whoever sees a message that names it",
        MEDIA,
        {302: Answered("A signed address that ends")},
        query=VariantQuery,
        errors=(MISSING, TAKEN, OFF),
    ),
    Operation(
        "GET",
        "/api/v1/media/{mediaId}/url",
        "addressOfMedia",
        "The same address as an answer: a page's <img> can send no token",
        MEDIA,
        {200: Answered("A signed address that ends", MediaAddress)},
        query=VariantQuery,
        errors=(MISSING, TAKEN, OFF),
    ),
)
