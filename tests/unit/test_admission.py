from __future__ import annotations

import gevent

from app.admission import UNNAMED, Admission, stepped_aside
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


def test_connections_of_a_proxy_count_for_the_clients_behind_it() -> None:
    admission = Admission(4, 2)
    tickets = [admission.admit(UNNAMED) for _ in range(4)]
    assert admission.admit(UNNAMED) is None
    assert [ticket and ticket.name("a") for ticket in tickets] == [True, True, False, False]
    assert tickets[2]
    assert tickets[2].name("b")
    assert tickets[0]
    assert tickets[0].name(UNNAMED)
    assert tickets[3]
    assert tickets[3].name("a")
    assert len(admission) == 4


@in_own_hub
def test_waiting_poll_makes_room() -> None:
    admission = Admission(1, 1)

    def serve() -> None:
        gevent.getcurrent().admission_ticket = admission.admit("a")
        with stepped_aside():
            assert admission.admit("b")
        assert len(admission) == 2

    gevent.spawn(serve).get()
    with stepped_aside():
        assert len(admission) == 2, "without a ticket nothing changes"
