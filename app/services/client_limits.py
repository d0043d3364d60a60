"""The limits that clients read from the server instead of repeating them."""

from __future__ import annotations

import msgspec

from app.config import Settings
from app.core.accounts import MAX_DISPLAY_NAME
from app.core.answers import Limits
from app.core.commands import MAX_ATTACHMENTS, MAX_FRAME_BYTES
from app.core.groups import MAX_GROUP_DESCRIPTION, MAX_GROUP_NAME
from app.core.reports import MAX_REPORT_NOTE


def client_limits(settings: Settings, *, media: bool) -> Limits:
    """Returns the deployment's limits, as ``GET /api/v1/limits`` and ``joined`` send them. ``media`` says whether there
    is a storage for files.
    """
    return Limits(
        max_text=settings.max_text,
        edit_seconds=settings.edit_seconds,
        max_group_members=settings.max_group_members,
        max_group_name=MAX_GROUP_NAME,
        max_group_description=MAX_GROUP_DESCRIPTION,
        max_display_name=MAX_DISPLAY_NAME,
        max_report_note=MAX_REPORT_NOTE,
        max_attachments=MAX_ATTACHMENTS,
        max_image_bytes=settings.max_image_bytes,
        max_audio_bytes=settings.max_audio_bytes,
        max_video_bytes=settings.max_video_bytes,
        max_file_bytes=settings.max_file_bytes,
        max_frame_bytes=MAX_FRAME_BYTES,
        media=media,
        email=bool(settings.mail_url),
    )


def encoded_limits(settings: Settings, *, media: bool) -> msgspec.Raw:
    """Returns the same as JSON. Settings do not change, so a process encodes them once and not at every join."""
    return msgspec.Raw(msgspec.json.encode(client_limits(settings, media=media)))
