"""The group scenarios. Each takes a running system and returns figures."""

from __future__ import annotations

import math

from bench.crowd import Crowd
from bench.loop import Disconnected
from bench.scenarios import Figures, fresh_loop
from bench.systems import System

GROUP_MEMBERS, LARGE_GROUP_MEMBERS, LARGE_GROUP_ONLINE = 500, 5_000, 200
RATE = 20.0
STEP_WARM_UP = 1.0
LATE_MS = 1_000.0
# A step is sustained if this share of its messages arrived within its own time.
KEPT_UP = 0.97
CLOSE_ENOUGH = 1.1


def group_chat(system: System, seconds: float, step_seconds: float) -> Figures:
    """P4: 500 online members at 20 messages/s, then the highest rate that they sustain."""
    members = range(GROUP_MEMBERS)
    with fresh_loop(system) as loop:
        crowd = Crowd(system, loop, system.open_group(members), members, GROUP_MEMBERS)
        figures = crowd.talk(RATE, seconds)
        return figures | _find_max(crowd, figures, step_seconds)


def _find_max(crowd: Crowd, sustained: Figures, seconds: float) -> Figures:
    """Returns the last sustained step: doubles the rate until it is too high, then halves the interval."""
    kept, lost = RATE, 0.0
    while not lost or lost / kept > CLOSE_ENOUGH:
        rate = math.sqrt(kept * lost) if lost else kept * 2
        crowd, figures, why_not = _try(crowd, rate, seconds)
        print(f"    {rate:.0f} messages/s: {why_not or 'sustained'}", flush=True)
        if why_not:
            lost = rate
        else:
            kept, sustained = rate, figures
    return {
        "max_deliveries_per_second": sustained["deliveries_per_second"],
        "max_receive_p99_ms": sustained["receive_p99_ms"],
        "max_cpu_us": sustained["cpu_us"],
        "max_generator_core": sustained["generator_core"],
    }


def _try(crowd: Crowd, rate: float, seconds: float) -> tuple[Crowd, Figures, str]:
    """Returns the crowd for the next step, the figures, and why the rate was too high (empty if it was not)."""
    try:
        figures = crowd.talk(rate, seconds, STEP_WARM_UP)
    except Disconnected as error:
        return crowd.reconnect(), {}, str(error)
    kept = figures["deliveries_per_second"] / figures["offered_per_second"]
    if figures["receive_p99_ms"] > LATE_MS:
        return crowd, figures, f"p99 {figures['receive_p99_ms']:.0f} ms"
    return crowd, figures, "" if kept >= KEPT_UP else f"{kept:.0%} delivered in time"


def large_group(system: System, seconds: float) -> Figures:
    """P7: 5,000 members, 200 of them online, at 20 messages/s."""
    members = range(LARGE_GROUP_MEMBERS)
    with fresh_loop(system) as loop:
        return Crowd(system, loop, system.open_group(members), members, LARGE_GROUP_ONLINE).talk(RATE, seconds)
