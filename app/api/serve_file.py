"""Sends a file in the smallest form that the browser accepts."""

from __future__ import annotations

from flask import Response, request

from app.web.packed import Packed

FOR_GOOD = "public, max-age=31536000, immutable"
REVALIDATED = "no-cache"
NEVER_KEPT = "no-store"


def serve_file(file: Packed, cache: str) -> Response:
    """``cache`` is the Cache-Control header. Answers 304 if the browser has the file."""
    body, encoding = _encoded(file)
    response = Response(body, content_type=file.content_type)
    if encoding:
        response.content_encoding = encoding
    if file.compressible:
        response.vary.add("Accept-Encoding")
    response.headers["Cache-Control"] = cache
    if cache != NEVER_KEPT:
        response.set_etag(file.hash, weak=True)
        response.make_conditional(request)
    return response


def _encoded(file: Packed) -> tuple[bytes, str | None]:
    accepted = request.accept_encodings
    if file.compressible and accepted.quality("br") > 0:
        return file.brotli, "br"
    if file.compressible and accepted.quality("gzip") > 0:
        return file.gzip, "gzip"
    return file.plain, None
