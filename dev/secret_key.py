"""The signing key of a development copy: random, and kept beside its data so that sessions survive a restart."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

FILE = "secret-key"


def kept_in(directory: Path) -> str:
    """Returns the key of this data directory, and makes one at the first start. Only its owner can read the file."""
    path = directory / FILE
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        key = secrets.token_urlsafe(48)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(key)
        return key
