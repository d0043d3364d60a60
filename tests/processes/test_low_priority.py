"""Work at a lower CPU priority, which does not change the priority of the process."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from tasks.low_priority import NICENESS, at_low_priority


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_only_the_work_has_a_lower_priority() -> None:
    before = niceness()
    assert at_low_priority(niceness) == before + (NICENESS if sys.platform == "linux" else 0)
    assert niceness() == before


def test_errors_of_the_work_reach_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        at_low_priority(lambda: 1 // 0)
