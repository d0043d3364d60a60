"""Returns the kind of a file. Its first bytes decide, not its name or the type that the client claims.

Clients show images, play audio and video, and offer everything else as a download (``file``). A file counts as image,
audio or video only if it follows one of the formats in signatures.py. Other formats (TIFF, AVI, MIDI …), SVG and HTML
are of kind ``file``.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from app.media.signatures import signature

Kind = Literal["image", "audio", "video", "file"]

UNKNOWN = "application/octet-stream"
_GENERIC = {"", UNKNOWN, "binary/octet-stream", "application/x-www-form-urlencoded"}
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}", re.ASCII)
# Phones send these. Workers convert them, because few browsers show them and their metadata cannot be cut out.
CONVERTED = {"image/avif", "image/heic"}
_MEDIA = {
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/webp",
    *CONVERTED,
    "audio/aac",
    "audio/amr",
    "audio/flac",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/wav",
    "audio/webm",
    "video/mp4",
    "video/quicktime",
    "video/webm",
}
# Containers that may have a video track or only sound.
_SOUND_ONLY = {"video/webm": "audio/webm", "video/mp4": "audio/mp4"}
_ALIASES = {
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/mp3": "audio/mpeg",
    "audio/x-m4a": "audio/mp4",
    "audio/x-flac": "audio/flac",
    "image/jpg": "image/jpeg",
    "video/x-matroska": "video/webm",
    "video/ogg": "audio/ogg",
    "image/heif": "image/heic",
}


class Sniffed(NamedTuple):
    content_type: str
    kind: Kind


def sniff(head: bytes, claimed: str) -> Sniffed:
    """Returns the type and kind of a file from its first bytes.

    ``claimed`` is the client's Content-Type; it may be empty. It only decides between sound and video of the same
    container, and is the type of a file that is not shown.
    """
    claim, found = _normal(claimed), signature(head)
    if found is None or kind_of(found) == "file":
        return _plain(claim, found)
    if kind_of(claim) == "audio" and found in _SOUND_ONLY:
        return Sniffed(_SOUND_ONLY[found], "audio")
    return Sniffed(found, kind_of(found))


def _plain(claim: str, found: str | None) -> Sniffed:
    """Word and Android packages are zip archives, so the claim says more than the bytes. A file that is not shown never
    has the type of an image, sound or video: the bytes do not prove it.
    """
    believed = claim not in _GENERIC and claim.partition("/")[0] not in ("audio", "video", "font", "model")
    if believed and (not claim.startswith("image/") or claim == "image/svg+xml"):
        return Sniffed(claim, "file")
    return Sniffed(found or UNKNOWN, "file")


def announced(claimed: str) -> Sniffed:
    """Returns the type and kind of a file, provided that its bytes match this Content-Type."""
    claim = _normal(claimed)
    return Sniffed(claim, kind_of(claim)) if claim in _MEDIA else _plain(claim, None)


def kind_of(content_type: str) -> Kind:
    """Returns the kind of a normalised content type."""
    return content_type.partition("/")[0] if content_type in _MEDIA else "file"  # type: ignore[return-value]


def _normal(claimed: str) -> str:
    bare = claimed.partition(";")[0].strip().lower()
    return _ALIASES.get(bare, bare) if _TYPE.fullmatch(bare) else ""
