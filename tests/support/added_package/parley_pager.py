"""An example of an added push provider: it appends notifications for the platform ``pager`` to the file PAGER_FILE."""

from __future__ import annotations

import json
from pathlib import Path

from app.push.lanes import LaneOptions
from app.push.provider import SENT, Outcome, Outgoing
from app.push.registry import ProviderContext, ProviderKind


class Pager:
    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def send(self, batch: list[Outgoing]) -> list[Outcome]:
        return [self._send(outgoing) for outgoing in batch]

    def _send(self, outgoing: Outgoing) -> Outcome:
        line = json.dumps({"address": outgoing.to.address, "tag": outgoing.payload.tag})
        try:
            with self._path.open("a") as file:
                file.write(line + "\n")
        except OSError as error:
            return Outcome("retry", type(error).__name__, seconds=5.0, whole_host=True)
        return SENT

    def cut_overdue(self) -> None:
        """Does nothing: there are no requests."""

    def close(self) -> None:
        """Does nothing: there are no connections."""


def make_pager(context: ProviderContext) -> Pager:
    return Pager(context.env["PAGER_FILE"])


PAGER = ProviderKind(
    name="pager",
    platforms=("pager",),
    is_configured=lambda context: "PAGER_FILE" in context.env,
    make=make_pager,
    lane=lambda _settings: LaneOptions(threads=2, batch=10, per_host=20),
)
