"""/client/…: the modules of the JavaScript client in client/, and /sw.js, its service worker.

The files are read once and kept compressed. Browsers revalidate them on every use (304 if the ETag matches), so they
see a new release immediately.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from flask import Blueprint, Response, request

from app.core.errors import NotFound

CLIENT = Path(__file__).parents[2] / "client"
JAVASCRIPT = "text/javascript; charset=utf-8"

blueprint = Blueprint("client_files", __name__)


class File(NamedTuple):
    plain: bytes
    packed: bytes
    etag: str


@blueprint.get("/client/<path:name>")
def module(name: str) -> Response:
    return _served(name)


@blueprint.get("/sw.js")
def service_worker() -> Response:
    """This file is at the root, because a service worker controls only pages below its own address."""
    return _served("sw.js")


def _served(name: str) -> Response:
    kept = files().get(name)
    if kept is None:
        raise NotFound
    packed = request.accept_encodings.quality("gzip") > 0
    response = Response(kept.packed if packed else kept.plain, content_type=JAVASCRIPT)
    if packed:
        response.content_encoding = "gzip"
    response.vary.add("Accept-Encoding")
    response.set_etag(kept.etag, weak=True)
    response.cache_control.no_cache = True
    response.make_conditional(request)
    return response


@cache
def files() -> dict[str, File]:
    """Returns the modules by their path below client/. No other file is served."""
    return {path.relative_to(CLIENT).as_posix(): _read(path) for path in CLIENT.rglob("*.js")}


def _read(path: Path) -> File:
    plain = path.read_bytes()
    return File(plain, gzip.compress(plain, mtime=0), hashlib.sha256(plain).hexdigest()[:20])
