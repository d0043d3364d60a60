"""Decides which web pages may open a session. Browsers send ``Origin``, and scripts cannot forge it. Other clients do
not send it.
"""

from __future__ import annotations

from collections.abc import Callable

from werkzeug import Request

from app.config import Settings
from app.core.errors import Forbidden

_DEFAULT_PORTS = {"http": "80", "https": "443"}


def check_origin(request: Request, settings: Settings) -> None:
    """Raises Forbidden unless the Origin is absent, the server's own, or on the allow-list. Call it before any
    upgrade.
    """
    refuse_origin(request.headers.get("Origin"), lambda: own_origin(request), settings)


def refuse_origin(origin: str | None, own: Callable[[], str], settings: Settings) -> None:
    """Does what ``check_origin`` does, for the value of the header. ``own`` returns the server's own origin."""
    if origin is None or is_listed(origin, settings) or _same(origin, own()):
        return
    raise Forbidden("This origin is not on the allow-list.")


def is_listed(origin: str, settings: Settings) -> bool:
    """Returns whether ALLOWED_ORIGINS lists this origin. ``*`` lists every origin; check_settings refuses it in
    production.
    """
    return any(listed == "*" or _same(origin, listed) for listed in settings.allowed_origins)


def own_origin(request: Request) -> str:
    """Returns the scheme and host that the client used, as far as our own proxies report them (trust_proxies in
    app/factory.py).
    """
    scheme = {"ws": "http", "wss": "https"}.get(request.scheme, request.scheme)
    return f"{scheme}://{request.host}"


def _same(one: str, other: str) -> bool:
    return _normal(one) == _normal(other)


def _normal(origin: str) -> str:
    """Lower-cases, and removes the scheme's default port and the trailing slash that people write into settings."""
    scheme, _, host = origin.strip().lower().rstrip("/").partition("://")
    return f"{scheme}://{host.removesuffix(':' + _DEFAULT_PORTS.get(scheme, ''))}"
