"""The web process: ``gunicorn -c gunicorn.conf.py wsgi:app``."""

from __future__ import annotations

# First of all: what is imported before it keeps the blocking socket, ssl and lock of the standard library.
from gevent import monkey

monkey.patch_all()

import os  # noqa: E402
import sys  # noqa: E402

import psycopg.waiting  # noqa: E402

from app import create_app  # noqa: E402
from app.config import ConfigError  # noqa: E402

# psycopg chooses how it waits when it is imported. The C wait would block the hub, and with it every
# session of this gateway, for the length of each query.
if psycopg.waiting.wait is getattr(psycopg.waiting, "wait_c", None):
    raise RuntimeError("psycopg was imported before gevent patched the process")

# gunicorn's arbiter takes 3 as "this will not get better by trying again", and stops instead of starting
# workers anew.
BOOT_ERROR = 3

try:
    app = create_app()
except ConfigError as error:
    print(f"parley: {error}", file=sys.stderr, flush=True)
    # Not sys.exit: gunicorn would print the traceback of a SystemExit raised while it loads the application.
    os._exit(BOOT_ERROR)
