"""The delay of somebody who guesses passwords: none at first, then twice as long after each failure."""

from __future__ import annotations

MAX_DELAY_SECONDS = 900
DELAYS_SECONDS = (*(2**doublings for doublings in range(10)), MAX_DELAY_SECONDS)


def free_failures(attempts_per_minute: int) -> int:
    """Returns how many failures cause no delay."""
    return max(1, attempts_per_minute // 3)


def delay_seconds(failures: int, free: int) -> int:
    """Returns the delay after this many failures. Failure number ``free`` is the first one with a delay."""
    return 0 if failures < free else DELAYS_SECONDS[min(failures - free, len(DELAYS_SECONDS) - 1)]
