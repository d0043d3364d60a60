"""/client/…: the modules of the JavaScript client in client/, and /sw.js, its service worker.

The files are read once and kept compressed. Browsers revalidate them on every use (304 if the ETag matches), so they
see a new release immediately. The widget's entry leads to a single script with all its modules, which browsers keep.
"""

from __future__ import annotations

from functools import cache, lru_cache

from flask import Blueprint, Response

from app.api.assets import current_assets
from app.api.serve_file import REVALIDATED, serve_file
from app.core.errors import NotFound
from app.web.assets import CLIENT, JAVASCRIPT
from app.web.packed import Packed

blueprint = Blueprint("client_files", __name__)


@blueprint.get("/client/widget.js")
def widget() -> Response:
    return serve_file(_entry(current_assets().address("widget.js")), REVALIDATED)


@blueprint.get("/client/<path:name>")
def module(name: str) -> Response:
    return _served(name)


@blueprint.get("/sw.js")
def service_worker() -> Response:
    """This file is at the root, because a service worker controls only pages below its own address."""
    return _served("sw.js")


def _served(name: str) -> Response:
    kept = _files().get(name)
    if kept is None:
        raise NotFound
    return serve_file(kept, REVALIDATED)


@lru_cache(maxsize=1)
def _entry(address: str) -> Packed:
    return Packed(f'import "..{address}";\n'.encode(), JAVASCRIPT)


@cache
def _files() -> dict[str, Packed]:
    """Returns the modules by their path below client/. No other file is served."""
    paths = CLIENT.rglob("*.js")
    return {path.relative_to(CLIENT).as_posix(): Packed(path.read_bytes(), JAVASCRIPT) for path in paths}
