from __future__ import annotations

import gevent

from app.admission import Admission, stepped_aside
from tests.support.own_hub import in_own_hub


def test_room_is_bounded_per_network_and_in_all() -> None:
    admission = Admission(3, 2)
    tickets = [admission.admit("a"), admission.admit("a")]
    assert admission.admit("a") is None
    assert admission.admit("b")
    assert admission.admit("c") is None
    for ticket in tickets:
        assert ticket
        ticket.aside()
        ticket.aside()
    assert len(admission) == 1
    assert admission.admit("a")


@in_own_hub
def test_waiting_poll_makes_room() -> None:
    admission = Admission(1, 0)

    def serve() -> None:
        gevent.getcurrent().admission_ticket = admission.admit("a")
        with stepped_aside():
            assert admission.admit("b")
        assert len(admission) == 2

    gevent.spawn(serve).get()
    with stepped_aside():
        assert len(admission) == 2, "without a ticket nothing changes"
