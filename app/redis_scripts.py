"""Lua scripts: one file each, loaded once, called by their SHA-1."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from redis import Redis
from redis.commands.core import Script


@cache
def source(package: str, name: str) -> str:
    return (files(package) / "lua" / f"{name}.lua").read_text(encoding="utf-8")


def script(redis: Redis, package: str, name: str) -> Script:
    """A callable ``(keys, args)``; loads itself again where Redis has forgotten it (restart, SCRIPT FLUSH)."""
    return redis.register_script(source(package, name))
