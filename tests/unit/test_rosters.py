"""The rosters of a gateway follow the notices on its channel."""

from __future__ import annotations

import pytest

from app.core.kinds import Kind
from app.fanout.rosters import Rosters

GROUP, OTHER = 8, 9
ANN, BEN, CYD = 1, 2, 3


@pytest.fixture
def rosters() -> Rosters:
    made = Rosters()
    made.take(1, [ANN, BEN], [Kind.ROSTER, GROUP, 70, 1])
    return made


def among(rosters: Rosters, build: int) -> list[int]:
    found = rosters.among(build)
    assert found is not None
    return sorted(found)


def test_members_come_and_leave(rosters: Rosters) -> None:
    rosters.take(1, [CYD], [Kind.ROSTER, GROUP, 70, 0])
    rosters.take(1, [ANN], [Kind.ROSTER_LEFT, GROUP, 70])
    assert among(rosters, 70) == [BEN, CYD]
    rosters.take(1, [BEN, CYD], [Kind.ROSTER_LEFT, GROUP, 70])
    assert (among(rosters, 70), len(rosters)) == ([], 0)


def test_some_members_get_no_record(rosters: Rosters) -> None:
    found = rosters.among({70: [ANN, CYD]})
    assert found is not None
    assert set(found) == {BEN}


def test_user_gets_exactly_the_places_of_a_notice(rosters: Rosters) -> None:
    rosters.take(1, [ANN], [Kind.ROSTERS_OF, [OTHER, 90]])
    assert (among(rosters, 70), among(rosters, 90)) == ([BEN], [ANN])
    rosters.take(1, [ANN], [Kind.ROSTERS_OF, []])
    assert among(rosters, 90) == []


def test_new_build_replaces_the_one_before(rosters: Rosters) -> None:
    rosters.take(1, [CYD], [Kind.ROSTER, GROUP, 71, 0])
    assert (among(rosters, 70), among(rosters, 71)) == ([], [CYD])


def test_new_epoch_begins_with_no_rosters(rosters: Rosters) -> None:
    rosters.take(2, [CYD], [Kind.ROSTER, OTHER, 90, 1])
    assert (among(rosters, 70), among(rosters, 90)) == ([], [CYD])
    rosters.take(1, [ANN], [Kind.ROSTER, GROUP, 70, 1])  # was on its way
    assert among(rosters, 70) == []


def test_nothing_is_known_until_all_rosters_came(rosters: Rosters) -> None:
    rosters.lose()
    rosters.take(1, [ANN], [Kind.ROSTER, GROUP, 70, 1])
    assert rosters.among(70) is None
    rosters.take(1, False, [Kind.ROSTERS, 1])
    assert among(rosters, 70) == [ANN]


def test_gateway_that_was_removed_has_none(rosters: Rosters) -> None:
    rosters.take(1, False, [Kind.ROSTERS, 0])
    assert (among(rosters, 70), rosters.complete) == ([], True)
