"""Random client streams from a seed: mostly valid frames, then damage of the kinds that RFC 6455 names."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from random import Random

from tests.conformance.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, header, pieces

LIMIT = 1000  # bytes of a message in these streams: small, so that the limit is often reached
SIZES = (0, 1, 2, 5, 20, 100, 124, 125, 126, 127, 200, 512, 513, 999, 1000, 1001, 1400)
BAD_TEXT = (
    b"\x80", b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x80",
    b"\xf4\x90\x80", b"\xf5\x80", b"\xff", b"\xce", b"\xe1\xbd", b"\xf0\x9f\x98", b"\xed\xa0", b"\xf8\x88",
)  # fmt: skip
GOOD_TEXT = (
    "a",
    '{"event":"ping"}',
    "µ",
    "κόσμε",
    "€",
    "\ud7ff",
    "\ue000",
    "\uffff",
    "😀",
    "\U0010ffff",
    "\0",
)
CLOSE_CODES = (
    0,
    999,
    1000,
    1001,
    1003,
    1004,
    1005,
    1006,
    1007,
    1011,
    1012,
    1014,
    1015,
    1016,
    2999,
    3000,
    4999,
    5000,
    65535,
)

Maker = Callable[[Random], bytes]


def fuzz_count(default: int) -> int:
    """Returns the number of streams per run: ``PARLEY_FUZZ_STREAMS``, or the short count of a normal run."""
    return int(os.environ.get("PARLEY_FUZZ_STREAMS", default))


def random_stream(random: Random) -> bytes:
    """Returns one to eight steps; half of the streams are damaged afterwards."""
    stream = b"".join(random.choices(_MAKERS, _WEIGHTS)[0](random) for _ in range(random.randint(1, 8)))
    if random.random() < 0.5:
        return stream
    return random.choice((_flip, _truncate, _insert, _drop))(random, stream)


def random_reads(random: Random, stream: bytes) -> list[bytes]:
    """Cuts the stream into reads: one byte each, equal ones, or at random places."""
    way = random.random()
    if way < 0.2:
        return pieces(stream, 1)
    if way < 0.4:
        return pieces(stream, random.randint(2, 20))
    cuts = sorted(random.choices(range(len(stream) + 1), k=random.randint(1, 12)))
    return [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


def _payload(random: Random, opcode: int) -> bytes:
    size = min(random.choice(SIZES), random.choice((125, LIMIT + 400)) if opcode < CLOSE else 125)
    if opcode == TEXT:
        return _text(random, size)
    return random.randbytes(size)


def _text(random: Random, size: int) -> bytes:
    """Returns about ``size`` bytes of UTF-8; one in eight contains something else."""
    made = b""
    while len(made) < size:
        made += (random.choice(GOOD_TEXT) * random.randint(1, 30)).encode()
    if random.random() < 0.125:
        at = random.randint(0, len(made))
        made = made[:at] + random.choice(BAD_TEXT) + made[at:]
    return made


def _key(random: Random) -> bytes:
    return random.choice((b"\0\0\0\0", random.randbytes(4)))


def _message(random: Random) -> bytes:
    opcode = random.choice((TEXT, TEXT, TEXT, BINARY))
    return frame(opcode, _payload(random, opcode), key=_key(random))


def _fragmented(random: Random) -> bytes:
    """A message cut at any byte, with control frames between; one in eight stays open."""
    opcode = random.choice((TEXT, TEXT, BINARY))
    payload = _payload(random, opcode)
    cuts = sorted(random.choices(range(len(payload) + 1), k=random.randint(1, 5)))
    parts = [payload[start:end] for start, end in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
    made = []
    for number, part in enumerate(parts):
        final = number == len(parts) - 1 and random.random() > 0.125
        made.append(frame(opcode if number == 0 else CONTINUATION, part, fin=final, key=_key(random)))
        if random.random() < 0.2:
            made.append(_control(random))
    return b"".join(made)


def _control(random: Random) -> bytes:
    opcode = random.choice((PING, PONG))
    return frame(opcode, _payload(random, opcode), key=_key(random))


def _close(random: Random) -> bytes:
    reason = random.choice((b"", b"bye", "à bientôt".encode(), random.choice(BAD_TEXT), b"r" * 123))
    code = random.choice(CLOSE_CODES).to_bytes(2, "big")
    return frame(CLOSE, random.choice((b"", b"\x03", code, code + reason)), key=_key(random))


def _broken(random: Random) -> bytes:
    """A frame against one rule of section 5: bits, opcode, mask, length, order, size of a control frame."""
    opcode = random.choice((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))
    payload = random.randbytes(random.choice((0, 1, 5, 125, 126, 300)))
    key = _key(random)
    return random.choice(
        (
            frame(opcode, payload, rsv=random.randint(1, 7), key=key),
            frame(random.choice((3, 4, 5, 6, 7, 11, 12, 13, 14, 15)), payload, key=key),
            frame(opcode, payload, mask=False),
            frame(random.choice((CLOSE, PING, PONG)), payload, fin=False, key=key),
            frame(random.choice((CLOSE, PING, PONG)), payload, key=key),
            frame(opcode, payload, length_bytes=random.choice((2, 8)), key=key),
            frame(CONTINUATION, payload, fin=random.random() < 0.5, key=key),
            header(opcode, random.choice((LIMIT + 1, 1 << 16, 1 << 40, 1 << 63)), length_bytes=8) + key,
        )
    )


_MAKERS: Sequence[Maker] = (_message, _fragmented, _control, _close, _broken)
_WEIGHTS = (8, 6, 4, 1, 1)


def _flip(random: Random, stream: bytes) -> bytes:
    damaged = bytearray(stream)
    for _ in range(random.randint(1, 3)):
        damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    return bytes(damaged)


def _truncate(random: Random, stream: bytes) -> bytes:
    return stream[: random.randrange(len(stream))]


def _insert(random: Random, stream: bytes) -> bytes:
    at = random.randint(0, len(stream))
    return stream[:at] + random.randbytes(random.randint(1, 4)) + stream[at:]


def _drop(random: Random, stream: bytes) -> bytes:
    at = random.randrange(len(stream))
    return stream[:at] + stream[at + random.randint(1, 4) :]
