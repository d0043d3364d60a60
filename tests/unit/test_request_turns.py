"""Requests take turns by network: only a few of one network are served at once."""

from __future__ import annotations

from collections.abc import Callable

import gevent
from gevent.event import Event

from app.request_turns import AT_ONCE, RequestTurns
from tests.support.own_hub import in_own_hub


class Requests:
    """``ask`` starts a request, which runs until ``done`` is set."""

    def __init__(self) -> None:
        self.turns = RequestTurns()
        self.begun: list[str] = []
        self.done = Event()

    def ask(self, network: str, done: Event | None = None) -> gevent.Greenlet:
        def request() -> None:
            turn = self.turns.begin(network)
            try:
                self.begun.append(network)
                (done or self.done).wait()
            finally:
                self.turns.end(turn)

        return gevent.spawn(request)


def eventually(condition: Callable[[], bool]) -> None:
    with gevent.Timeout(10):
        while not condition():
            gevent.sleep(0.001)


@in_own_hub
def test_many_requests_of_one_network_do_not_delay_another() -> None:
    requests = Requests()
    flood = [requests.ask("a") for _ in range(20)]
    other = requests.ask("b")
    gevent.sleep(0)
    assert requests.begun == ["a"] * AT_ONCE + ["b"]
    assert len(requests.turns) == 20 - AT_ONCE
    requests.done.set()
    gevent.joinall([*flood, other], raise_error=True)
    assert requests.begun.count("a") == 20
    assert len(requests.turns) == 0
    assert requests.turns._lanes == {}


@in_own_hub
def test_request_that_takes_long_makes_room() -> None:
    requests = Requests()
    slow = [requests.ask("a") for _ in range(AT_ONCE)]
    late = requests.ask("a")
    eventually(lambda: len(requests.begun) == AT_ONCE + 1)
    requests.done.set()
    gevent.joinall([*slow, late], raise_error=True)
    assert requests.turns._lanes == {}


@in_own_hub
def test_sockets_are_served_between_two_requests_of_a_network() -> None:
    requests = Requests()
    requests.done.set()
    flood = [requests.ask("a") for _ in range(AT_ONCE + 5)]
    gevent.sleep(0)
    hub = gevent.get_hub()
    while len(requests.begun) < AT_ONCE + 5:
        before = len(requests.begun)
        hub.wait(hub.loop.timer(0.0))  # fires in the next turn of the loop, as a socket does
        assert len(requests.begun) <= before + 1
    gevent.joinall(flood, raise_error=True)


@in_own_hub
def test_request_that_is_killed_delays_nobody() -> None:
    requests = Requests()
    running = [requests.ask("a") for _ in range(AT_ONCE)]
    waiting, last = requests.ask("a"), requests.ask("a")
    gevent.sleep(0)
    waiting.kill()
    running[0].kill()
    eventually(lambda: len(requests.begun) == AT_ONCE + 1)
    requests.done.set()
    gevent.joinall([*running[1:], last], raise_error=True)
    assert len(requests.begun) == AT_ONCE + 1
    assert requests.turns._lanes == {}
