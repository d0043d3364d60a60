"""/embed: the widget as a page of its own, for frames in pages of hosts. app/api/headers.py says who may frame it."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request

from app.api.assets import current_assets
from app.api.serve_file import REVALIDATED, serve_file
from app.container import current_container
from app.web.packed import Packed

blueprint = Blueprint("embed", __name__)


@blueprint.get("/embed")
def embed() -> Response:
    """The script reads the query and takes the token from a page of one of the origins."""
    origins = current_container().settings.allowed_origins
    html = render_template(
        "embed.html",
        address=lambda name: request.script_root + current_assets().address(name),
        origins=" ".join(origins),
    )
    return serve_file(Packed(html.encode(), "text/html; charset=utf-8"), REVALIDATED)
