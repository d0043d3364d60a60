"""/: the page that comes with the server, and the sign-in with its demo links."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response, render_template, request
from msgspec import Meta, Struct

from app.api.assets import current_assets
from app.api.caller import address
from app.api.jwt_manager import signed_in
from app.api.parsing import json_response, parse_body
from app.api.serve_file import REVALIDATED, serve_file
from app.container import current_container
from app.services.auth.log_in_demo import demo_is_on, log_in_demo
from app.web.assets import LANGUAGES
from app.web.packed import Packed

MODULES = "/static/page/main.js"

blueprint = Blueprint("page", __name__)


class DemoCode(Struct, frozen=True):
    code: Annotated[str, Meta(min_length=1, max_length=128)]


@blueprint.get("/")
def home() -> Response:
    """With ``?modules``, the browser loads the modules one by one, as an editor shows them: for debugging."""
    settings = current_container().settings
    html = render_template(
        "page.html",
        address=lambda name: request.script_root + current_assets().address(name),
        root=request.script_root,
        script=request.script_root + MODULES if "modules" in request.args else None,
        catalogue=_catalogue(),
        demo=demo_is_on(settings),
        accounts=settings.local_accounts_on,
        mail=bool(settings.mail_url),
    )
    response = serve_file(Packed(html.encode(), "text/html; charset=utf-8"), REVALIDATED)
    response.vary.add("Accept-Language")
    return response


def _catalogue() -> str | None:
    """Returns the name of the texts that the page will load in the browser's language; None for English."""
    wanted = [tag.partition("-")[0].lower() for tag, _ in request.accept_languages]
    language = next((language for language in wanted if language in ("en", *LANGUAGES)), "en")
    return None if language == "en" else f"{language}.js"


@blueprint.post("/share")
def share() -> Response:
    """The service worker receives content that other apps share. If there is no worker yet, the content is lost, and
    the page shows a notice.
    """
    return Response(status=303, headers={"Location": f"{request.script_root}/#/share"})


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
