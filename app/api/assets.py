"""/assets/…: the files of the page and the widget. Names change with the content, so browsers keep them for good.

During a deploy, a page and its files may come from processes of different versions. An unknown name of a file with
which the page begins gets the present file, which the browser must not keep. An unknown name of a script that is loaded
later is not found: it belongs to the other parts of its own version. The page tries again, then offers a reload.
"""

from __future__ import annotations

import re
from functools import lru_cache

from flask import Blueprint, Response

from app.api.serve_file import FOR_GOOD, NEVER_KEPT, serve_file
from app.container import current_container
from app.core.errors import NotFound
from app.web.assets import Assets, build, signature

_HASHED = re.compile(r"([\w-]+)\.[0-9a-f]{16}\.(js|css|svg|png|webmanifest)")
_WITHOUT_VERSION = re.compile(r"(?:page|widget|embed)\..+|.+\.(?:svg|png)")

blueprint = Blueprint("assets", __name__)


@blueprint.get("/assets/<name>")
def asset(name: str) -> Response:
    assets = current_assets()
    if name in assets.files:
        return serve_file(assets.files[name], FOR_GOOD)
    match = _HASHED.fullmatch(name)
    plain = f"{match[1]}.{match[2]}" if match else ""
    if plain not in assets.names or not _WITHOUT_VERSION.fullmatch(plain):
        raise NotFound
    return serve_file(assets.files[assets.names[plain]], NEVER_KEPT)


def current_assets() -> Assets:
    """Raises BundleError if a file was changed so that the page cannot be put together."""
    return _built(None if current_container().settings.production else signature())


@lru_cache(maxsize=1)
def _built(_signature: tuple[int, int] | None) -> Assets:
    return build()
