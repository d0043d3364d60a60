"""Profiles from claims: what is read, how it is cleaned, and what is left out without refusing the token."""

from __future__ import annotations

import logging
import time
from typing import Any

import jwt
import pytest
from msgspec import UNSET

from app.config import ConfigError
from app.core.errors import Unauthorized
from app.core.external_claims import ExternalClaims, readable_name
from app.services.auth.external_issuer import LEEWAY_SECONDS, ConfiguredKey, ExternalIssuer, SharedSecret
from app.services.auth.profile_claims import ClaimNames
from tests.support.issuer import AUDIENCE, ISSUER, make_key, public_pem, sign
from tests.unit.test_access_settings import EXTERNAL, checked

SECRET = "a shared secret of the host, 39 letters"
OTHER = "another secret of the host, 40 letters!!"


def reader(**names: str) -> ExternalIssuer:
    return ExternalIssuer(ISSUER, AUDIENCE, SharedSecret(SECRET), ClaimNames(**names))


def read(issuer: ExternalIssuer | None = None, **claims: Any) -> ExternalClaims:
    return (issuer or reader()).read_token(sign(SECRET, "HS256", **claims))


def test_shared_secret_accepts_only_its_own_hs256() -> None:
    assert read().subject == "subject-1"
    key, strong = make_key("RS256"), SECRET * 2
    refused = [
        sign(OTHER, "HS256"),
        sign(key, "RS256"),
        jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "sub": "s", "exp": time.time() + 60}, None, algorithm="none"),
        sign(SECRET, "HS256", aud="another-service"),
        sign(SECRET, "HS256", iss="https://evil.example"),
        sign(SECRET, "HS256", exp=int(time.time()) - 61),
        sign(SECRET, "HS256", exp=None),
        sign(SECRET, "HS256", sub=None),
    ]
    for token in refused:
        with pytest.raises(Unauthorized):
            reader().read_token(token)
    for algorithm in ("HS384", "HS512"):
        with pytest.raises(Unauthorized):
            ExternalIssuer(ISSUER, AUDIENCE, SharedSecret(strong)).read_token(sign(strong, algorithm))


def test_shared_secret_is_not_accepted_with_a_public_key() -> None:
    issuer = ExternalIssuer(ISSUER, AUDIENCE, ConfiguredKey(public_pem(make_key("RS256"))))
    with pytest.raises(Unauthorized):
        issuer.read_token(sign(SECRET, "HS256"))


