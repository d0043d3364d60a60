"""/: the page that comes with the server, and the sign-in with its demo links."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from flask import Blueprint, Response, render_template
from msgspec import Meta, Struct

from app.api.caller import address
from app.api.client_files import files as client_files
from app.api.jwt_manager import signed_in
from app.api.parsing import json_response, parse_body
from app.container import current_container
from app.services.auth.log_in_demo import demo_is_on, log_in_demo

STATIC = Path(__file__).parents[1] / "web" / "static"
# Modules of the client that the page does not load: the service worker is registered, the legacy client is independent,
# and types are for tools.
NOT_LOADED = {"sw.js", "legacy.js", "lib/types.js", "lib/option_types.js", "lib/link_types.js"}

blueprint = Blueprint("page", __name__)


class DemoCode(Struct, frozen=True):
    code: Annotated[str, Meta(min_length=1, max_length=128)]


@blueprint.get("/")
def home() -> Response:
    settings = current_container().settings
    html = render_template(
        "page.html",
        modules=MODULES,
        client=sorted(client_files().keys() - NOT_LOADED),
        styles=STYLES,
        demo=demo_is_on(settings),
        accounts=settings.local_accounts_on,
    )
    response = Response(html, mimetype="text/html")
    response.headers["Cache-Control"] = "no-cache"
    return response


@blueprint.post("/demo/login")
def demo_login() -> Response:
    """Not part of the API: only a development server answers here."""
    body = parse_body(DemoCode)
    container = current_container()
    container.limits.sign_in(address(), body.code.partition(".")[0])
    made = log_in_demo(
        body.code, engine=container.engine, sessions=container.auth_sessions, settings=container.settings
    )
    response = json_response(signed_in(made))
    response.headers["Cache-Control"] = "no-store"
    return response


def _files(kind: str) -> list[str]:
    """Lists the page's files for its head, so that a browser requests all of them at once instead of one import after
    the
    other.
    """
    return sorted(path.relative_to(STATIC).as_posix() for path in (STATIC / "page").rglob(f"*.{kind}"))


MODULES = _files("js")
STYLES = _files("css")
