"""Permitted differences between another decoder and ours on the same stream, each with the section that settles it.

A difference is accepted only under its own conditions: the same events up to that point, our rule that fired, and this
decoder's documented answer. Everything else counts as our fault until shown otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.conformance.frames import CLOSE, PING, PONG
from tests.conformance.oracles import Outcome

NO_SUCH_CODE = 1002  # wsproto's answer to a close code outside its list


@dataclass(frozen=True)
class Difference:
    name: str
    section: str
    applies: Callable[[Outcome, Outcome], bool]


def _theirs_continue(ours: Outcome, theirs: Outcome) -> bool:
    """They accept input that we refuse, so our events are a prefix of theirs."""
    return theirs.events[: len(ours.events)] == ours.events


def _long_length_taken(ours: Outcome, theirs: Outcome) -> bool:
    return ours.reason == "length not minimal" and _theirs_continue(ours, theirs)


def _long_control_length_taken(ours: Outcome, theirs: Outcome) -> bool:
    """A control frame of at most 125 bytes whose length uses the 16- or 64-bit form."""
    next_event = theirs.events[len(ours.events) : len(ours.events) + 1]
    taken = not next_event or next_event[0][0] in (CLOSE, PING, PONG)
    return ours.reason == "control frame over 125 bytes" and _theirs_continue(ours, theirs) and taken


def _two_faults_size_first(ours: Outcome, theirs: Outcome) -> bool:
    others = {
        "reserved bit set",
        "fragmented control frame",
        "control frame over 125 bytes",
        "continuation without a message",
        "new message inside a fragmented one",
        "length over 63 bits",
    }
    return theirs.code == 1009 and ours.reason in others and ours.events == theirs.events


def _limit_counts_control_frames(ours: Outcome, theirs: Outcome) -> bool:
    """A control frame larger than the rest of the open message's allowance. We accept it, or check its close."""
    if theirs.code != 1009 or ours.events[: len(theirs.events)] != theirs.events:
        return False
    if len(ours.events) == len(theirs.events):
        return ours.reason in ("invalid close code", "close reason is not UTF-8")
    opcode, payload = ours.events[len(theirs.events)]
    return opcode in (CLOSE, PING, PONG) and payload != b""


def _close_inside_a_message(ours: Outcome, theirs: Outcome) -> bool:
    return (
        theirs.code == 1002
        and ours.code is None
        and ours.events[-1:] != ()
        and (ours.events[-1][0] == CLOSE and ours.events[:-1] == theirs.events)
    )


def _close_reason_first(ours: Outcome, theirs: Outcome) -> bool:
    return ours.reason == "invalid close code" and theirs.code == 1007 and ours.events == theirs.events


def _code_1014(ours: Outcome, theirs: Outcome) -> bool:
    if ours.reason == "close reason is not UTF-8":  # they stop at the code, before the reason
        return theirs == Outcome(ours.events, NO_SUCH_CODE)
    last = ours.events[-1:] or ((0, b""),)
    return (
        ours.code is None
        and last[0][0] == CLOSE
        and last[0][1][:2] == (1014).to_bytes(2, "big")
        and theirs == Outcome(ours.events[:-1], NO_SUCH_CODE)
    )


def _waits_for_the_third_byte_of_a_surrogate(ours: Outcome, theirs: Outcome) -> bool:
    """A fragment ends in ED A0..BF. Until the next one arrives, they accept control frames or find another fault."""
    more = theirs.events[len(ours.events) :]
    only_control = all(opcode in (CLOSE, PING, PONG) for opcode, _ in more)
    went_on = bool(more) or theirs.code == 1002
    return ours.reason == "text is not UTF-8" and _theirs_continue(ours, theirs) and went_on and only_control


WEBSOCKETS = (
    Difference(
        "accepts a length that is not minimal",
        "5.2: the minimal number of bytes MUST be used",
        _long_length_taken,
    ),
    Difference(
        "accepts a short control frame with a long length",
        "5.5: a payload length of 125 bytes or less; 5.2 as above",
        _long_control_length_taken,
    ),
    Difference(
        "reports the size of a frame with two faults",
        "7.1.7 and 10.4 give no order of faults",
        _two_faults_size_first,
    ),
    Difference(
        "counts a control frame into the open message",
        "5.4: control frames may be injected, they are not part of it",
        _limit_counts_control_frames,
    ),
    Difference(
        "refuses a close between two fragments",
        "5.4: control frames MAY be injected in the middle of a fragmented message",
        _close_inside_a_message,
    ),
    Difference(
        "reads the reason before the code",
        "7.1.7 gives no order of faults",
        _close_reason_first,
    ),
)

WSPROTO = (
    Difference(
        "rejects close code 1014",
        "7.4.2: 1000-2999 grow by registration; IANA has 1014, Bad Gateway",
        _code_1014,
    ),
    Difference(
        "waits for the third byte of a surrogate",
        "8.1 and RFC 3629, section 4: ED is followed by 80..9F",
        _waits_for_the_third_byte_of_a_surrogate,
    ),
)


def find_difference(known: tuple[Difference, ...], ours: Outcome, theirs: Outcome) -> str | None:
    """Returns the name of the permitted difference, or None if there is none."""
    return next((f"{one.name} ({one.section})" for one in known if one.applies(ours, theirs)), None)
