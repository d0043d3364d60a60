"""``python -m bench.slow_redis SHARE PID...`` lets the processes run only for a share of the time.

Stops them for the rest of every 10 ms (SIGSTOP, SIGCONT), and lets them go on when this process ends. So a server can
be the slowest part of a stack on a machine that has too few cores for that. On a busy machine, they get up to half as
much again, because this process is woken late.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

PERIOD = 0.01  # seconds


def main() -> None:
    share, processes = float(sys.argv[1]), [int(pid) for pid in sys.argv[2:]]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        while True:
            _signal(processes, signal.SIGCONT)
            time.sleep(PERIOD * share)
            _signal(processes, signal.SIGSTOP)
            time.sleep(PERIOD * (1 - share))
    except ProcessLookupError:
        pass  # a server has ended, and so has the measurement
    finally:
        for process in processes:
            _go_on(process)


def _signal(processes: list[int], signum: signal.Signals) -> None:
    for process in processes:
        os.kill(process, signum)


def _go_on(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGCONT)


if __name__ == "__main__":
    main()
