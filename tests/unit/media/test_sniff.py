"""Content types found from the bytes and checked against the claimed type, and clean file names."""

from __future__ import annotations

import pytest

from app.core.errors import UnsupportedMedia
from app.core.filenames import MAX_CHARACTERS, clean_filename
from app.media.sniff import sniff
from app.media.storage import served_type
from tests.support.media_files import image_bytes, wav_bytes

JPEG, PNG = image_bytes("JPEG"), image_bytes("PNG")
MP4 = b"\0\0\0\x20ftypisom" + bytes(64)
HEIC = b"\0\0\0\x20ftypheic" + bytes(64)
WEBM = b"\x1aE\xdf\xa3" + bytes(64)


@pytest.mark.parametrize(
    ("head", "claimed", "content_type", "kind"),
    [
        (JPEG, "image/jpeg", "image/jpeg", "image"),
        (JPEG, "image/jpg", "image/jpeg", "image"),
        (PNG, "image/jpeg", "image/png", "image"),
        (JPEG, "", "image/jpeg", "image"),
        (JPEG, "application/octet-stream", "image/jpeg", "image"),
        (wav_bytes(), "audio/x-wav", "audio/wav", "audio"),
        (MP4, "video/mp4; codecs=avc1", "video/mp4", "video"),
        (MP4, "audio/mp4", "audio/mp4", "audio"),
        (WEBM, "audio/webm;codecs=opus", "audio/webm", "audio"),
        (WEBM, "video/webm", "video/webm", "video"),
        (b"%PDF-1.7 ...", "application/pdf", "application/pdf", "file"),
        (
            b"PK\x03\x04 ...",
            "application/vnd.oasis.opendocument.text",
            "application/vnd.oasis.opendocument.text",
            "file",
        ),
        (b"<svg onload=alert(1)>", "image/svg+xml", "image/svg+xml", "file"),
        (b"<html>", "text/html", "text/html", "file"),
        (b"anything", "", "application/octet-stream", "file"),
        (b"anything", "no type\r\nX: y", "application/octet-stream", "file"),
        (b"", "text/plain", "text/plain", "file"),
    ],
)
def test_content_type_is_found_from_the_bytes(head: bytes, claimed: str, content_type: str, kind: str) -> None:
    assert sniff(head, claimed) == (content_type, kind)


@pytest.mark.parametrize(
    ("head", "claimed"),
    [
        (b"<html><script>", "image/jpeg"),
        (b"MZ\x90", "image/png"),
        (JPEG, "application/pdf"),
        (JPEG, "video/mp4"),
        (JPEG, "text/plain"),
        (MP4, "image/jpeg"),
        (b"%PDF-1.7", "image/jpeg"),
        (b"plain", "audio/mpeg"),
        (HEIC, "image/heic"),
        (HEIC, ""),
    ],
)
def test_bytes_that_contradict_the_claimed_type_are_refused(head: bytes, claimed: str) -> None:
    with pytest.raises(UnsupportedMedia):
        sniff(head, claimed)


@pytest.mark.parametrize("content_type", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/javascript"])
def test_executable_types_are_served_as_octet_stream(content_type: str) -> None:
    assert served_type(content_type) == "application/octet-stream"
    assert served_type("application/pdf") == "application/pdf"


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\photo.jpg", "photo.jpg"),
        ("a\r\nSet-Cookie: x.txt", "aSet-Cookie_ x.txt"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("a\0b", "ab"),
        ("  spaces   inside .txt ", "spaces inside .txt"),
        (".hidden", "hidden"),
        ("naïve ☃.png", "naïve ☃.png"),
        ("...", None),
        ("", None),
        (None, None),
        ("x" * 300 + ".jpeg", "x" * (MAX_CHARACTERS - 5) + ".jpeg"),
        ("\ud800.txt", "txt"),
    ],
)
def test_filenames_are_cleaned(given: str | None, clean: str | None) -> None:
    assert clean_filename(given) == clean
