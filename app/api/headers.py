"""Adds security headers, and CORS headers for the origins in ALLOWED_ORIGINS, whose pages use REST and SSE."""

from __future__ import annotations

from functools import partial

from flask import Flask, Response, request

from app.api.check_origin import is_listed
from app.config import Settings

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), payment=()",
}
CSP_DATA = "default-src 'none'; frame-ancestors 'none'"
# Images and recordings come from the media storage, or from memory during an upload. Trusted types: no script can turn
# text into markup, and only addresses of our own workers pass (static/page/trust.js).
CSP_PAGE = (
    "default-src 'self'; img-src 'self' data: blob: https:; media-src 'self' blob: https:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types default"
)
# The widget in a frame, for the pages of hosts.
EMBED = "/embed"
HSTS = ("Strict-Transport-Security", "max-age=31536000")


def install(app: Flask, settings: Settings) -> None:
    app.after_request(partial(_security, settings))
    app.after_request(partial(_cors, settings))


def data_headers(settings: Settings, *, secure: bool) -> list[tuple[str, str]]:
    """Returns the headers of an API answer to the server's own origin. For code that answers without Flask."""
    headers = _security_headers(settings, CSP_DATA, secure=secure, api=True)
    if settings.allowed_origins:
        headers.append(("Vary", "Origin"))
    return headers


def _security_headers(settings: Settings, policy: str, *, secure: bool, api: bool) -> list[tuple[str, str]]:
    headers = [*SECURITY_HEADERS.items(), ("Content-Security-Policy", policy)]
    if api:
        headers.append(("Cache-Control", "no-store"))
    if settings.production and secure:
        headers.append(HSTS)
    return headers


def _security(settings: Settings, response: Response) -> Response:
    framed = request.path == EMBED and response.mimetype == "text/html"
    policy = CSP_PAGE if response.mimetype == "text/html" else CSP_DATA
    policy = policy.replace("frame-ancestors 'none'", _frame_ancestors(settings)) if framed else policy
    api = request.path.startswith("/api/")
    for name, value in _security_headers(settings, policy, secure=request.is_secure, api=api):
        response.headers.setdefault(name, value)
    if framed and settings.allowed_origins:
        del response.headers["X-Frame-Options"]  # it cannot name origins; the policy does
    return response


def _frame_ancestors(settings: Settings) -> str:
    return " ".join(("frame-ancestors", *(settings.allowed_origins or ("'none'",))))


def _cors(settings: Settings, response: Response) -> Response:
    """Does not allow credentials: tokens are in ``Authorization``, and we never set a cookie."""
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
