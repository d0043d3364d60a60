"""The REST operations for media."""

from __future__ import annotations

from app.api.operation import LIMITED, MEDIA, MISSING, TAKEN, Answered, Operation
from app.core import errors
from app.core.media import (
    DirectUploadView,
    MediaAddress,
    NewDirectUpload,
    UploadForm,
    UploadQuery,
    VariantQuery,
)
from app.core.message_answers import AttachmentView

OFF, FULL = errors.MediaOff, errors.QuotaExceeded

MEDIA_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST",
        "/api/v1/media",
        "uploadMedia",
        "Upload a file for a conversation. Messages may attach it immediately",
        MEDIA,
        {202: Answered("Received. A `media_ready` or `media_failed` event follows", AttachmentView)},
        body=UploadForm,
        body_type="multipart/form-data",
        query=UploadQuery,
        errors=(MISSING, LIMITED, FULL, OFF),
    ),
    Operation(
        "POST",
        "/api/v1/media/direct",
        "beginDirectUpload",
        "Get signed fields to upload a large file directly to the storage",
        MEDIA,
        {201: Answered("The fields are valid once, for ten minutes", DirectUploadView)},
        body=NewDirectUpload,
        errors=(MISSING, LIMITED, FULL, OFF),
    ),
    Operation(
        "POST",
        "/api/v1/media/{mediaId}/complete",
        "completeDirectUpload",
        "Verify a direct upload. Afterwards, messages may attach it",
        MEDIA,
        {202: Answered("The upload matches what was announced", AttachmentView)},
        errors=(MISSING, TAKEN, errors.Invalid, LIMITED, OFF),
    ),
    Operation(
        "GET",
        "/api/v1/media/{mediaId}",
        "readMedia",
        "Redirect to the file. Only for users who can see a message that attaches it",
        MEDIA,
        {302: Answered("A signed address that expires")},
        query=VariantQuery,
        errors=(MISSING, TAKEN, OFF),
    ),
    Operation(
        "GET",
        "/api/v1/media/{mediaId}/url",
        "addressOfMedia",
        "Return the same address as JSON, because an `<img>` cannot send a token",
        MEDIA,
        {200: Answered("A signed address that expires", MediaAddress)},
        query=VariantQuery,
        errors=(MISSING, TAKEN, OFF),
    ),
)
