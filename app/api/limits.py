"""Who changes something by REST, counted."""

from __future__ import annotations

from flask import request

from app.container import current_container
from app.core.caller import Caller
from app.services.auth.authenticate import require_caller
from app.services.auth.rate_limit import limit_writes


def require_writer() -> Caller:
    """The caller of a route that changes something. Raise Unauthorized, RateLimited; Overloaded without Redis."""
    caller = require_caller()
    limit_writes(current_container(), address(), caller.user_id)
    return caller


def address() -> str:
    """Of the client, as far as our own proxies tell (app/factory.py: trust_proxies)."""
    return request.remote_addr or ""
