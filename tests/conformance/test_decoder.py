"""The conformance cases against the decoder itself."""

from __future__ import annotations

import pytest

from app.core.ws_codec import FrameDecoder
from tests.conformance import oracles
from tests.conformance.cases import CASES
from tests.conformance.cases.case import Case
from tests.conformance.cases.utf8 import INVALID, VALID
from tests.conformance.frames import pieces

pytestmark = pytest.mark.conformance

BYTEWISE_UP_TO = 3000
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id} {case.title}")


@each_case
def test_decoder_returns_the_events_and_the_failure(case: Case) -> None:
    seen = oracles.ours(pieces(case.stream, case.read), 65536)
    assert (seen.events, seen.code) == (case.events, case.failure)


@each_case
def test_failure_is_known_at_its_byte(case: Case) -> None:
    """One byte earlier the stream is still valid. At the byte it has failed, and nothing after it is accepted."""
    decoder = FrameDecoder()
    decoder.feed(case.stream[: case.known_after - 1])
    assert decoder.failure is None
    decoder.feed(case.stream[case.known_after - 1 : case.known_after])
    assert (decoder.failure and decoder.failure.code) == case.failure
    if case.failure:
        assert decoder.feed(b"\x81\x80\x00\x00\x00\x00") == []


@each_case
def test_reads_of_one_byte_change_nothing(case: Case) -> None:
    whole = oracles.ours([case.stream], 65536)
    step = 1 if len(case.stream) <= BYTEWISE_UP_TO else 611
    assert oracles.ours(pieces(case.stream, step), 65536) == whole


@pytest.mark.parametrize("row", [*VALID, *INVALID], ids=lambda row: row[0])
def test_table_of_sequences_follows_the_grammar_of_rfc_3629(
    row: tuple[str, str, str, int | None],
) -> None:
    _, _, digits, wrong = row
    assert oracles.first_wrong(bytes.fromhex(digits)) == wrong
