"""Parley's own tokens, read by a process whose clock differs from the one that issued them."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest

from app.core.errors import Unauthorized
from app.core.key_ring import KeyRing
from app.services.auth.local_tokens import ALGORITHM, AUDIENCE, ISSUER, read_local_token

KEYS = KeyRing(["a-secret-key-of-more-than-32-characters"])


def issued(seconds_from_now: int, **changes: Any) -> str:
    """Returns a token of 15 minutes, issued by a process whose clock is ahead of ours by that much."""
    then = int(time.time()) + seconds_from_now
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "7", "sid": "s", "type": "access"}
    claims |= {"iat": then, "nbf": then, "exp": then + 900, **changes}
    return jwt.encode(claims, KEYS.signing_key, ALGORITHM, headers={"kid": KEYS.signing_id})


@pytest.mark.parametrize("seconds", [-800, -60, 0, 20, 60, 3600, 86400])
def test_fresh_token_is_accepted_however_far_ahead_its_issuers_clock_is(seconds: int) -> None:
    assert read_local_token(issued(seconds), keys=KEYS).user_id == 7


@pytest.mark.parametrize("seconds", [-901, -3600])
def test_expired_token_is_refused(seconds: int) -> None:
    with pytest.raises(Unauthorized):
        read_local_token(issued(seconds), keys=KEYS)
