"""Names that the requests share."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import httpx

from app.core.command_kinds import COMMANDS

# Mails of the server under test.
OUTBOX = Path(tempfile.mkdtemp(prefix="parley-test-"))
SERVER_KEY = "the-key-of-a-host-for-the-test-of-documents"

Call = Callable[..., httpx.Response]
SWITCHES = {name: command for name, command in COMMANDS.items() if command.switch}
