"""The text that `make run` prints when the server is ready: its address, and two links that sign in two users."""

from __future__ import annotations

import os

from app.core.demo_code import demo_code

# Defined here because this module imports only the pure core of the application.
NAMES = ("alice", "bob")
PASSWORD = os.environ.get("PARLEY_DEMO_PASSWORD") or "parley-demo"


def show(address: str, people: dict[str, int], demo_key: str, seconds: float) -> None:
    print("\n" + "\n".join(_lines(address, people, demo_key, seconds)) + "\n", flush=True)


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
