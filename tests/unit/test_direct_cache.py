"""The cache of direct conversations, also of those that are held back from one of their users."""

from __future__ import annotations

from app.services.reading.direct_cache import DirectCache

ANN, BEN, EVE = 1, 2, 3


def test_both_users_find_their_conversation() -> None:
    directs = DirectCache()
    directs.add(ANN, BEN, 7)
    assert (directs.find(ANN, BEN), directs.find(BEN, ANN), directs.find(ANN, EVE)) == (7, 7, None)
    assert (directs.peer(7, ANN), directs.peer(7, BEN)) == (BEN, ANN)


def test_user_from_whom_it_is_held_back_does_not_find_it() -> None:
    directs = DirectCache()
    directs.add(ANN, BEN, 7, held=BEN)
    assert (directs.find(ANN, BEN), directs.find(BEN, ANN)) == (7, None)
    assert (directs.peer(7, ANN), directs.is_direct(7)) == (BEN, True)
    directs.add(BEN, ANN, 7)
    assert directs.find(BEN, ANN) == 7


def test_oldest_conversation_is_dropped_with_both_directions() -> None:
    directs = DirectCache(bound=2)
    directs.add(ANN, BEN, 7)
    directs.add(ANN, EVE, 8, held=EVE)
    directs.add(ANN, ANN, 9)
    assert (directs.find(ANN, BEN), directs.find(BEN, ANN), directs.is_cached(7)) == (None, None, False)
    assert (directs.find(ANN, EVE), directs.find(ANN, ANN)) == (8, 9)
