"""Runs one stack of Parley for benchmarks that compare it with nothing else."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from bench.machine import cores, describe
from bench.run import OUT, wait_until_idle
from bench.stack import prepare
from bench.systems import Parley

P = TypeVar("P", bound=Parley)


@contextmanager
def one_stack(kind: type[P], users: int, *, both_cores: bool = False) -> Iterator[P]:
    """Runs a stack on its own cores, beside this process, and waits until it is idle.

    If the block raises, prints the ends of the stack's logs. Raises BenchError if another run is under way.
    """
    lock = prepare(OUT)
    stack_cores, generator_cores = cores()
    os.sched_setaffinity(0, generator_cores)
    system = kind(OUT / f"stack-{os.getpid()}", stack_cores | generator_cores if both_cores else stack_cores)
    try:
        system.start(users)
        wait_until_idle(system)
        yield system
    except BaseException:
        print(system.stack.log_tails())
        raise
    finally:
        system.stop()
        lock.close()


def save(name: str, figures: dict[str, Any]) -> None:
    path = OUT / f"{name}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.json"
    path.write_text(json.dumps({"machine": describe(), "figures": figures}, indent=1))
