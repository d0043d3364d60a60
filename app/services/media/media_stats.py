"""Counts the outcomes of the media that a worker process handled."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from app.core.histogram import Histogram

# The bounds cover a small picture as well as a video that is stored in parts.
PROCESSING_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 150.0)


@dataclass(slots=True)
class MediaStats:
    """Counts since the start of the process.

    ``ended`` counts "<kind>:<outcome>"; the outcome is ``ready`` or the code of the failure. ``retries`` counts by the
    cause: ``crash``, ``disk`` or ``storage``.
    """

    ended: Counter[str] = field(default_factory=Counter)
    retries: Counter[str] = field(default_factory=Counter)
    seconds: Histogram = field(default_factory=lambda: Histogram(PROCESSING_BOUNDS))

    def note_end(self, kind: str, outcome: str, seconds: float) -> None:
        """``seconds`` is the duration of the last try."""
        self.ended[f"{kind}:{outcome}"] += 1
        self.seconds.observe(seconds)

    def snapshot(self) -> dict[str, Any]:
        return {
            "media": dict(self.ended),
            "media_retries": dict(self.retries),
            "media_seconds": self.seconds.snapshot(),
        }
