"""Who is calling: a verified access token, or a ticket that was got with one."""

from __future__ import annotations

import time

from flask import Request, request

from app.container import Container, current_container
from app.core.caller import Caller
from app.core.errors import Unauthorized
from app.services.auth.check_revoked import is_revoked
from app.services.auth.local_tokens import LocalClaims, looks_local, read_local_token
from app.services.auth.provision_external_user import user_id_of
from app.services.auth.redeem_ticket import redeem_ticket


def verify_access_token(parley: Container, token: str) -> Caller:
    """Raise Unauthorized for a token that is forged, expired, of another kind, or of a session that was
    logged out.

    The signature of the same token is computed once; revocation is looked up each time (in memory, in a
    gateway). Raises Overloaded where it takes a store or the outside issuer to tell, and that does not
    answer.
    """
    now = time.time()
    caller = parley.verified.get(token, now)
    if caller is None:
        caller = _read(parley, token)
        parley.verified.put(token, caller)
    if is_revoked(parley, caller):
        raise Unauthorized("The session was logged out.")
    return caller


def caller_of_request(*, allow_ticket: bool = False) -> Caller | None:
    """From ``Authorization: Bearer`` or, where allowed, ``?ticket=``; None where neither is there. Raises
    Unauthorized.

    A token in the URL is not looked at. The ticket is used up, also when something later refuses the request.
    """
    token = bearer_token(request)
    if token is not None:
        return verify_access_token(current_container(), token)
    ticket = request.args.get("ticket") if allow_ticket else None
    return redeem_ticket(current_container(), ticket) if ticket else None


def require_caller(*, allow_ticket: bool = False) -> Caller:
    """``caller_of_request``, with Unauthorized where it answers None."""
    caller = caller_of_request(allow_ticket=allow_ticket)
    if caller is None:
        raise Unauthorized
    return caller


def bearer_token(request: Request) -> str | None:
    """None where the header is absent. Raises Unauthorized for another scheme."""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("Authorization must be: Bearer <token>.")
    return token.strip()


def _read(parley: Container, token: str) -> Caller:
    if parley.issuer is None or (parley.settings.local_accounts_on and looks_local(token)):
        return _of_local(read_local_token(parley.settings, token))
    claims = parley.issuer.read_token(token)
    return Caller(user_id=user_id_of(parley, claims), sid=claims.sid, expires_at=claims.expires_at)


def _of_local(claims: LocalClaims) -> Caller:
    if claims.type != "access":
        raise Unauthorized("This is not an access token.")
    return Caller(user_id=claims.user_id, sid=claims.sid, expires_at=claims.exp)
