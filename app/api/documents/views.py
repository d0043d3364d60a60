"""/api/v1/openapi.json, /asyncapi.json, and /docs, which shows both in a browser without JavaScript."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, render_template

from app.api.documents.asyncapi import asyncapi
from app.api.documents.openapi import openapi
from app.api.documents.page import page
from app.api.parsing import json_response

WEB = Path(__file__).parents[2] / "web"

blueprint = Blueprint("documents", __name__, static_folder=WEB / "static", static_url_path="/static")


@blueprint.get("/api/v1/openapi.json")
def rest_document() -> Response:
    return json_response(openapi())


@blueprint.get("/asyncapi.json")
def event_document() -> Response:
    return json_response(asyncapi())


@blueprint.get("/docs")
def docs() -> str:
    return render_template("docs.html", **page())
