"""Lua scripts: one file each, loaded once, called by their SHA-1."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from redis import Redis
from redis.commands.core import Script

from app.redis_cluster import is_on_cluster

# While a slot is moved key by key, a node refuses each key that it does not have. A script would then stop half-way,
# with only some of its keys written. So it first looks up a key that never exists, and is refused before it writes.
_WHOLE_SLOT = "if KEYS[1] then redis.call('EXISTS', string.match(KEYS[1], '^{.-}') .. ':never') end\n"


@cache
def source(package: str, name: str) -> str:
    return (files(package) / "lua" / f"{name}.lua").read_text(encoding="utf-8")


def script(redis: Redis, package: str, name: str, *, after: str = "", constants: str = "") -> Script:
    """Returns a callable ``(keys, args)``. It loads the script again if Redis has forgotten it (restart, SCRIPT FLUSH).

    ``after`` names the files, separated by spaces, whose functions the script begins with: Lua in Redis has no
    ``require``. ``constants`` is Lua text that goes before all of it.
    """
    prelude = "".join(source(package, before) + "\n" for before in after.split())
    guard = _WHOLE_SLOT if is_on_cluster(redis) else ""
    return redis.register_script(guard + constants + prelude + source(package, name))
