"""Divides test modules among the processes of pytest-xdist.

A module stays in one process. Modules that share a running server go to few processes, because every process that gets
one of them starts that server, its stores and perhaps a browser: a few seconds of CPU, a cluster of the fault tests
three times that.
"""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

from xdist.scheduler.loadscope import LoadScopeScheduling

TESTS = Path(__file__).parents[1]
# The number of processes for the modules whose path below tests/ begins like this. Each share takes at most four
# minutes on two cores.
SHARES = {
    "contract/": 3,
    "e2e/page/": 2,
    "e2e/client/": 1,
    "e2e/widget/": 1,
    "push/": 1,
    "faults/": 3,
    "sdk/test_live_": 1,
    "webhooks/test_api": 1,
}
# Modules with one of these start servers of their own, or use the folder's second server.
OWN = ("private_stack", "make_stack")
SECOND = "short_server"


class SharedServerScheduling(LoadScopeScheduling):
    """Gives each process the modules of one share, or one other module, at a time."""

    def _split_scope(self, nodeid: str) -> str:
        return share_of(nodeid.partition("::")[0])


def share_of(module: str) -> str:
    """Returns the name of the module's share. ``module`` is a path such as ``tests/push/test_many.py``."""
    prefix = next((prefix for prefix in SHARES if module.startswith(f"tests/{prefix}")), None)
    text = (TESTS.parent / module).read_text()
    if prefix is None or any(name in text for name in OWN):
        return module
    return f"{prefix} {0 if SECOND in text else crc32(module.encode()) % SHARES[prefix]}"
