"""What the first bytes of a file are, against what the client says they are. Sniffed, not believed.

A file is shown (image), played (audio, video) or downloaded (file). The first three are only what these signatures
know; SVG and HTML are files.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from app.core.errors import UnsupportedMedia

Kind = Literal["image", "audio", "video", "file"]

# As many bytes as the looks at a beginning may want: signatures are short, a photo's size stands behind its profile.
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
# ISO base media: the brand tells. What phones record; a picture in such a box is not kept (see REFUSED).
_BRANDS = {
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "image/heic"),
}
# Pictures whose position cannot be taken out without decoding them anew. Phones convert them where a page asks.
REFUSED = {"image/avif", "image/heic"}
# The same container with a picture track or without one.
_SOUND_ALONE = {"video/webm": "audio/webm", "video/mp4": "audio/mp4", "audio/ogg": "audio/ogg"}
# What a claim of these may be as well.
_ALSO = {
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
    """``claimed`` is a Content-Type, perhaps empty. Raise UnsupportedMedia where the bytes are of another kind than it
    says, or of a kind that is not taken."""
    claim = _normal(claimed)
    found = _signature(head)
    if found in REFUSED:
        raise UnsupportedMedia(f"{found} is not taken: send it as image/jpeg.")
    if found is None:
        if kind_of(claim) != "file":
            raise UnsupportedMedia(f"The bytes are not {claim}.")
        return Sniffed(UNKNOWN if claim in _GENERIC else claim, "file")
    return _agreed(found, claim)


def _agreed(found: str, claim: str) -> Sniffed:
    if claim in _GENERIC:
        return Sniffed(found, kind_of(found))
    if kind_of(claim) == "audio" and found in _SOUND_ALONE:
        return Sniffed(_SOUND_ALONE[found], "audio")
    if kind_of(found) == "file":  # Word and Android packages are zip archives
        if kind_of(claim) != "file":
            raise UnsupportedMedia(f"The bytes are not {claim}, but {found}.")
        return Sniffed(claim, "file")
    if kind_of(claim) != kind_of(found) and claim != "video/ogg":
        raise UnsupportedMedia(f"The bytes are not {claim}, but {found}.")
    return Sniffed(found, kind_of(found))


def kind_of(content_type: str) -> Kind:
    """How a type is shown. SVG is text with scripts in it: a file, like HTML."""
    if content_type.startswith("image/svg"):
        return "file"
    family = content_type.partition("/")[0]
    return family if family in ("image", "audio", "video") else "file"  # type: ignore[return-value]


def claimed_type(claimed: str) -> str:
    """A Content-Type without its parameters, one name for each type; UNKNOWN where it is none."""
    return _normal(claimed) or UNKNOWN


def _normal(claimed: str) -> str:
    bare = claimed.partition(";")[0].strip().lower()
    return _ALSO.get(bare, bare) if _TYPE.fullmatch(bare) else ""


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
