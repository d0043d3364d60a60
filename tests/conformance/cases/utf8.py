# ruff: noqa: E501 - a table: one case a line
"""Group 6: text is UTF-8 (5.6, 8.1, RFC 3629), and invalid text fails at its first wrong byte.

Each sequence has the index of that byte in the table, written by hand from RFC 3629: None if it is valid, its length if
only the end is missing.
"""

from __future__ import annotations

from tests.conformance.cases.case import Case, case
from tests.conformance.frames import CONTINUATION, PING, TEXT, fragments, frame, pieces

KOSME = bytes.fromhex("cebae1bdb9cf83cebcceb5")  # "κόσμε" with U+1F79, as in Autobahn
MIXED = "Hello-µ@ßöäüàá-UTF-8!!".encode()
HEADER = 6  # bytes of a masked header up to 125 bytes

# id, title, bytes in hex, index of the first wrong byte
Row = tuple[str, str, str, int | None]

VALID: tuple[Row, ...] = (
    ("6.5.1", "one byte", "68656c6c6f24776f726c64", None),
    ("6.5.2", "two bytes", "68656c6c6fc2a2776f726c64", None),
    ("6.5.3", "three bytes", "68656c6c6fe282ac776f726c64", None),
    ("6.5.4", "four bytes", "68656c6c6ff0a4ada2776f726c64", None),
    ("6.5.5", "Greek", KOSME.hex(), None),
    ("6.7.1", "first of one byte", "00", None),
    ("6.7.2", "first of two bytes", "c280", None),
    ("6.7.3", "first of three bytes", "e0a080", None),
    ("6.7.4", "first of four bytes", "f0908080", None),
    ("6.9.1", "last of one byte", "7f", None),
    ("6.9.2", "last of two bytes", "dfbf", None),
    ("6.9.3", "last of three bytes", "efbfbf", None),
    ("6.9.4", "last of four bytes", "f48fbfbf", None),
    ("6.11.1", "U+D7FF, before the surrogates", "ed9fbf", None),
    ("6.11.2", "U+E000, after the surrogates", "ee8080", None),
    ("6.11.3", "U+FFFD", "efbfbd", None),
    ("6.11.4", "U+10FFFF", "f48fbfbf", None),
)

