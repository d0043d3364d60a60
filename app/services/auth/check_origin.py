"""Which web pages may open a session. Browsers send ``Origin`` and scripts cannot forge it; other clients
send none.
"""

from __future__ import annotations

from werkzeug import Request

from app.config import Settings
from app.core.errors import Forbidden

_DEFAULT_PORTS = {"http": "80", "https": "443"}


def check_origin(request: Request, settings: Settings) -> None:
    """Raise Forbidden unless the Origin is absent, the server's own, or on the list. To be called before any
    upgrade.
    """
    origin = request.headers.get("Origin")
    if origin is None or is_listed(origin, settings) or _same(origin, own_origin(request)):
        return
    raise Forbidden("This origin is not on the allow-list.")


def is_listed(origin: str, settings: Settings) -> bool:
    """``*`` lists every origin; check_settings refuses it in production."""
    return any(listed == "*" or _same(origin, listed) for listed in settings.allowed_origins)


def own_origin(request: Request) -> str:
    """Scheme and host that the client used, as far as our proxies tell (app/factory.py: trust_proxies)."""
    scheme = {"ws": "http", "wss": "https"}.get(request.scheme, request.scheme)
    return f"{scheme}://{request.host}"


def _same(one: str, other: str) -> bool:
    return _normal(one) == _normal(other)


def _normal(origin: str) -> str:
    """Lower case, without the scheme's default port and the slash that people write into settings."""
    scheme, _, host = origin.strip().lower().rstrip("/").partition("://")
    return f"{scheme}://{host.removesuffix(':' + _DEFAULT_PORTS.get(scheme, ''))}"
