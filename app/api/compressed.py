"""Refuses compressed bodies: unpacked, a small one could fill the memory, and read as it is, it is not JSON."""

from __future__ import annotations

from flask import Flask, request

from app.core.errors import UnsupportedMedia


def install(app: Flask) -> None:
    app.before_request(_refuse_compressed)


def _refuse_compressed() -> None:
    has_body = request.content_length or "Transfer-Encoding" in request.headers
    if has_body and request.content_encoding not in (None, "", "identity"):
        raise UnsupportedMedia("The body must not be compressed.")
