"""What is counted of media: uploads by web processes, what became of them by workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from app.core.errors import ParleyError
from app.core.histogram import Histogram
from app.services.metrics.metrics_snapshot import Figures

# From a small picture to a video whose parts are brought away one after the other.
PROCESSING_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 150.0)

Way = Literal["form", "direct"]


@contextmanager
def counting_upload(counters: Counter[str], way: Way, *, begins: bool, ends: bool) -> Iterator[None]:
    """A step of an upload: how it went, as "upload:<way>:<outcome>". The outcome is ``begun``, ``finished``, the code
    of the error that it was refused with, or ``broken`` where nobody was left to be told."""

    def count(outcome: str) -> None:
        counters[f"upload:{way}:{outcome}"] += 1

    if begins:
        count("begun")
    try:
        yield
    except ParleyError as error:
        count(error.code)
        raise
    except BaseException:  # the client is gone, or this process goes
        count("broken")
        raise
    if ends:
        count("finished")


@dataclass(slots=True)
class MediaStats:
    """Of one worker process since it began. ``ended``: "<kind>:<outcome>", where the outcome is ``ready`` or the code
    of the failure; ``retries``: by what is to blame that it must be tried again."""

    ended: Counter[str] = field(default_factory=Counter)
    retries: Counter[str] = field(default_factory=Counter)
    seconds: Histogram = field(default_factory=lambda: Histogram(PROCESSING_BOUNDS))

    def note_end(self, kind: str, outcome: str, seconds: float) -> None:
        """``seconds``: how long the last try took."""
        self.ended[f"{kind}:{outcome}"] += 1
        self.seconds.observe(seconds)

    def figures(self) -> Figures:
        return {
            "media": dict(self.ended),
            "media_retries": dict(self.retries),
            "media_seconds": self.seconds.as_figures(),
        }
