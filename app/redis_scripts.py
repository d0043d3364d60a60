"""Lua scripts: one file each, loaded once, called by their SHA-1."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from redis import Redis
from redis.commands.core import Script


@cache
def source(package: str, name: str) -> str:
    return (files(package) / "lua" / f"{name}.lua").read_text(encoding="utf-8")


def script(redis: Redis, package: str, name: str, *, after: str = "", constants: str = "") -> Script:
    """Returns a callable ``(keys, args)``. It loads the script again if Redis has forgotten it (restart, SCRIPT FLUSH).

    ``after`` names the files, separated by spaces, whose functions the script begins with: Lua in Redis has no
    ``require``. ``constants`` is Lua text that goes before all of it.
    """
    prelude = "".join(source(package, before) + "\n" for before in after.split())
    return redis.register_script(constants + prelude + source(package, name))
