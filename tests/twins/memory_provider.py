"""An in-memory push provider. It passes tests/twins/provider_contract.py."""

from __future__ import annotations

import threading
from typing import Any

from app.core.push_notice import as_dict
from app.push.provider import SENT, Outcome, Outgoing

NO_ADDRESS = Outcome("refused", "no address")


class MemoryProvider:
    """``answers`` maps an address to its next outcomes; then, and by default, notifications are sent. While ``gate`` is
    cleared, ``send`` waits.
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[Outcome]] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.received: list[tuple[int, dict[str, Any]]] = []  # target, payload
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()

    def send(self, batch: list[Outgoing]) -> list[Outcome]:
        with self._lock:
            self._at_once += len(batch)
            self.most_at_once = max(self.most_at_once, self._at_once)
        self.gate.wait()
        with self._lock:
            self._at_once -= len(batch)
            return [self._answer(outgoing) for outgoing in batch]

    def _answer(self, outgoing: Outgoing) -> Outcome:
        if not outgoing.to.address:
            return NO_ADDRESS
        answers = self.answers.get(outgoing.to.address)
        outcome = answers.pop(0) if answers else SENT
        if outcome.result == "sent":
            self.received.append((outgoing.to.target_id, as_dict(outgoing.payload)))
        return outcome

    def cut_overdue(self) -> None:
        """Does nothing: there are no requests."""

    def close(self) -> None:
        """Does nothing: there are no connections."""
