"""Turns by network: bounded, passed on, and given back by a greenlet that is killed."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
from gevent import monkey; monkey.patch_all()
import gevent
from gevent.event import Event
from app.core.errors import Overloaded
from app.services.auth.turns import Turns

turns = Turns(at_once=1, max_waiting=4)
done, refused, gate = [], [], Event()

def take(network):
    try:
        with turns.turn(network):
            gate.wait()
            done.append(network)
    except Overloaded:
        refused.append(network)

def start(network):
    greenlet = gevent.spawn(take, network)
    gevent.sleep(0)
    return greenlet

first, *flood = [start("flood") for _ in range(9)]
honest = start("honest")
gevent.sleep(0)
assert refused == ["flood"] * 5, refused  # four of them at once, one to make room
flood[0].kill()  # waits no longer
gate.set()
gevent.joinall([first, *flood, honest])
assert done == ["flood", "flood", "honest", "flood"] or done == ["flood", "honest", "flood", "flood"], done
assert (turns._running, len(turns._waiting)) == (0, 0)

gate.clear()
running = start("one")
waiting = start("two")
running.kill()  # passes its turn on
gate.set()
waiting.join()
assert done[-1] == "two"
assert (turns._running, len(turns._waiting)) == (0, 0)
"""


def test_one_network_cannot_refuse_another() -> None:
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
