"""The text that `make run` prints when the server is ready: its address, two links that sign in two users,
and where mails go.
"""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit

from app.core.demo_code import demo_code

# Defined here because this module imports only the pure core of the application.
NAMES = ("alice", "bob")
PASSWORD = os.environ.get("PARLEY_DEMO_PASSWORD") or "parley-demo"


def show(address: str, people: dict[str, int], demo_key: str, seconds: float, mail_url: str) -> None:
    lines = [*_lines(address, people, demo_key, seconds), *_mails(mail_url)]
    print("\n" + "\n".join(lines) + "\n", flush=True)


def _mails(mail_url: str) -> list[str]:
    """Names the folder of the mails. If mails are sent, names nothing, because the URL of a mail server can hold a
    password.
    """
    parts = urlsplit(mail_url)
    return [f"Mails are not sent but written to {unquote(parts.path)}"] if parts.scheme == "file" else []


def _lines(address: str, people: dict[str, int], demo_key: str, seconds: float) -> list[str]:
    lines = [f"Parley is ready at {address} ({seconds:.1f} s). Ctrl-C stops it."]
    if len(people) < 2 or not demo_key:
        return lines
    return [
        *lines,
        f"Open each link in its own window and write from one to the other (password {PASSWORD}):",
        "",
        *(f"  {name:<6} {address}/#demo={demo_code(demo_key, name)}" for name in people),
        "",
        f"The API: {address}/docs",
    ]
