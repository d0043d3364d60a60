# ruff: noqa: E501 - a table: one case a line
"""Group 9: messages around the limit of 64 KiB (10.4), in large and small pieces, and many in a row.

A message that is too large is refused at the header that exceeds the limit, without waiting for the payload.
"""

from __future__ import annotations

from tests.conformance.cases.case import Case, case
from tests.conformance.frames import BINARY, CONTINUATION, PING, TEXT, fragments, frame, header, pieces

LIMIT = 65536
KINDS = ((1, TEXT, "text", b"*"), (2, BINARY, "binary", b"\xfe"))
GREEK = "κόσμε".encode() * 6553 + b"######"  # 10 bytes each: exactly the limit


def _whole() -> list[Case]:
    made = []
    for group, opcode, name, unit in KINDS:
        for number, size in enumerate((4096, 16384, 61440, LIMIT - 1, LIMIT), 1):
            payload = unit * size
            made.append(
                case(
                    f"9.{group}.{number}",
                    f"{name} of {size} bytes",
                    frame(opcode, payload),
                    events=[(opcode, payload)],
                )
            )
    return made  # fmt: skip


def _fragmented() -> list[Case]:
    made = []
    for group, opcode, name, unit in KINDS:
        payload = unit * LIMIT
        for number, size in enumerate((64, 256, 1024, 4096, 16384, 32768), 1):
            frames = fragments(opcode, *pieces(payload, size))
            made.append(
                case(
                    f"9.{group + 2}.{number}",
                    f"64 KiB of {name} in fragments of {size}",
                    *frames,
                    events=[(opcode, payload)],
                )
            )
    return made  # fmt: skip


def _chopped() -> list[Case]:
    made = []
    for group, opcode, name, unit in KINDS:
        payload = unit * LIMIT
        for number, size in enumerate((64, 128, 256, 512, 1024, 2048), 1):
            made.append(
                case(
                    f"9.{group + 4}.{number}",
                    f"64 KiB of {name} in reads of {size}",
                    frame(opcode, payload),
                    events=[(opcode, payload)],
                    read=size,
                )
            )
    text = (TEXT, GREEK)
    return [*made, case("9.5.7", "64 KiB of Greek in reads of 7", frame(*text), events=[text], read=7)]  # fmt: skip


def _many() -> list[Case]:
    made = []
    for group, opcode, name, unit in KINDS:
        for number, size in enumerate((0, 16, 64, 256, 1024, 4096), 1):
            count = 1000 if size < 1024 else 100
            message = (opcode, unit * size)
            stream = frame(*message) * count
            made.append(
                case(
                    f"9.{group + 6}.{number}",
                    f"{count} times {name} of {size} bytes",
                    stream,
                    events=[message] * count,
                    read=4096,
                )
            )
    return made  # fmt: skip


def _too_large() -> list[Case]:
    made = []
    for group, opcode, name, unit in KINDS:
        full = frame(opcode, unit * LIMIT, fin=False)
        half = frame(opcode, unit * (LIMIT // 2), fin=False)
        over = LIMIT // 2 + 1
        sizes = (LIMIT + 1, LIMIT * 2, 1 << 31, 1 << 32, 1 << 62, (1 << 63) - 1)
        made += [
            case(f"9.{group + 8}.{number}", f"{name} of {size} bytes", header(opcode, size), failure=1009)
            for number, size in enumerate(sizes, 1)
        ] + [
            case(f"9.{group + 8}.7", f"{name}, whole of {LIMIT + 1} bytes", frame(opcode, unit * (LIMIT + 1)), failure=1009, known=10),
            case(f"9.{group + 8}.8", f"{name}, one byte over in the last fragment", full, frame(CONTINUATION, b"x"), failure=1009, known=2),
            case(f"9.{group + 8}.9", f"{name}, one byte over in the middle", half, frame(CONTINUATION, unit * over, fin=False), failure=1009, known=4),
            case(f"9.{group + 8}.10", f"{name}, over after a ping", half, frame(PING, b"p"), header(CONTINUATION, over), events=[(PING, b"p")], failure=1009),
            case(f"9.{group + 8}.11", f"{name}, full, then a ping and an empty end", full, frame(PING, b"p"), frame(CONTINUATION), events=[(PING, b"p"), (opcode, unit * LIMIT)]),
            case(f"9.{group + 8}.12", f"{name}, over after a full message", frame(opcode, unit * LIMIT), header(opcode, LIMIT + 1), events=[(opcode, unit * LIMIT)], failure=1009),
            case(f"9.{group + 8}.13", f"{name}, many small fragments over", *[frame(opcode, unit * 1024, fin=False), *[frame(CONTINUATION, unit * 1024, fin=False)] * 63], frame(CONTINUATION, unit), failure=1009, known=2),
        ]  # fmt: skip
    return made


CASES = (*_whole(), *_fragmented(), *_chopped(), *_many(), *_too_large())
