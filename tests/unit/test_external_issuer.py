"""Tokens of an external issuer: which are accepted, and how often the issuer's keys are fetched."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest

from app.config import ConfigError
from app.core.errors import Overloaded, Unauthorized
from app.services.auth.external_issuer import (
    REFETCH_SECONDS,
    REFRESH_SECONDS,
    ConfiguredKey,
    ExternalIssuer,
    FetchedKeys,
)
from tests.support.issuer import AUDIENCE, ISSUER, KeyServer, jwk_of, key_server, make_key, public_pem, sign

RSA_KEY = make_key("RS256")
EC_KEY = make_key("ES256")
ED_KEY = make_key("EdDSA")
STRANGER = make_key("RS256")
KEYS = {"RS256": RSA_KEY, "ES256": EC_KEY, "EdDSA": ED_KEY}


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with key_server() as running:
        running.keys = [jwk_of(key, kid=algorithm) for algorithm, key in KEYS.items()]
        yield running


@pytest.fixture
def fetching(server: KeyServer) -> ExternalIssuer:
    return ExternalIssuer(ISSUER, AUDIENCE, FetchedKeys(server.url))


def with_given_key(algorithm: str) -> ExternalIssuer:
    return ExternalIssuer(ISSUER, AUDIENCE, ConfiguredKey(public_pem(KEYS[algorithm])))


@pytest.mark.parametrize("algorithm", KEYS)
def test_each_algorithm_is_accepted_by_key_set_and_by_given_key(fetching: ExternalIssuer, algorithm: str) -> None:
    token = sign(KEYS[algorithm], algorithm, kid=algorithm, preferred_username="ada", name="Ada L.")
    for issuer in (fetching, with_given_key(algorithm)):
        claims = issuer.read_token(token)
        assert (claims.issuer, claims.subject) == (ISSUER, "subject-1")
        assert (claims.username, claims.display_name) == ("ada", "Ada L.")


def test_given_key_may_have_escaped_line_breaks() -> None:
    issuer = ExternalIssuer(ISSUER, AUDIENCE, ConfiguredKey(public_pem(EC_KEY).replace("\n", "\\n")))
    assert issuer.read_token(sign(EC_KEY, "ES256")).subject == "subject-1"


@pytest.mark.parametrize("pem", ["nonsense", "", public_pem(RSA_KEY)[:200]], ids=["nonsense", "empty", "half"])
def test_invalid_given_key_is_a_config_error(pem: str) -> None:
    with pytest.raises(ConfigError, match="JWT_PUBLIC_KEY"):
        ConfiguredKey(pem)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another-service"},
        {"aud": None},
        {"aud": []},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"exp": int(time.time()) - 61},
        {"exp": None},
        {"exp": "soon"},
        {"exp": float("inf")},
        {"exp": 10**15},
        {"nbf": int(time.time()) + 3600},
        {"sub": None},
        {"sub": ""},
        {"sub": 17},
        {"sub": "x" * 256},
        {"sub": "nul\0"},
        {"sub": "half \ud800"},
    ],
    # Times and keys differ between the processes of pytest-xdist; test ids must not.
    ids=lambda changes: next(iter(changes)),
)
def test_wrong_claim_is_refused(fetching: ExternalIssuer, changes: dict[str, object]) -> None:
    for issuer in (fetching, with_given_key("RS256")):
        with pytest.raises(Unauthorized):
            issuer.read_token(sign(RSA_KEY, "RS256", kid="RS256", **changes))


def test_clock_skew_of_twenty_seconds_is_accepted(fetching: ExternalIssuer) -> None:
    now = int(time.time())
    token = sign(RSA_KEY, "RS256", kid="RS256", exp=now - 20, nbf=now + 20, iat=now + 20)
    assert fetching.read_token(token).expires_at >= now


def test_fresh_token_is_accepted_by_a_process_whose_clock_is_an_hour_behind(fetching: ExternalIssuer) -> None:
    issued = int(time.time()) + 3600
    token = sign(RSA_KEY, "RS256", kid="RS256", iat=issued, nbf=issued, exp=issued + 900)
    assert fetching.read_token(token).expires_at >= issued + 900


def test_token_that_begins_later_than_it_was_issued_waits(fetching: ExternalIssuer) -> None:
    now = int(time.time())
    with pytest.raises(Unauthorized):
        fetching.read_token(sign(RSA_KEY, "RS256", kid="RS256", iat=now, nbf=now + 600, exp=now + 900))


def unsigned(algorithm: str) -> str:
    header, payload, _ = sign(RSA_KEY, "RS256", kid="RS256").split(".")
    header = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": "RS256"}).encode()).decode().rstrip("=")
    return f"{header}.{payload}."


def hmac_with(secret: str, algorithm: str = "HS256") -> str:
    """Returns a token that PyJWT refuses to make: signed with the text of the public key as a shared secret."""
    import hashlib
    import hmac

    header = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": "RS256"}).encode()).rstrip(b"=")
    payload = sign(RSA_KEY, "RS256").split(".")[1].encode()
    digest = hmac.new(secret.encode(), header + b"." + payload, getattr(hashlib, "sha" + algorithm[2:])).digest()
    return b".".join([header, payload, base64.urlsafe_b64encode(digest).rstrip(b"=")]).decode()


FORGED = {
    "none": unsigned("none"),
    "None": unsigned("None"),
    "HS256 with the public key": hmac_with(public_pem(RSA_KEY)),
    "HS512 with the public key": hmac_with(public_pem(RSA_KEY), "HS512"),
    "HS256 with the key as JWK": hmac_with(json.dumps(jwk_of(RSA_KEY, "RS256"))),
    "a stranger's key": sign(STRANGER, "RS256", kid="RS256"),
    "RS512": sign(RSA_KEY, "RS512", kid="RS256"),
    "PS256": sign(RSA_KEY, "PS256", kid="RS256"),
    "the key of another algorithm": sign(EC_KEY, "ES256", kid="RS256"),
    "no signature": sign(RSA_KEY, "RS256", kid="RS256").rpartition(".")[0] + ".",
    "no kid": sign(STRANGER, "RS256"),
    "nonsense": "nonsense",
    "empty": "",
    "long": "e" * 9000,
    "not ASCII": "t\u00f6k\u00ebn",
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_token_is_refused(fetching: ExternalIssuer, name: str) -> None:
    for issuer in (
        fetching,
        with_given_key("RS256"),
        with_given_key("ES256") if name != "the key of another algorithm" else fetching,
    ):
        with pytest.raises(Unauthorized):
            issuer.read_token(FORGED[name])


def test_shared_secret_in_the_key_set_is_ignored(server: KeyServer, fetching: ExternalIssuer) -> None:
    secret = "a shared secret of more than thirty-two bytes"
    encoded = base64.urlsafe_b64encode(secret.encode()).decode().rstrip("=")
    server.keys.append({"kty": "oct", "k": encoded, "kid": "shared", "alg": "HS256"})
    with pytest.raises(Unauthorized):
        fetching.read_token(sign(secret, "HS256", kid="shared"))


def test_many_unknown_keys_at_once_cost_one_fetch(server: KeyServer, fetching: ExternalIssuer) -> None:
    def refused(number: int) -> bool:
        try:
            fetching.read_token(sign(EC_KEY, "ES256", kid=f"unknown-{number}"))
        except (Unauthorized, Overloaded):
            return True
        return False

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(refused, range(64)))
    fetching.read_token(sign(RSA_KEY, "RS256", kid="RS256"))
    assert server.fetches == 1


def test_new_key_is_fetched_after_the_refetch_pause(
    server: KeyServer, fetching: ExternalIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetching.read_token(sign(RSA_KEY, "RS256", kid="RS256"))
    server.keys = [jwk_of(STRANGER, kid="new")]
    token = sign(STRANGER, "RS256", kid="new")
    with pytest.raises(Overloaded) as refused:
        fetching.read_token(token)
    assert 0 < refused.value.extra["retryAfter"] <= REFETCH_SECONDS
    pass_time(monkeypatch, REFETCH_SECONDS + 1)
    assert fetching.read_token(token).subject == "subject-1"
    with pytest.raises(Unauthorized):
        fetching.read_token(sign(RSA_KEY, "RS256", kid="RS256"))
    assert server.fetches == 2


def test_withdrawn_key_is_refused_after_the_refresh(
    server: KeyServer, fetching: ExternalIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = sign(RSA_KEY, "RS256", kid="RS256")
    fetching.read_token(token)
    server.keys = [jwk_of(STRANGER, kid="new")]
    pass_time(monkeypatch, REFRESH_SECONDS + 1)
    with pytest.raises(Unauthorized):
        fetching.read_token(token)


def test_unreachable_issuer_keeps_known_keys_and_is_not_hammered(
    server: KeyServer, fetching: ExternalIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = sign(RSA_KEY, "RS256", kid="RS256")
    fetching.read_token(token)
    server.broken = True
    pass_time(monkeypatch, REFRESH_SECONDS + 1)
    for _ in range(20):
        assert fetching.read_token(token).subject == "subject-1"
        with pytest.raises(Overloaded):
            fetching.read_token(sign(EC_KEY, "ES256", kid="perhaps new"))
    assert server.fetches == 2


def test_issuer_that_was_never_reached_gives_overloaded(server: KeyServer) -> None:
    server.broken = True
    issuer = ExternalIssuer(ISSUER, AUDIENCE, FetchedKeys(server.url))
    for _ in range(5):
        with pytest.raises(Overloaded) as caught:
            issuer.read_token(sign(RSA_KEY, "RS256", kid="RS256"))
    assert caught.value.extra["retryAfter"] > 0
    assert server.fetches == 1


def test_session_is_the_issuers_sid_if_present() -> None:
    issuer = with_given_key("RS256")

    def sid(**claims: object) -> str:
        return issuer.read_token(sign(RSA_KEY, "RS256", **claims)).sid

    assert sid(sid="s1", jti="a") == sid(sid="s1", jti="b")
    assert sid(sid="s1") != sid(sid="s2")
    assert sid(jti="a") != sid(jti="b")
    assert sid(sid="s1") != sid(sid="s1", sub="subject-2")


def test_external_names_lose_unprintable_characters() -> None:
    claims = with_given_key("RS256").read_token(
        sign(RSA_KEY, "RS256", name="  A\0d\u202ea\ud800 " + "x" * 200, preferred_username=["no", "text"])
    )
    assert claims.display_name == ("Ada " + "x" * 200)[:80]
    assert claims.username == ""


def test_library_supports_the_algorithms_of_the_forgeries() -> None:
    assert {"HS256", "HS512", "RS512", "PS256", "none"} <= set(jwt.api_jws.PyJWS().get_algorithms())


def pass_time(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    later = time.monotonic() + seconds
    monkeypatch.setattr("app.services.auth.external_issuer.time.monotonic", lambda: later)
