"""gunicorn loads this: the shop, with Parley below /chat, and a second application of Parley below /support."""

from __future__ import annotations

import os

from shop import jobs, make_shop
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from app import create_app
from app.config import read_settings

assert jobs.celery_app.main == "shop"  # the shop's Celery application comes first

prefix = "PARLEY_"
settings = read_settings(
    {name.removeprefix(prefix): value for name, value in os.environ.items() if name.startswith(prefix)}
)
app = make_shop()
app.wsgi_app = DispatcherMiddleware(  # type: ignore[method-assign]
    app.wsgi_app, {"/chat": create_app(settings), "/support": create_app(settings)}
)