@pytest.mark.parametrize(
    ("message", "env"),
    [
        ("JWT_PUBLIC_KEY and JWT_SHARED_SECRET are both set", {"JWT_PUBLIC_KEY": "pem"}),
        ("JWT_JWKS_URL and JWT_SHARED_SECRET are both set", {"JWT_JWKS_URL": "https://x/k"}),
        ("are all set", {"JWT_JWKS_URL": "https://x/k", "JWT_PUBLIC_KEY": "pem"}),
        ("JWT_ISSUER and JWT_AUDIENCE", {"JWT_AUDIENCE": ""}),
        ("JWT_ISSUER=parley", {"JWT_ISSUER": "parley"}),
        ("JWT_SHARED_SECRET is also a SECRET_KEY", {"SECRET_KEY": SECRET}),
        ("JWT_SHARED_SECRET is shorter", {"APP_ENV": "production", "JWT_SHARED_SECRET": "too short to be a secret"}),
        ("JWT_SHARED_SECRET has too little", {"APP_ENV": "production", "JWT_SHARED_SECRET": "ab" * 30}),
    ],
)
def test_unsafe_or_contradictory_settings_prevent_the_start(message: str, env: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        checked(**{"JWT_SHARED_SECRET": SECRET, **EXTERNAL, **env})
    assert SECRET not in str(caught.value)


def test_shared_secret_turns_local_accounts_off_and_is_not_shown() -> None:
    settings = checked(APP_ENV="production", JWT_SHARED_SECRET=SECRET, **EXTERNAL)
    assert not settings.local_accounts_on
    assert SECRET not in repr(settings)


def test_profile_is_read_and_cleaned() -> None:
    claims = read(
        name=" Ada\u200b Lovelace\u202e ",
        picture=" https://pictures.example/ada.png",
        email="Ada@users.example",
        locale="de_at",
    )
    assert claims.display_name == "Ada Lovelace"
    assert claims.avatar_url == "https://pictures.example/ada.png"
    assert claims.email == "Ada@users.example"
    assert claims.locale == "de-AT"


def test_absent_claims_change_nothing_and_empty_ones_remove_values() -> None:
    claims = read()
    assert (claims.display_name, claims.avatar_url, claims.email, claims.locale) == ("", UNSET, UNSET, UNSET)
    for empty in ("", "  "):
        claims = read(picture=empty, email=empty, locale=empty, name=empty)
        assert (claims.display_name, claims.avatar_url, claims.email, claims.locale) == ("", None, None, None)


def test_claims_of_other_names_are_read() -> None:
    issuer = reader(name="https://host.example/full.name", picture="profile.photo.url", email="", username="login")
    profile = {"photo": {"url": "https://pictures.example/1"}}
    claims = read(
        issuer, **{"https://host.example/full.name": "Ada L."}, profile=profile, email="a@b.example", login="ada"
    )
    assert (claims.display_name, claims.username) == ("Ada L.", "ada")
    assert claims.avatar_url == "https://pictures.example/1"
    assert claims.email is UNSET
    assert read(issuer, profile="no object").avatar_url is UNSET


BAD: dict[str, list[Any]] = {
    "name": [17, True, ["Ada"], {"first": "Ada"}, "\u200b\u202e", "P\u0430ypal"],
    "picture": [
        17,
        "http://pictures.example/1",
        "javascript:alert(1)",
        "https://" + "x" * 2048,
        "https://a b",
        "/api/v1/avatars/018f2b4e-0000-7000-8000-000000000000",
    ],
    "email": [17, "ada", "ada@localhost", "x" * 250 + "@users.example", "a@b.example\r\nBcc: c@d.example"],
    "locale": [17, "xx-nonsense-", "klingon", "x" * 200, "\0"],
}


@pytest.mark.parametrize(("claim", "value"), [(claim, value) for claim, values in BAD.items() for value in values])
def test_bad_claim_is_left_out_and_logged_once_without_its_value(
    claim: str, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    issuer = reader()
    with caplog.at_level(logging.WARNING, "parley.issuer"):
        for _ in range(3):
            claims = read(issuer, **{claim: value})
    assert claims.subject == "subject-1"
    assert (claims.display_name, claims.avatar_url, claims.email, claims.locale) == ("", UNSET, UNSET, UNSET)
    [line] = caplog.messages
    assert repr(claim) in line
    assert str(value) not in line


def test_long_name_is_cut_and_unverified_address_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    assert read(name="x" * 500).display_name == "x" * 80
    for unverified in (False, "false"):
        assert read(email="ada@users.example", email_verified=unverified).email is UNSET
    assert read(email="ada@users.example", email_verified=True).email == "ada@users.example"
    assert not caplog.messages


def test_names_of_parts_are_joined() -> None:
    assert read(given_name="Ada", family_name="Lovelace").display_name == "Ada Lovelace"
    assert read(given_name="Ada", family_name=3).display_name == "Ada"
    assert read(name="Countess", given_name="Ada").display_name == "Countess"


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("alice", "alice"),
        ("Ada.Lovelace", "Ada.Lovelace"),
        ("zo\u00eb42", "zo\u00eb42"),
        ("4711", "User 4711"),
    ],
)
def test_readable_subject_is_the_name(subject: str, name: str) -> None:
    assert read(sub=subject).first_name() == name


@pytest.mark.parametrize(
    "subject",
    ["018f2b4e-7c1a-7000-8000-1234567890ab", "auth0|64f1c0ffee", "ada@users.example", "x" * 40, "9" * 30, "a\u202eb"],
)
def test_unreadable_subject_gets_a_short_name_of_its_own(subject: str) -> None:
    name = readable_name(ISSUER, subject)
    assert name == readable_name(ISSUER, subject) != readable_name("https://other.example", subject)
    assert name.startswith("User ")
    assert len(name) == len("User 3F9A2C")


def test_user_name_comes_before_the_subject() -> None:
    assert read(sub="4711", preferred_username="Ada_L").first_name() == "Ada_L"
    assert read(sub="4711", name="Ada", preferred_username="x").first_name() == "Ada"


@pytest.mark.parametrize("issued", [None, True, 0, -5])
def test_token_without_a_time_of_issue_is_never_newer(issued: object) -> None:
    assert read(iat=issued).issued_ms is None


def test_time_of_issue_in_the_future_counts_as_now() -> None:
    before = time.time()
    for issued in (before + 10**6, before * 1000):
        stamp = read(iat=issued).issued_ms
        assert stamp is not None
        assert before <= stamp / 1000 <= time.time() + LEEWAY_SECONDS
