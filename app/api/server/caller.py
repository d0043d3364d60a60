"""Authenticates a host's server by its key."""

from __future__ import annotations

from flask import g, request

from app.api.caller import address, require_bearer_token
from app.container import current_container
from app.core.errors import Forbidden
from app.core.networks import network_of
from app.core.server_keys import Scope, ServerCaller

# The largest body of a request with many objects. Other requests keep the usual limit.
MAX_BATCH_BYTES = 8 * 1024 * 1024


def require_scope(*scopes: Scope) -> ServerCaller:
    """Returns the caller and counts the request. The key needs only one of the scopes.

    Raises Unauthorized for a missing, unknown or revoked key, RateLimited, Forbidden if the key has none of the scopes,
    and Overloaded if a store does not answer.
    """
    container = current_container()
    caller = container.server_keys.verify(require_bearer_token(), network_of(address()))
    g.server_key = caller.name  # for the access log
    container.limits.server_key(caller.key_id)
    if not caller.has_one_of(scopes):
        raise Forbidden(f"This key needs the scope {' or '.join(scopes)}.")
    return caller


def allow_batch() -> None:
    """Lets this request have a body of up to ``MAX_BATCH_BYTES``. Call it after ``require_scope``."""
    request.max_content_length = MAX_BATCH_BYTES
