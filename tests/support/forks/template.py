"""A process that has made the imports of a server, and forks servers and commands: ``python -m … web`` or ``worker``.

It reads requests from stdin and writes answers to stdout, each a line of JSON. It has read no settings, opened no
connection and started no thread. ``tasks`` and celeryconfig.py read settings while they are imported, so every fork
imports them itself. The template ends when its stdin does.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import re
import runpy
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[3]
# gunicorn's arbiter imports these before gevent patches the worker, and the worker imports the others after that.
ARBITER = ("gunicorn.app.wsgiapp", "gunicorn.glogging", "app.logs", "app.web_worker")
GATEWAY = (
    "gevent.resolver.thread",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "app.factory",
    "app.bootstrap.gateway",
    "app.redis_check",
)
# Celery and kombu import these when they need them.
CELERY = (
    "celery.app.amqp",
    "celery.app.control",
    "celery.app.events",
    "celery.app.log",
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.backends.base",
    "celery.concurrency.prefork",
    "celery.events.receiver",
    "celery.fixups.django",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer",
    "celery.worker.loops",
    "celery.worker.strategy",
    "cffi.cparser",
    "pycparser",
    "kombu.transport.redis",
    "sqlalchemy.dialects.postgresql.psycopg",
)
# The arbiter uses the standard library's own functions of these modules, which gevent replaces only in the worker.
UNPATCHED = (
    "_queue",
    "_socket",
    "os",
    "posix",
    "queue",
    "select",
    "selectors",
    "signal",
    "socket",
    "subprocess",
    "time",
)
PATCHED_ALREADY = "_gevent_saved_patch_all_module_settings"


def load_web() -> None:
    from gevent import monkey

    _import(ARBITER)
    monkey.patch_all()
    _import(GATEWAY)


def load_worker() -> None:
    """Imports the modules that the modules of ``tasks`` import."""
    _import(CELERY)
    sources = "".join(path.read_text() for path in (ROOT / "tasks").glob("*.py"))
    _import(re.findall(r"^from (app[.\w]*) import", sources, re.MULTILINE))


def _import(names: Iterable[str]) -> None:
    for name in names:
        importlib.import_module(name)


LOADERS = {"web": load_web, "worker": load_worker}


def load(kind: str) -> None:
    """Imports, and freezes all objects: a collection in a fork would copy every page."""
    LOADERS[kind]()
    gc.collect()
    gc.freeze()


def serve() -> dict[str, Any] | None:
    """Forks for each request and reaps when asked to. Returns the request in the forks, and None at the end."""
    fork, wait = _original("fork"), _original("waitpid")
    while line := sys.stdin.buffer.readline():
        request: dict[str, Any] = json.loads(line)
        if "reap" in request:
            _answer(_exit_code(*wait(request["reap"], os.WNOHANG)))
        elif fork() == 0:
            os.setsid()
            _answer(os.getpid())
            return request
    return None


def _original(name: str) -> Any:
    monkey = sys.modules.get("gevent.monkey")
    return monkey.get_original("os", name) if monkey else getattr(os, name)


def _exit_code(ended: int, status: int) -> int | None:
    return os.waitstatus_to_exitcode(status) if ended else None


def _answer(value: int | None) -> None:
    os.write(1, json.dumps(value).encode() + b"\n")


def become(command: str | list[str], env: dict[str, str], output: str, errors: str) -> None:
    """Turns this fork into the process that a shell and exec would have made, and runs the program."""
    _open_as(0, os.devnull, os.O_RDONLY)
    for number, path in ((1, output), (2, errors)):
        _open_as(number, path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.environ.clear()
    os.environ.update(env)
    if "gevent.monkey" in sys.modules:
        sys.modules["gevent.hub"].reinit()
        unpatch()
    program, *arguments = words(command) if isinstance(command, str) else command
    if program == "python" and arguments[0] == "-m":
        _run_module(*arguments[1:])
    elif program == "python":
        _run_code(*arguments)
    else:
        _run_script(BIN / program, arguments)


def _run_script(path: Path, arguments: list[str]) -> None:
    sys.argv = [str(path), *arguments]
    sys.path[0] = str(BIN)
    runpy.run_path(str(path), run_name="__main__")


def _run_module(name: str) -> None:
    """Does what ``python -m`` does."""
    sys.argv, sys.path[0] = [name], os.getcwd()
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _run_code(option: str, code: str) -> None:
    """Does what ``python -c`` does."""
    sys.argv, sys.path[0] = [option], ""
    exec(code, {"__name__": "__main__"})


def _open_as(number: int, path: str, flags: int) -> None:
    opened = os.open(path, flags)
    os.dup2(opened, number)
    os.close(opened)


def words(command: str) -> list[str]:
    """Returns the words of a command of the Procfile, with the values of ``$$`` and ``${NAME:-default}``."""
    text = command.removeprefix("exec ").replace("$$", str(os.getpid()))
    return shlex.split(re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: os.environ.get(found[1]) or found[2], text))


def unpatch() -> None:
    """Restores what gunicorn's arbiter has without gevent. The worker and wsgi.py patch it, as they always do."""
    from gevent import monkey

    for name in UNPATCHED:
        for item, original in monkey.saved.pop(name, {}).items():
            setattr(sys.modules[name], item, original)
    monkey.saved.pop(PATCHED_ALREADY)
    monkey.patch_thread = lambda *_, **__: None  # threads stay patched, and a second patch would add a second fork hook


def main() -> None:
    load(sys.argv[1])
    request = serve()
    if request is not None:
        become(**request)


if __name__ == "__main__":
    main()
