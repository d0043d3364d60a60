"""The web process: ``gunicorn -c gunicorn.conf.py wsgi:app``."""

from __future__ import annotations

# Must come first: modules that are imported before it keep the blocking socket, ssl and locks of the standard library.
from gevent import monkey

monkey.patch_all()

import psycopg.waiting  # noqa: E402

from app import create_app  # noqa: E402
from app.config import ConfigError  # noqa: E402
from app.web_refusal import refuse_to_start  # noqa: E402

# psycopg chooses its wait function at import. The C function would block the event loop, and with it every session of
# this gateway, for the length of each query.
if psycopg.waiting.wait is getattr(psycopg.waiting, "wait_c", None):
    raise RuntimeError("psycopg was imported before gevent patched the process")

try:
    app = create_app()
except ConfigError as error:
    refuse_to_start(error)
