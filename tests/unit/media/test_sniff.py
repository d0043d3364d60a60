"""Content types found from the bytes, and clean file names."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.filenames import MAX_CHARACTERS, clean_filename
from app.media.image_info import converted_name
from app.media.signatures import HEAD_BYTES
from app.media.sniff import announced, sniff
from app.media.storage import served_type
from tests.support.media_files import image_bytes, wav_bytes

JPEG, PNG = image_bytes("JPEG"), image_bytes("PNG")


def iso(major: bytes, *compatible: bytes) -> bytes:
    body = b"ftyp" + major + bytes(4) + b"".join(compatible)
    return struct.pack(">I", 4 + len(body)) + body + bytes(64)


MP4 = iso(b"isom", b"isom", b"mp41")
WEBM = b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm" + bytes(64)
MP3_FRAME = b"\xff\xfb\x90\x64" + bytes(413)  # 417 bytes: 128 kbit/s at 44.1 kHz
ADTS_FRAME = b"\xff\xf1\x50\x80\x03\x3f\xfc" + bytes(18)  # 25 bytes
TEXT, OCTETS = "text/plain", "application/octet-stream"


@pytest.mark.parametrize(
    ("head", "claimed", "content_type", "kind"),
    [
        (JPEG, "image/jpeg", "image/jpeg", "image"),
        (JPEG, "image/jpg", "image/jpeg", "image"),
        (PNG, "image/jpeg", "image/png", "image"),
        (JPEG, "", "image/jpeg", "image"),
        (JPEG, OCTETS, "image/jpeg", "image"),
        (JPEG, "application/pdf", "image/jpeg", "image"),
        (JPEG, TEXT, "image/jpeg", "image"),
        (JPEG, "video/mp4", "image/jpeg", "image"),
        (wav_bytes(), "audio/x-wav", "audio/wav", "audio"),
        (MP4, "video/mp4; codecs=avc1", "video/mp4", "video"),
        (MP4, "audio/mp4", "audio/mp4", "audio"),
        (MP4, "image/jpeg", "video/mp4", "video"),
        (iso(b"heic"), "image/heic", "image/heic", "image"),
        (iso(b"mif1", b"mif1", b"heic"), "", "image/heic", "image"),
        (iso(b"mif1", b"avif", b"miaf"), "image/heic", "image/avif", "image"),
        (iso(b"avif"), "", "image/avif", "image"),
        (iso(b"crx "), "image/x-canon-cr3", OCTETS, "file"),
        (WEBM, "audio/webm;codecs=opus", "audio/webm", "audio"),
        (WEBM, "video/webm", "video/webm", "video"),
        (MP3_FRAME * 3, "", "audio/mpeg", "audio"),
        (b"ID3\3\0\0\0\0\0\x0a" + bytes(10) + MP3_FRAME * 3, "", "audio/mpeg", "audio"),
        (ADTS_FRAME * 3, "audio/aac", "audio/aac", "audio"),
        (b"#!AMR\n" + (b"\x3c" + bytes(31)) * 3, "", "audio/amr", "audio"),
        (b"%PDF-1.7 ...", "application/pdf", "application/pdf", "file"),
        (b"%PDF-1.7", "image/jpeg", "application/pdf", "file"),
        (
            b"PK\x03\x04 ...",
            "application/vnd.oasis.opendocument.text",
            "application/vnd.oasis.opendocument.text",
            "file",
        ),
        (b"<svg onload=alert(1)>", "image/svg+xml", "image/svg+xml", "file"),
        (b"<html>", "text/html", "text/html", "file"),
        (b"<html><script>", "image/jpeg", OCTETS, "file"),
        (b"MZ\x90", "image/png", OCTETS, "file"),
        (b"plain", "audio/mpeg", OCTETS, "file"),
        (b"export const x = 1;", "video/mp2t", OCTETS, "file"),
        (b"anything", "", OCTETS, "file"),
        (b"anything", "no type\r\nX: y", OCTETS, "file"),
        (b"", TEXT, TEXT, "file"),
    ],
)
def test_bytes_decide_the_type(head: bytes, claimed: str, content_type: str, kind: str) -> None:
    assert sniff(head, claimed) == (content_type, kind)


@pytest.mark.parametrize(
    ("head", "claimed"),
    [
        (b"II*\0" + bytes(60), "image/tiff"),
        (b"MM\0*" + bytes(60), "image/tiff"),
        (b"BM" + bytes(60), "image/bmp"),
        (b"8BPS" + bytes(60), "image/vnd.adobe.photoshop"),
        (b"RIFF\0\0\0\0AVI " + bytes(60), "video/x-msvideo"),
        (b"MThd" + bytes(60), "audio/midi"),
        ((b"\x47\x40\0\x10" + bytes(184)) * 4, "video/mp2t"),
        ((bytes(4) + b"\x47\x40\0\x10" + bytes(184)) * 4, "video/mp2t"),
        (b"0&\xb2u\x8ef\xcf\x11" + bytes(60), "video/x-ms-wmv"),
        (b"FLV\1\5" + bytes(60), "video/x-flv"),
        (b"\0\0\1\0\1\0" + bytes(60), "image/x-icon"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(60), "image/jxl"),
    ],
)
def test_other_media_are_plain_files(head: bytes, claimed: str) -> None:
    assert sniff(head, claimed) == (OCTETS, "file")
    assert announced(claimed) == (OCTETS, "file")


WORDS = (" is a header of ", "\n\tand, so; it! goes", " ", "", "a" * 700)


@pytest.mark.parametrize(
    "magic",
    [b"GIF87a", b"GIF89a", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFFsizeWEBP", b"RIFFsizeWAVE", b"ID3", b"fLaC",
     b"OggS", b"\x1aE\xdf\xa3", b"#!AMR", b"\xff\xfb", b"\xff\xf1", b"\xff\xfe", b"sizeftyp"],
)  # fmt: skip
@pytest.mark.parametrize("words", WORDS)
def test_magic_number_before_other_bytes_is_a_plain_file(magic: bytes, words: str) -> None:
    assert sniff(magic + words.encode(), TEXT) == (TEXT, "file")
    assert sniff(magic + words.encode() * 50, "") == (OCTETS, "file")


ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")


@given(text=st.text(min_size=1, max_size=2000), encoding=st.sampled_from(ENCODINGS))
def test_text_in_any_encoding_is_a_plain_file(text: str, encoding: str) -> None:
    for mark in ("", "\ufeff"):
        head = (mark + text).encode(encoding)
        assert sniff(head, TEXT) == (TEXT, "file"), head[:40]


@given(
    head=st.binary(max_size=400), magic=st.sampled_from([b"", b"GIF89a", b"\xff\xd8\xff", b"ID3", b"RIFF", b"\xff\xfb"])
)
def test_no_bytes_make_the_check_fail(head: bytes, magic: bytes) -> None:
    sniff(magic + head, "")


def test_photo_with_much_metadata_is_an_image() -> None:
    profile = b"\xff\xe2\xff\xff" + bytes(0xFFFD)
    head = (JPEG[:2] + profile * 5 + JPEG[2:])[:HEAD_BYTES]
    assert sniff(head, "") == ("image/jpeg", "image")


@pytest.mark.parametrize(
    "content_type",
    ["text/html", "image/svg+xml", "application/xhtml+xml", "text/javascript", "text/xsl", "message/rfc822",
     "multipart/related", "image/tiff", "application/wasm"],
)  # fmt: skip
def test_types_that_a_browser_runs_or_shows_are_served_as_octet_stream(content_type: str) -> None:
    assert served_type(content_type) == "application/octet-stream"
    assert served_type("application/pdf") == "application/pdf"


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\photo.jpg", "photo.jpg"),
        ("a\r\nSet-Cookie: x.txt", "a Set-Cookie_ x.txt"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("a\0b", "ab"),
        ("line\nbreak\u2028here.txt", "line break here.txt"),
        ("family 👨\u200d👩\u200d👧.png", "family 👨\u200d👩\u200d👧.png"),
        ("می\u200cخواهم.pdf", "می\u200cخواهم.pdf"),
        ("a\u200db\u200b.txt", "ab.txt"),
        ("cafe\u0301.txt", "café.txt"),
        ("\u2067x\u2069.txt", "x.txt"),
        ("\u3164\u2800", None),
        ("👨\u200d👩\u200d👧" * 60 + ".png", "👨\u200d👩\u200d👧" * 13 + ".png"),
        ("名" * 130 + ".docx", "名" * 78 + ".docx"),
        ("é" * 118 + "e\u0301" + "a.jpeg", "é" * 115 + ".jpeg"),
        ("x" * 115 + "👍🏽.jpeg", "x" * 115 + ".jpeg"),
        ("x" * 130, "x" * MAX_CHARACTERS),
        ("😀" * 100, "😀" * 60),
        ("x." + "😀" * 100, "x." + "😀" * 59),
        ("\u0301.txt", "txt"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("nul .tar.gz", "_nul .tar.gz"),
        ("COM1", "_COM1"),
        ("lpt\u00b3.txt", "_lpt\u00b3.txt"),
        ("console.txt", "console.txt"),
        ("com10.txt", "com10.txt"),
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


@pytest.mark.parametrize(
    ("given", "content_type", "name"),
    [
        ("IMG_1.HEIC", "image/jpeg", "IMG_1.jpg"),
        ("a.b.avif", "image/webp", "a.b.webp"),
        ("photo.jpg", "image/jpeg", "photo.jpg"),
        ("photo", "image/jpeg", "photo"),
        ("notes.txt", "text/plain", "notes.txt"),
        ("photo.jpeg", "image/jpeg", "photo.jpeg"),
        (None, "image/jpeg", None),
    ],
)
def test_converted_picture_gets_the_ending_of_its_type(given: str | None, content_type: str, name: str | None) -> None:
    assert converted_name(given, content_type) == name
