"""Authenticates the caller of a request."""

from __future__ import annotations

from flask import g, request

from app.container import current_container
from app.core.caller import Caller
from app.core.errors import Unauthorized
from app.core.networks import network_of
from app.services.auth.authenticate import Authenticator
from app.services.auth.passwords import Passwords


def caller_of_request(*, allow_ticket: bool = False) -> Caller | None:
    """Returns the caller of the present request, as ``caller_of`` does, and notes the user for the access log.

    Ignores access tokens in the URL.
    """
    header = request.headers.get("Authorization")
    ticket = request.args.get("ticket") if allow_ticket and header is None else None
    caller = caller_of(header, ticket, current_container().authenticator)
    if caller is not None:
        note_user(caller.user_id)
    return caller


def caller_of(header: str | None, ticket: str | None, authenticator: Authenticator) -> Caller | None:
    """Returns the caller named by the ``Authorization`` header (Bearer) or, without one, by the ticket; None without
    either.

    The ticket is used up even if the request is refused later. Raises Unauthorized for a credential that is not valid.
    """
    if header is not None:
        return authenticator.verify(token_of(header))
    return authenticator.redeem_ticket(ticket) if ticket else None


def note_user(user_id: int) -> None:
    """Writes the user into the request's line of the access log."""
    g.user_id = user_id


def require_caller(*, allow_ticket: bool = False) -> Caller:
    """Returns the caller as ``caller_of_request`` does. Raises Unauthorized also if the request has no credential,
    and RateLimited if its user or address reads too fast.
    """
    caller = caller_of_request(allow_ticket=allow_ticket)
    if caller is None:
        raise Unauthorized
    if request.method == "GET":
        current_container().reads.count(caller.user_id, network_of(address()))
    return caller


def require_writer() -> Caller:
    """Returns the caller of a route that changes something, and counts the request. Raises Unauthorized, RateLimited;
    Overloaded without Redis.
    """
    caller = require_caller()
    current_container().limits.writes(address(), caller.user_id)
    return caller


def require_bearer_token() -> str:
    """Returns the token of the ``Authorization`` header. Raises Unauthorized if there is none."""
    header = request.headers.get("Authorization")
    if header is None:
        raise Unauthorized
    return token_of(header)


def address() -> str:
    """Returns the client's address, as far as our own proxies report it (trust_proxies in app/factory.py)."""
    return request.remote_addr or ""


def request_passwords() -> Passwords:
    """Returns the passwords for this request. They are hashed in the turns of the request's network."""
    return current_container().passwords.for_network(network_of(address()))


def token_of(header: str) -> str:
    """Returns the token of the value of an ``Authorization`` header. Raises Unauthorized for another scheme."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("Authorization must be: Bearer <token>.")
    return token.strip()
