"""Requests take turns by network, one in each turn of the event loop."""

from __future__ import annotations

import gevent

from app.request_turns import RequestTurns
from tests.support.own_hub import in_own_hub


def ask(turns: RequestTurns, network: str, begun: list[str]) -> gevent.Greenlet:
    def request() -> None:
        turns.wait(network)
        begun.append(network)

    return gevent.spawn(request)


@in_own_hub
def test_many_requests_of_one_network_do_not_delay_another() -> None:
    turns, begun = RequestTurns(), list[str]()
    flood = [ask(turns, "a", begun) for _ in range(20)]
    other = ask(turns, "b", begun)
    other.join()
    assert begun == ["a", "b"]
    assert len(turns) == 19
    late = ask(turns, "c", begun)
    late.join()
    assert begun.count("a") < 5
    gevent.joinall(flood, raise_error=True)
    assert begun.count("a") == 20
    assert len(turns) == 0


@in_own_hub
def test_sockets_are_served_between_two_requests_of_a_network() -> None:
    turns, begun = RequestTurns(), list[str]()
    flood = [ask(turns, "a", begun) for _ in range(5)]
    hub = gevent.get_hub()
    for turn in range(1, 5):
        watcher = hub.loop.timer(0.0)  # fires in the next turn of the loop, as a socket does
        hub.wait(watcher)
        assert len(begun) <= turn + 1
    gevent.joinall(flood, raise_error=True)


@in_own_hub
def test_greenlet_that_is_killed_while_it_waits_delays_nobody() -> None:
    turns, begun = RequestTurns(), list[str]()
    first, second, third = (ask(turns, "a", begun) for _ in range(3))
    first.join()
    second.kill()
    third.join()
    assert begun == ["a", "a"]
    gevent.sleep(0.01)
    ask(turns, "a", begun).join()
    assert begun == ["a", "a", "a"]