INVALID: tuple[Row, ...] = (
    ("6.8.1", "first of five bytes", "f888808080", 0),
    ("6.8.2", "first of six bytes", "fc8480808080", 0),
    ("6.10.1", "last of four bytes", "f7bfbfbf", 0),
    ("6.10.2", "last of five bytes", "fbbfbfbfbf", 0),
    ("6.10.3", "last of six bytes", "fdbfbfbfbfbf", 0),
    ("6.11.5", "U+110000", "f4908080", 1),
    ("6.12.1", "a continuation byte, 80", "80", 0),
    ("6.12.2", "a continuation byte, BF", "bf", 0),
    ("6.12.3", "two continuation bytes", "80bf", 0),
    ("6.12.4", "three continuation bytes", "80bf80", 0),
    ("6.12.5", "four continuation bytes", "80bf80bf", 0),
    ("6.12.6", "five continuation bytes", "80bf80bf80", 0),
    ("6.12.7", "six continuation bytes", "80bf80bf80bf", 0),
    ("6.12.8", "all continuation bytes", bytes(range(0x80, 0xC0)).hex(), 0),
    ("6.13.1", "lonely leads of two bytes", "c220c320dd20df20", 1),
    ("6.13.2", "lonely leads of three bytes", "e020e120ed20ef20", 1),
    ("6.13.3", "lonely leads of four bytes", "f020f120f320f420", 1),
    ("6.13.4", "lonely leads of five bytes", "f820f920fa20fb20", 0),
    ("6.13.5", "lonely leads of six bytes", "fc20fd20", 0),
    ("6.14.1", "C0 without its last byte", "c0", 0),
    ("6.14.2", "E0 80 without its last byte", "e080", 1),
    ("6.14.3", "F0 80 80 without its last byte", "f08080", 1),
    ("6.14.4", "F8 without its last byte", "f8808080", 0),
    ("6.14.5", "FC without its last byte", "fc80808080", 0),
    ("6.14.6", "DF without its last byte", "df", 1),
    ("6.14.7", "EF BF without its last byte", "efbf", 2),
    ("6.14.8", "F7 without its last byte", "f7bfbf", 0),
    ("6.14.9", "FB without its last byte", "fbbfbfbf", 0),
    ("6.14.10", "FD without its last byte", "fdbfbfbfbf", 0),
    ("6.14.11", "F4 8F BF without its last byte", "f48fbf", 3),
    (
        "6.15.1",
        "unfinished sequences in a row",
        "c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf",
        0,
    ),
    ("6.15.2", "unfinished possible sequences in a row", "dfefbff48fbf", 1),
    ("6.16.1", "impossible byte FE", "fe", 0),
    ("6.16.2", "impossible byte FF", "ff", 0),
    ("6.16.3", "impossible bytes", "fefeffff", 0),
    ("6.16.4", "impossible byte C0", "c0", 0),
    ("6.16.5", "impossible byte C1", "c1", 0),
    ("6.16.6", "impossible byte F5", "f5", 0),
    ("6.17.1", "overlong slash, two bytes", "c0af", 0),
    ("6.17.2", "overlong slash, three bytes", "e080af", 1),
    ("6.17.3", "overlong slash, four bytes", "f08080af", 1),
    ("6.17.4", "overlong slash, five bytes", "f8808080af", 0),
    ("6.17.5", "overlong slash, six bytes", "fc80808080af", 0),
    ("6.18.1", "greatest overlong, two bytes", "c1bf", 0),
    ("6.18.2", "greatest overlong, three bytes", "e09fbf", 1),
    ("6.18.3", "greatest overlong, four bytes", "f08fbfbf", 1),
    ("6.18.4", "greatest overlong, five bytes", "f887bfbfbf", 0),
    ("6.18.5", "greatest overlong, six bytes", "fc83bfbfbfbf", 0),
    ("6.19.1", "overlong NUL, two bytes", "c080", 0),
    ("6.19.2", "overlong NUL, three bytes", "e08080", 1),
    ("6.19.3", "overlong NUL, four bytes", "f0808080", 1),
    ("6.19.4", "overlong NUL, five bytes", "f880808080", 0),
    ("6.19.5", "overlong NUL, six bytes", "fc8080808080", 0),
    ("6.20.1", "surrogate U+D800", "eda080", 1),
    ("6.20.2", "surrogate U+DB7F", "edadbf", 1),
    ("6.20.3", "surrogate U+DB80", "edae80", 1),
    ("6.20.4", "surrogate U+DBFF", "edafbf", 1),
    ("6.20.5", "surrogate U+DC00", "edb080", 1),
    ("6.20.6", "surrogate U+DF80", "edbe80", 1),
    ("6.20.7", "surrogate U+DFFF", "edbfbf", 1),
    ("6.21.1", "pair U+D800 U+DC00", "eda080edb080", 1),
    ("6.21.2", "pair U+D800 U+DFFF", "eda080edbfbf", 1),
    ("6.21.3", "pair U+DB7F U+DC00", "edadbfedb080", 1),
    ("6.21.4", "pair U+DB7F U+DFFF", "edadbfedbfbf", 1),
    ("6.21.5", "pair U+DB80 U+DC00", "edae80edb080", 1),
    ("6.21.6", "pair U+DB80 U+DFFF", "edae80edbfbf", 1),
    ("6.21.7", "pair U+DBFF U+DC00", "edafbfedb080", 1),
    ("6.21.8", "pair U+DBFF U+DFFF", "edafbfedbfbf", 1),
)


def _non_characters() -> list[Row]:
    """Valid to send: the last two code points of each of the 17 planes, and the specials."""
    ends = [plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF)]
    rows: list[Row] = [
        (f"6.22.{number}", f"non-character U+{code:04X}", chr(code).encode().hex(), None)
        for number, code in enumerate(ends, 1)
    ]
    specials = enumerate(range(0xFFF9, 0x10000), 1)
    return rows + [
        (f"6.23.{number}", f"special U+{code:04X}", chr(code).encode().hex(), None) for number, code in specials
    ]


def _single_frame(row: Row) -> Case:
    """The sequence as the text of one frame."""
    id, title, digits, wrong = row
    text = bytes.fromhex(digits)
    if wrong is None:
        return case(id, title, frame(TEXT, text), events=[(TEXT, text)])
    return case(id, title, frame(TEXT, text), failure=1007, known=HEADER + min(wrong + 1, len(text)))


