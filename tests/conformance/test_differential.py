"""Random client streams, valid and broken: our decoder must agree with wsproto and websockets.

``PARLEY_FUZZ_STREAMS`` sets the number of streams, ``PARLEY_FUZZ_SEED`` the first seed. A failure names its stream.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance import differences, oracles
from tests.conformance.frames import frame
from tests.conformance.oracles import Outcome
from tests.conformance.streams import LIMIT, fuzz_count, random_reads, random_stream

pytestmark = pytest.mark.conformance

STREAMS = fuzz_count(1500)
SEED = int(os.environ.get("PARLEY_FUZZ_SEED", "6455"))
NO_LIMIT = 1 << 64
SHARES = 10
# Completes any frame within the limit: a valid second header byte, then payload.
FILLER = b"\x80" + bytes(LIMIT + 14)
ORACLES: dict[str, tuple[Callable[[bytes], Outcome], tuple[differences.Difference, ...]]] = {
    "wsproto": (oracles.wsproto, differences.WSPROTO),
    "websockets": (lambda stream: oracles.websockets(stream, LIMIT), differences.WEBSOCKETS),
}
AGREES = "agrees"
EARLIER = "refuses later"  # they wait for a whole header or frame; section 7.1.7 requires neither


def wsproto_verdict(stream: bytes) -> str:
    """Compares wsproto, which has no limit, with our decoder without a limit."""
    mine = oracles.ours([stream], NO_LIMIT)
    theirs = oracles.wsproto(stream)
    return AGREES if theirs.same_as(mine) else _explain("wsproto", stream, mine, theirs, NO_LIMIT)


def websockets_verdict(stream: bytes) -> str:
    """Compares websockets with our decoder, both under the same limit."""
    mine = oracles.ours([stream], LIMIT)
    theirs = oracles.websockets(stream, LIMIT)
    return AGREES if theirs.same_as(mine) else _explain("websockets", stream, mine, theirs, LIMIT)


def _explain(name: str, stream: bytes, mine: Outcome, theirs: Outcome, limit: int) -> str:
    """If a decoder still waits for the end of a frame, it gets that end before the two are compared."""
    decode, known = ORACLES[name]
    if theirs.code is None and theirs.events == mine.events:
        theirs = decode(stream + FILLER)
        if theirs.same_as(mine):
            return EARLIER
    elif mine.code is None and theirs.code is not None:
        mine = oracles.ours([stream + FILLER], limit)
    return differences.find_difference(known, mine, theirs) or _report(name, stream, mine, theirs)


def _report(name: str, stream: bytes, mine: Outcome, theirs: Outcome) -> str:
    return f"UNEXPLAINED: {name}\n stream {stream.hex()}\n ours   {mine}\n theirs {theirs}"


def check(stream: bytes, reads: list[bytes]) -> tuple[str, str]:
    """Checks every property of one stream and returns how each of the two others compares."""
    assert b"".join(reads) == stream
    whole = oracles.ours([stream], LIMIT)
    assert oracles.ours(reads, LIMIT) == whole, f"the cut changes the result: {[r.hex() for r in reads]}"
    verdicts = wsproto_verdict(stream), websockets_verdict(stream)
    assert not any(verdict.startswith("UNEXPLAINED") for verdict in verdicts), "\n".join(verdicts)
    return verdicts


@pytest.mark.parametrize("share", range(SHARES))
def test_seeded_streams_decode_as_in_wsproto_and_websockets(share: int) -> None:
    verdicts: Counter[str] = Counter()
    for number in range(share, STREAMS, SHARES):
        random = Random(SEED * 1_000_000 + number)
        stream = random_stream(random)
        try:
            wsproto, websockets = check(stream, random_reads(random, stream))
        except AssertionError as problem:
            problem.add_note(f"PARLEY_FUZZ_SEED={SEED}, stream {number}: {stream.hex()}")
            raise
        verdicts.update([f"wsproto {wsproto}", f"websockets {websockets}"])
    print(f"share {share}:", dict(verdicts))
    # The others must mostly agree outright. Otherwise the streams have become nonsense that proves nothing.
    per_oracle = len(range(share, STREAMS, SHARES))
    assert verdicts["wsproto agrees"] > 0.7 * per_oracle
    assert verdicts["websockets agrees"] > 0.7 * per_oracle


_opcodes = st.sampled_from((0, 0, 1, 1, 1, 2, 8, 9, 10, 3, 15))
_texts = st.text(max_size=60).map(str.encode)
_payloads = st.one_of(_texts, st.binary(max_size=130), st.integers(0, 1200).map(lambda size: b"x" * size))


@st.composite
def _frame(draw: st.DrawFn) -> bytes:
    payload = draw(_payloads)
    forms = (None, None, None, 2, 8) if len(payload) < 126 else (None, None, None, 8)
    return frame(
        draw(_opcodes),
        payload,
        fin=draw(st.booleans()),
        rsv=draw(st.sampled_from((0, 0, 0, 0, 0, 0, 0, 1, 4))),
        mask=draw(st.sampled_from((True,) * 9 + (False,))),
        length_bytes=draw(st.sampled_from(forms)),
        key=draw(st.binary(min_size=4, max_size=4)),
    )


_streams = st.one_of(st.lists(_frame(), max_size=6).map(b"".join), st.binary(max_size=80))


@settings(
    max_examples=max(200, STREAMS // 5),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(stream=_streams, data=st.data())
def test_decoding_does_not_depend_on_how_the_stream_is_cut(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    reads = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    check(stream, reads)


def test_reference_grammar_of_utf8_agrees_with_cpython() -> None:
    edges = (0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC2, 0xE0, 0xED, 0xF0, 0xF4, 0xFF)
    random = Random(SEED)
    for _ in range(5000):
        data = bytes(random.choices(edges, k=5))
        assert (oracles.first_wrong(data) is None) == _python_accepts(data), data.hex()


def _python_accepts(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
