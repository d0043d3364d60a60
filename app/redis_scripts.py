"""Lua scripts: one file each, loaded once, called by their SHA-1."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis import Redis
from redis.commands.core import Script
from redis.exceptions import NoPermissionError, ResponseError

from app.redis_cluster import is_on_cluster
from app.redis_one_connection import OneConnection
from app.redis_publications import in_lua

log = logging.getLogger(__name__)

# While a slot is moved key by key, a node refuses each key that it does not have. A script would then stop half-way,
# with only some of its keys written. So it first looks up a key that never exists, and is refused before it writes.
_WHOLE_SLOT = "if KEYS[1] then redis.call('EXISTS', string.match(KEYS[1], '^{.-}') .. ':never') end\n"


_LAST_LINE = "return run()\n"
# Versions of one function that a server keeps: those of releases that run side by side, and a few older ones.
VERSIONS_KEPT = 4


@cache
def source(package: str, name: str) -> str:
    return (files(package) / "lua" / f"{name}.lua").read_text(encoding="utf-8")


def script(redis: Redis, package: str, name: str, *, after: str = "", constants: str = "") -> Script:
    """Returns a callable ``(keys, args)``. It loads the script again if Redis has forgotten it (restart, SCRIPT FLUSH).

    ``after`` names the files, separated by spaces, whose functions the script begins with: Lua in Redis has no
    ``require``. ``constants`` is Lua text that goes before all of it.
    """
    return redis.register_script(_guard(redis) + in_lua(redis, _text(package, name, after, constants)))


def _guard(redis: Redis) -> str:
    return _WHOLE_SLOT if is_on_cluster(redis) else ""


def _text(package: str, name: str, after: str, constants: str) -> str:
    return constants + "".join(source(package, before) + "\n" for before in after.split()) + source(package, name)


class LoadedFunction:
    """A script as a function of Redis. Redis then makes the script's local functions once, instead of in each call,
    which is a quarter of the work of a short call.

    The script's last line must be ``return run()``, and everything before it must set no state of a call. Redis keeps
    functions with its data. Each version of a script has a name of its own, so releases can run side by side. On a
    client with a pool, or if Redis refuses functions, it is called as a script.
    """

    def __init__(self, redis: Redis, package: str, name: str, *, after: str = "", constants: str = "") -> None:
        text, guard = in_lua(redis, _text(package, name, after, constants)), _guard(redis)
        self._script = redis.register_script(guard + text)
        self._family = f"parley_{name}_"
        self.name = self._family + sha1((guard + text).encode()).hexdigest()[:12]  # noqa: S324 - no secret
        run = f"function(keys, args)\nKEYS, ARGV = keys, args\n{guard}return run()\nend"
        register = f"redis.register_function('{self.name}', {run})\n"
        self._library = f"#!lua name={self.name}\nlocal KEYS, ARGV\n{text.removesuffix(_LAST_LINE)}{register}"
        self._is_refused = False

    def __call__(self, keys: Sequence[str], args: Sequence[Any], client: Redis) -> Any:
        """Raises RedisError."""
        if not self._is_refused and isinstance(client, OneConnection):
            try:
                return self._call(client, "FCALL", self.name, len(keys), *keys, *args)
            except ResponseError as error:
                if not _is_refusal(error):
                    raise
                log.warning("Redis does not accept functions, so the script is called instead: %s", error)
                self._is_refused = True
        return self._script(keys=keys, args=args, client=client)

    def _call(self, client: OneConnection, *call: Any) -> Any:
        try:
            return client.call(*call)
        except ResponseError as error:
            if "unction not found" not in str(error):
                raise
        client.call("FUNCTION", "LOAD", "REPLACE", self._library)
        self._delete_old_versions(client)
        return client.call(*call)

    def _delete_old_versions(self, client: OneConnection) -> None:
        """Deletes all other versions if they are many: each takes 30 KB. A process that needs one loads it again."""
        listed = client.call("FUNCTION", "LIST", "LIBRARYNAME", f"{self._family}*")
        names = [one[b"library_name"] if isinstance(one, dict) else one[1] for one in listed]
        if len(names) > VERSIONS_KEPT:
            for name in names:
                if name != self.name.encode():
                    client.call("FUNCTION", "DELETE", name)


def _is_refusal(error: ResponseError) -> bool:
    """Returns whether Redis never accepts functions, because it has none or our user may not use them."""
    return isinstance(error, NoPermissionError) or "unknown command" in str(error).lower()
