"""The table of all conformance cases. Its groups 1 to 10 are the groups of the Autobahn testsuite."""

from __future__ import annotations

from tests.conformance.cases import close_handling, control, fragmentation, framing, limits, utf8
from tests.conformance.cases.case import Case

CASES: tuple[Case, ...] = (
    *framing.CASES,
    *control.CASES,
    *fragmentation.CASES,
    *utf8.CASES,
    *close_handling.CASES,
    *limits.CASES,
)
assert len({case.id for case in CASES}) == len(CASES), "an id appears twice in the table"
