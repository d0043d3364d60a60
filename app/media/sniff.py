"""Detects the type of a file from its first bytes and checks it against the type that the client claims.

Clients show images, play audio and video, and download everything else (``file``). Only types with a signature below
count as image, audio or video. SVG and HTML are of kind ``file``.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from app.core.errors import UnsupportedMedia

Kind = Literal["image", "audio", "video", "file"]

# The checks get this many first bytes. Signatures are short, but in a photo the size comes after the colour profile.
HEAD_BYTES = 256 * 1024
UNKNOWN = "application/octet-stream"
_GENERIC = {"", UNKNOWN, "binary/octet-stream", "application/x-www-form-urlencoded"}
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}", re.ASCII)


class Sniffed(NamedTuple):
    content_type: str
    kind: Kind


_SIGNATURES: tuple[tuple[bytes, int, str], ...] = (
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"GIF87a", 0, "image/gif"),
    (b"GIF89a", 0, "image/gif"),
    (b"WEBP", 8, "image/webp"),
    (b"WAVE", 8, "audio/wav"),
    (b"ID3", 0, "audio/mpeg"),
    (b"fLaC", 0, "audio/flac"),
    (b"OggS", 0, "audio/ogg"),
    (b"\x1aE\xdf\xa3", 0, "video/webm"),
    (b"#!AMR", 0, "audio/amr"),
    (b"%PDF-", 0, "application/pdf"),
    (b"PK\x03\x04", 0, "application/zip"),
)
_RIFF = {"image/webp", "audio/wav"}
# ISO base media files name their type in the brand. Phones record these; pictures in this container are in REFUSED.
_BRANDS = {
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "image/heic"),
}
# Removing the position from these would mean re-encoding them. Phones convert them if a page accepts only JPEG.
REFUSED = {"image/avif", "image/heic"}
# Containers that may have a video track or only sound.
_SOUND_ONLY = {"video/webm": "audio/webm", "video/mp4": "audio/mp4", "audio/ogg": "audio/ogg"}
_ALIASES = {
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/mp3": "audio/mpeg",
    "audio/x-m4a": "audio/mp4",
    "audio/aac": "audio/aac",
    "audio/x-flac": "audio/flac",
    "image/jpg": "image/jpeg",
    "video/x-matroska": "video/webm",
    "video/ogg": "audio/ogg",
    "image/heif": "image/heic",
}


def sniff(head: bytes, claimed: str) -> Sniffed:
    """Returns the type and kind of a file. ``claimed`` is the client's Content-Type; it may be empty.

    Raises UnsupportedMedia if the bytes are of another kind than claimed, or of a type that is not accepted.
    """
    claim = _normal(claimed)
    found = _signature(head)
    if found in REFUSED:
        raise UnsupportedMedia(f"{found} is not accepted: send it as image/jpeg.")
    if found is None:
        if kind_of(claim) != "file":
            raise UnsupportedMedia(f"The bytes are not {claim}.")
        return Sniffed(UNKNOWN if claim in _GENERIC else claim, "file")
    return _agreed(found, claim)


def _agreed(found: str, claim: str) -> Sniffed:
    if claim in _GENERIC:
        return Sniffed(found, kind_of(found))
    if kind_of(claim) == "audio" and found in _SOUND_ONLY:
        return Sniffed(_SOUND_ONLY[found], "audio")
    if kind_of(found) == "file":  # Word and Android packages are zip archives
        if kind_of(claim) != "file":
            raise UnsupportedMedia(f"The bytes are not {claim}, but {found}.")
        return Sniffed(claim, "file")
    if kind_of(claim) != kind_of(found) and claim != "video/ogg":
        raise UnsupportedMedia(f"The bytes are not {claim}, but {found}.")
    return Sniffed(found, kind_of(found))


def kind_of(content_type: str) -> Kind:
    """Returns the kind of a content type. SVG can contain scripts, so it is a ``file`` like HTML."""
    if content_type.startswith("image/svg"):
        return "file"
    family = content_type.partition("/")[0]
    return family if family in ("image", "audio", "video") else "file"  # type: ignore[return-value]


def claimed_type(claimed: str) -> str:
    """Returns a Content-Type without parameters and with aliases resolved; UNKNOWN if it is malformed."""
    return _normal(claimed) or UNKNOWN


def _normal(claimed: str) -> str:
    bare = claimed.partition(";")[0].strip().lower()
    return _ALIASES.get(bare, bare) if _TYPE.fullmatch(bare) else ""


def _signature(head: bytes) -> str | None:
    for magic, offset, content_type in _SIGNATURES:
        if head.startswith(magic, offset) and (content_type not in _RIFF or head.startswith(b"RIFF")):
            return content_type
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[:2] in (b"\xff\xf1", b"\xff\xf9"):
        return "audio/aac"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 in (0xE2, 0xE4, 0xE6):
        return "audio/mpeg"
    return None
