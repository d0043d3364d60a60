"""Measures the time from a message's send to its receivers."""

from __future__ import annotations

import time


class Deliveries:
    """``seconds``: from the first send of a message to each of its receivers, through all faults."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._sent: dict[str, float] = {}
        self._seen: set[tuple[str, int]] = set()

    def sent(self, id_: str) -> None:
        self._sent[id_] = time.monotonic()

    def received(self, id_: str, user_id: int) -> None:
        if id_ in self._sent and (id_, user_id) not in self._seen:
            self._seen.add((id_, user_id))
            self.seconds.append(time.monotonic() - self._sent[id_])

    def p99(self) -> float:
        return sorted(self.seconds)[int(0.99 * len(self.seconds))]
