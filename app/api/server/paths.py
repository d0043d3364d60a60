"""Decodes external ids in paths. An id may contain any printable character, even a slash, so it is percent-encoded.

WSGI servers decode a path before it is routed, which would split ``a%2Fb`` into two parts. The paths of the server API
are therefore routed as they were sent, and each id is decoded by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from flask import Flask
from werkzeug.routing import BaseConverter

PREFIX = "/api/v1/server/"


class ExternalIdConverter(BaseConverter):
    """Decodes a part of the path. Text that is not UTF-8 becomes characters that no external id has."""

    def to_python(self, value: str) -> str:
        return unquote(value, errors="surrogateescape")

    def to_url(self, value: Any) -> str:
        return quote(str(value), safe="")


class EncodedPaths:
    """WSGI middleware. Leaves the paths of the server API percent-encoded."""

    def __init__(self, wsgi_app: Any) -> None:
        self._wsgi_app = wsgi_app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        decoded = environ.get("PATH_INFO", "")
        if decoded.startswith(PREFIX):
            sent = _path_of(environ.get("RAW_URI") or environ.get("REQUEST_URI") or "")
            sent = sent.removeprefix(environ.get("SCRIPT_NAME", ""))
            # The prefix was sent in another form, so only the decoded path can be used.
            environ["PATH_INFO"] = sent if sent.startswith(PREFIX) else quote(decoded, encoding="latin-1")
        answer: Iterable[bytes] = self._wsgi_app(environ, start_response)
        return answer


def _path_of(uri: str) -> str:
    """Returns the path of a request's target, which has a scheme and a host if the client treats us as a proxy."""
    return uri.partition("?")[0] if uri.startswith("/") else urlsplit(uri).path


def install(app: Flask) -> None:
    app.url_map.converters["external_id"] = ExternalIdConverter
    app.wsgi_app = EncodedPaths(app.wsgi_app)  # type: ignore[method-assign]