def _split(row: Row) -> Case:
    """The sequence octet by octet, each in a fragment of its own, between valid texts."""
    id, title, digits, wrong = row
    text = bytes.fromhex(digits)
    frames = fragments(TEXT, b"ok", *pieces(text, 1), b"ok")
    title += ", a fragment each byte"
    if wrong is None:
        return case(f"{id}.s", title, *frames, events=[(TEXT, b"ok" + text + b"ok")])
    # A sequence without its end becomes wrong with the "o" after it. A fragment of one byte is its header and that
    # byte.
    return case(f"{id}.s", title, *frames[: wrong + 2], failure=1007, known=HEADER + 1)


def _basics() -> list[Case]:
    edited = KOSME + b"\xed\xa0\x80edited"
    return [
        case("6.1.1", "empty text", frame(TEXT), events=[(TEXT, b"")]),
        case("6.1.2", "three empty fragments", *fragments(TEXT, b"", b"", b""), events=[(TEXT, b"")]),
        case("6.1.3", "empty, middle, empty", *fragments(TEXT, b"", b"middle", b""), events=[(TEXT, b"middle")]),
        case("6.2.1", "good text", frame(TEXT, MIXED), events=[(TEXT, MIXED)]),
        case("6.2.2", "cut between characters", *fragments(TEXT, MIXED[:12], MIXED[12:]), events=[(TEXT, MIXED)]),
        case("6.2.3", "a fragment each byte", *fragments(TEXT, *pieces(MIXED, 1)), events=[(TEXT, MIXED)]),
        case("6.2.4", "Greek, a fragment each byte", *fragments(TEXT, *pieces(KOSME, 1)), events=[(TEXT, KOSME)]),
        case("6.2.5", "a ping inside a character", frame(TEXT, b"\xe2\x82", fin=False), frame(PING, b"p"), frame(CONTINUATION, b"\xac"), events=[(PING, b"p"), (TEXT, b"\xe2\x82\xac")]),
        case("6.3.1", "a surrogate after good text", frame(TEXT, edited), failure=1007, known=HEADER + len(KOSME) + 2),
        case("6.3.2", "the same, a fragment each byte", *fragments(TEXT, *pieces(edited, 1))[: len(KOSME) + 2], failure=1007),
        case("6.3.3", "good text, then a new one that is not", frame(TEXT, KOSME), frame(TEXT, b"\xff"), events=[(TEXT, KOSME)], failure=1007),
        case("6.3.4", "the end of one text does not carry over", frame(TEXT, KOSME), frame(TEXT, b"\x80"), events=[(TEXT, KOSME)], failure=1007),
    ]  # fmt: skip


def _fail_fast() -> list[Case]:
    """6.4: the sequence F4 90 80 80 is wrong at 90. Nothing may wait for the rest of the message or of the frame."""
    parts = fragments(TEXT, KOSME, b"\xf4\x90\x80\x80", b"edited")
    split = fragments(TEXT, KOSME + b"\xf4", b"\x90", b"\x80\x80edited")
    whole = frame(TEXT, KOSME + b"\xf4\x90\x80\x80edited")
    long = frame(TEXT, KOSME * 900 + b"\xf4\x90\x80\x80" + b"edited" * 100)
    surrogate = frame(TEXT, b"\xed\xa0", fin=False)
    return [
        case("6.4.1", "in a fragment of its own", *parts[:2], failure=1007, known=HEADER + 2),
        case("6.4.2", "cut inside, in fragments", *split[:2], failure=1007),
        case("6.4.3", "inside a frame, a read for each part", whole, failure=1007, known=HEADER + len(KOSME) + 2, read=17),
        case("6.4.4", "inside a frame, octet by octet", whole, failure=1007, known=HEADER + len(KOSME) + 2, read=1),
        case("6.4.5", "inside a long frame", long, failure=1007, known=8 + 900 * len(KOSME) + 2, read=1000),
        case("6.4.6", "a surrogate at its second byte", surrogate, failure=1007, known=HEADER + 2),
    ]  # fmt: skip


def _prefixes() -> list[Case]:
    """6.6: every prefix of "κόσμε"; valid only at the ends of characters."""
    made = []
    ends = {2, 5, 7, 9, 11}
    for size in range(1, len(KOSME) + 1):
        text = KOSME[:size]
        good = size in ends
        made.append(
            case(
                f"6.6.{size}",
                f"the first {size} bytes of Greek",
                frame(TEXT, text),
                events=[(TEXT, text)] if good else [],
                failure=None if good else 1007,
            )
        )
    return made


_ROWS = (*VALID, *INVALID, *_non_characters())
CASES = (*_basics(), *_fail_fast(), *_prefixes(), *map(_single_frame, _ROWS), *map(_split, _ROWS))
