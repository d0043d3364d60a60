"""Security headers, and CORS for the origins that settings name. Clients of other origins use REST and SSE
with it.
"""

from __future__ import annotations

from functools import cache, partial

from flask import Flask, Response, request

from app.config import Settings
from app.services.check_origin import is_listed

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), payment=()",
}
CSP_DATA = "default-src 'none'; frame-ancestors 'none'"
CSP_PAGE = (
    "default-src 'self'; img-src 'self' data: https:; media-src 'self' https:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HSTS = ("Strict-Transport-Security", "max-age=31536000")


def install(app: Flask, settings: Settings) -> None:
    app.after_request(partial(_security, settings.production))
    app.after_request(partial(_cors, settings))


@cache
def data_headers(settings: Settings, *, secure: bool) -> list[tuple[str, str]]:
    """What ``_security`` adds to an answer of the API, for who answers without Flask."""
    headers = [*SECURITY_HEADERS.items(), ("Content-Security-Policy", CSP_DATA), ("Cache-Control", "no-store")]
    if settings.production and secure:
        headers.append(HSTS)
    if settings.allowed_origins:
        headers.append(("Vary", "Origin"))
    return headers


def _security(production: bool, response: Response) -> Response:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    page = response.mimetype == "text/html"
    response.headers.setdefault("Content-Security-Policy", CSP_PAGE if page else CSP_DATA)
    if request.path.startswith("/api/"):
        response.headers.setdefault("Cache-Control", "no-store")
    if production and request.is_secure:
        response.headers.setdefault(*HSTS)
    return response


def _cors(settings: Settings, response: Response) -> Response:
    """No credentials mode: tokens travel in ``Authorization``, so no cookie is ever asked for."""
    origin = request.headers.get("Origin")
    if not settings.allowed_origins:
        return response
    response.vary.add("Origin")
    if origin is None or not is_listed(origin, settings):
        return response
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = "X-Request-ID, Retry-After"
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, PUT, PATCH, DELETE"
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Last-Event-ID, X-Request-ID"
        response.headers["Access-Control-Max-Age"] = "600"
    return response
