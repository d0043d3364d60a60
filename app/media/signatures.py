"""Recognises file formats by their first bytes.

A magic number proves little: "GIF89a is a header" is a sentence, and UTF-16 text begins like MP3. So each format
is followed as far as its first bytes go. Nothing is decoded, so it is safe in a web process.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

from app.media.audio_frames import is_adts, is_amr, is_mpeg_audio
from app.media.boxes import boxes
from app.media.image_size import image_size, is_jpeg
from app.media.strip import GIF_PICTURE, CutOffError, gif_blocks

# The checks get this many first bytes. Signatures are short, but in a photo the size comes after the colour profile.
HEAD_BYTES = 256 * 1024
MAX_BRANDS = 4096  # bytes of the list of brands; files have a few dozen
Check = Callable[[bytes], str | None]

_HEIF = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"})
_AVIF = frozenset({b"avif", b"avis"})
_SOUND = frozenset({b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "})
# Brands of ISO base media files that have neither video nor sound: raw photos, documents, text.
_NOT_SHOWN = frozenset({b"crx ", b"jp2 ", b"jpx ", b"jpm ", b"jxl ", b"mjp2", b"mj2s"})


def signature(head: bytes) -> str | None:
    """Returns the content type of the format that the bytes follow; None if it is none of those known here."""
    for magic, offset, check in _CHECKS:
        if head.startswith(magic, offset):
            found = check(head)
            if found is not None:
                return found
    return None


def _png(head: bytes) -> str | None:
    is_header = head[8:16] == b"\0\0\0\x0dIHDR" and zlib.crc32(head[12:29]) == int.from_bytes(head[29:33], "big")
    return "image/png" if is_header and image_size(head, "image/png") else None


def _gif(head: bytes) -> str | None:
    """Text does not get past the first block: a label and the size of LZW codes are no printable characters."""
    if image_size(head, "image/gif") is None:
        return None
    try:
        return "image/gif" if any(head[at] == GIF_PICTURE for at, _ in gif_blocks(head)) else None
    except CutOffError:
        return "image/gif"
    except ValueError:
        return None


def _jpeg(head: bytes) -> str | None:
    return "image/jpeg" if is_jpeg(head, HEAD_BYTES) else None


def _riff(head: bytes) -> str | None:
    if head[8:12] == b"WEBP":
        return "image/webp" if image_size(head, "image/webp") else None
    return "audio/wav" if head[8:12] == b"WAVE" and _has_wave_format(head) else None


def _has_wave_format(head: bytes) -> bool:
    at = 12
    while at + 8 <= len(head):
        length = int.from_bytes(head[at + 4 : at + 8], "little")
        if head[at : at + 4] == b"fmt ":
            return length >= 16
        at += 8 + length + length % 2
    return False


def _iso(head: bytes) -> str | None:
    first = next(iter(boxes(head)), None)
    if first is None or first.end > len(head) or not 16 <= first.end - first.at <= MAX_BRANDS or first.end % 4:
        return None
    words = [head[at : at + 4] for at in range(first.body, first.end, 4)]
    major, compatible = words[0], {words[0], *words[2:]}
    if major in _HEIF | _AVIF:  # both may be called mif1; the other brands say which of them it is
        return "image/avif" if compatible & _AVIF else "image/heic"
    if major in _NOT_SHOWN:
        return None
    return "audio/mp4" if major in _SOUND else "video/quicktime" if major == b"qt  " else "video/mp4"


def _ebml(head: bytes) -> str | None:
    """Matroska and WebM begin with a header of the same form, which names the document type within it."""
    first = head[4] if len(head) > 4 else 0
    return "video/webm" if first & 0x80 and any(name in head[5:64] for name in (b"webm", b"matroska")) else None


def _tagged(head: bytes) -> str | None:
    """ID3v2.2 to 2.4: the tag's size is in seven bits of each byte."""
    if len(head) < 10 or head[3] not in (2, 3, 4) or head[4] == 0xFF or max(head[6:10]) > 0x7F:
        return None
    size = 0
    for seven in head[6:10]:
        size = size << 7 | seven
    rest = head[10 + size :].lstrip(b"\0")
    if rest.startswith(b"fLaC"):
        return _flac(rest)
    return _mpeg(rest) if rest else "audio/mpeg"


def _flac(head: bytes) -> str | None:
    return "audio/flac" if head[4:8] in (b"\0\0\0\x22", b"\x80\0\0\x22") else None


def _ogg(head: bytes) -> str | None:
    return "audio/ogg" if len(head) > 26 and head[4] == 0 and head[5] in (2, 6) and head[26] > 0 else None


def _amr(head: bytes) -> str | None:
    return "audio/amr" if is_amr(head) else None


def _mpeg(head: bytes) -> str | None:
    if head[:2] in (b"\xff\xf1", b"\xff\xf9"):
        return "audio/aac" if is_adts(head) else None
    return "audio/mpeg" if is_mpeg_audio(head) else None


def _always(content_type: str) -> Check:
    return lambda _head: content_type


_CHECKS: tuple[tuple[bytes, int, Check], ...] = (
    (b"\xff\xd8\xff", 0, _jpeg),
    (b"\x89PNG\r\n\x1a\n", 0, _png),
    (b"GIF87a", 0, _gif),
    (b"GIF89a", 0, _gif),
    (b"RIFF", 0, _riff),
    (b"ftyp", 4, _iso),
    (b"\x1aE\xdf\xa3", 0, _ebml),
    (b"ID3", 0, _tagged),
    (b"fLaC", 0, _flac),
    (b"OggS", 0, _ogg),
    (b"#!AMR", 0, _amr),
    (b"\xff", 0, _mpeg),
    (b"%PDF-", 0, _always("application/pdf")),
    (b"PK\x03\x04", 0, _always("application/zip")),
)
