from __future__ import annotations

import pytest

from app.core.errors import Overloaded
from app.transports.newcomers import Newcomers


def test_room_is_counted_per_network_and_in_all() -> None:
    newcomers = Newcomers(3, 2)
    leave = [newcomers.enter("a"), newcomers.enter("a")]
    with pytest.raises(Overloaded):
        newcomers.check_room("a")
    newcomers.check_room("b")
    newcomers.enter("b")
    with pytest.raises(Overloaded):
        newcomers.check_room("c")
    leave[0]()
    leave[0]()
    assert len(newcomers) == 2
    newcomers.check_room("a")
