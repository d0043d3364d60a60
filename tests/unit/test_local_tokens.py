"""Parley's own tokens, read by a process whose clock differs from the one that issued them."""

from __future__ import annotations

import json
import time
from typing import Any

import jwt
import pytest

from app.core.errors import Unauthorized
from app.core.key_ring import KeyRing
from app.services.auth.local_tokens import ALGORITHM, AUDIENCE, ISSUER, read_local_token

KEYS = KeyRing(["a-secret-key-of-more-than-64-characters-because-HS512-wants-that-much"])


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


def signed(claims: Any, **header: Any) -> str:
    """Returns a token with a valid signature, whatever it says."""
    return jwt.PyJWS().encode(
        json.dumps(claims).encode(), KEYS.signing_key, ALGORITHM, headers={"kid": KEYS.signing_id, **header}
    )


GOOD = {"iss": ISSUER, "aud": AUDIENCE, "sub": "7", "sid": "s", "type": "access", "exp": 2**40}


def test_signed_claims_are_read() -> None:
    assert read_local_token(signed(GOOD | {"fresh": True, "jti": "x"}), keys=KEYS).user_id == 7


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": None},
        {"iss": "another"},
        {"aud": "another"},
        {"aud": [AUDIENCE]},
        {"sub": 7},
        {"sub": "seven"},
        {"sub": None},
        {"sid": None},
        {"type": None},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": 1},
    ],
)
def test_claims_of_another_shape_are_refused_though_signed(changes: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized):
        read_local_token(signed(GOOD | changes), keys=KEYS)


@pytest.mark.parametrize("name", list(GOOD))
def test_every_claim_is_needed(name: str) -> None:
    with pytest.raises(Unauthorized):
        read_local_token(signed({kept: value for kept, value in GOOD.items() if kept != name}), keys=KEYS)


@pytest.mark.parametrize("claims", [[], "text", 7, None])
def test_claims_that_are_no_object_are_refused(claims: Any) -> None:
    with pytest.raises(Unauthorized):
        read_local_token(signed(claims), keys=KEYS)


def test_token_of_before_key_ids_names_no_issuer_and_no_audience() -> None:
    old = {name: value for name, value in GOOD.items() if name not in ("iss", "aud")}
    assert read_local_token(jwt.encode(old, KEYS.signing_key, ALGORITHM), keys=KEYS).user_id == 7
    for more in ({"iss": ISSUER}, {"aud": AUDIENCE}, {"iss": ISSUER, "aud": AUDIENCE}):
        with pytest.raises(Unauthorized):
            read_local_token(jwt.encode(old | more, KEYS.signing_key, ALGORITHM), keys=KEYS)


def test_signature_is_verified() -> None:
    good = signed(GOOD)
    head, claims, signature = good.split(".")
    other = jwt.PyJWS().encode(json.dumps(GOOD | {"sub": "8"}).encode(), KEYS.signing_key, ALGORITHM).split(".")[1]
    unsigned = jwt.utils.base64url_encode(b'{"alg":"none","kid":"%b"}' % KEYS.signing_id.encode()).decode()
    foreign = jwt.encode(GOOD, "x" * 40, ALGORITHM, headers={"kid": KEYS.signing_id})
    longer = jwt.encode(GOOD, KEYS.signing_key, "HS512", headers={"kid": KEYS.signing_id})
    unknown = signed(GOOD, kid="00000000")
    flipped = signature[:-2] + ("A" if signature[-2] != "A" else "B") + signature[-1]
    for forged in (
        f"{head}.{other}.{signature}",
        f"{head}.{claims}.{flipped}",
        f"{head}.{claims}.",
        f"{unsigned}.{claims}.",
        f"{unsigned}.{claims}.{signature}",
        foreign,
        longer,
        unknown,
        f"{good}.{signature}",
        f"{head}.{claims}",
        "",
    ):
        with pytest.raises(Unauthorized):
            read_local_token(forged, keys=KEYS)
    assert read_local_token(good, keys=KEYS).user_id == 7
