"""The web process: ``gunicorn -c gunicorn.conf.py wsgi:app``."""

from __future__ import annotations

# Must come first: modules that are imported before it keep the blocking socket, ssl and locks of the standard library.
from gevent import monkey

monkey.patch_all()

import os  # noqa: E402
import sys  # noqa: E402

import psycopg.waiting  # noqa: E402

from app import create_app  # noqa: E402
from app.config import CONFIG_EXIT_STATUS, ConfigError  # noqa: E402

# psycopg chooses its wait function at import. The C function would block the event loop, and with it every session of
# this gateway, for the length of each query.
if psycopg.waiting.wait is getattr(psycopg.waiting, "wait_c", None):
    raise RuntimeError("psycopg was imported before gevent patched the process")

try:
    app = create_app()
except ConfigError as error:
    print(error.report(), file=sys.stderr, flush=True)
    # Not sys.exit: gunicorn would print the traceback of a SystemExit that is raised while it loads the application.
    os._exit(CONFIG_EXIT_STATUS)
