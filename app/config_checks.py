"""Checks of the environment before anything starts. Each returns problems, one line each, for the operator."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from app.core.password_cost import MEMORY_KIB, PASSES
from app.core.webhook_signature import key_of

ENVIRONMENTS = ("development", "production")
MIN_KEY_CHARACTERS = 32
# In a random key of 32 characters nearly all neighbouring pairs differ. Repetitions and counting have fewer.
MIN_KEY_PAIRS = 20
OWN_ISSUER = "parley"  # of the tokens that Parley itself issues
SIMILAR = 0.85  # difflib's ratio; TRUSTED_PROXY and TRUSTED_PROXIES have 0.86
SHORTEST_COMPARED = 7

# Read by processes themselves, by `make run` and by the tests, not through Settings.
PROCESS_VARIABLES = frozenset(
    {
        "CONNECTIONS_PER_SECOND",
        "DATABASE_DIRECT_URL",
        "DRAIN_SECONDS",
        "FORWARDED_ALLOW_IPS",
        "GUNICORN_CMD_ARGS",
        "HOST",
        "PARLEY_DATA",
        "PARLEY_DEMO_PASSWORD",
        "PORT",
        "REFUSALS_PER_SECOND",
        "WEB_CONCURRENCY",
        "WORKER_CONCURRENCY",
        "WORKER_CONNECTIONS",
        "WORKER_QUEUES",
    }
)
RENAMED = {"BROKER_URL": "CELERY_BROKER_URL", "JWT_SECRET_KEY": "SECRET_KEY", "FLASK_SECRET_KEY": "SECRET_KEY"}

# Postgres' own names (plan_cache_mode).
GENERIC_PLANS = "force_generic_plan"
CHOICES = {
    "db_plan_cache_mode": (GENERIC_PLANS, "force_custom_plan", "auto"),
    "before_send_failure": ("allow", "reject"),
    "account_deletion": ("keep", "erase"),
    "presence_visible": ("everyone", "contacts", "nobody"),
    "directory": ("open", "contacts", "exact", "off"),
    "push_preview": ("full", "sender", "none"),
}

_MAIL_URL = re.compile(r"smtps?://([^@/\s]+@)?[^@:/\s]+(:\d{1,5})?/?|file:///\S+")
_HEADER_TEXT = re.compile(r"[!-~]+")
_HOOK_URL = re.compile(r"https?://[^/\s?#@]+([/?][^\s#]*)?")
MAX_HOOK_SECONDS = 10
MAX_LAG_SECONDS = 2
MAX_SHARDS = 64  # a cursor has to name a position in each
_CLOUDINARY_URL = re.compile(r"cloudinary://[^:@/\s]+:[^:@/\s]+@[\w-]+(\?\S*)?", re.ASCII)
_ORIGIN = re.compile(r"https?://[^/\s?#@]+", re.IGNORECASE)
# As browsers send it. They know neither wildcards nor letters outside ASCII, so such an origin would never match.
_LISTED_ORIGIN = re.compile(
    r"https?://(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE | re.ASCII
)


def environment_problems(app_env: str) -> Iterator[str]:
    if app_env not in ENVIRONMENTS:
        yield f"APP_ENV={app_env!r} is unknown. It must be development or production, in lower case."


def key_problems(key: str, keys: Sequence[str], *, production: bool) -> Iterator[str]:
    """A key signs the access tokens: anybody who can guess it can sign in as anybody."""
    if key and keys:
        yield "SECRET_KEY and SECRET_KEYS are both set; set only one of them."
    elif not key and not keys:
        yield (
            "SECRET_KEY is not set. It signs the access tokens; use at least 32 random bytes:"
            ' python3 -c "import secrets; print(secrets.token_urlsafe(48))".'
        )
    elif production:
        yield from _weaknesses("SECRET_KEY", key) if key else ()
        for number, one in enumerate(keys, 1):
            yield from _weaknesses(f"SECRET_KEYS (key {number})", one)


def replica_problems(primary: str, replica: str, max_lag_seconds: float) -> Iterator[str]:
    if replica and not replica.startswith("postgresql+psycopg://"):
        yield "DATABASE_REPLICA_URL must begin with postgres:// or postgresql://."
    elif replica and replica == primary:
        yield "DATABASE_REPLICA_URL is the same as DATABASE_URL; set it to a replica, or leave it unset."
    if not 0 <= max_lag_seconds <= MAX_LAG_SECONDS:
        yield f"REPLICA_MAX_LAG_SECONDS must be 0 to {MAX_LAG_SECONDS}: readers wait that long for a replica that lags."


def shard_problems(shards: int, redis_url: str, shard_urls: Sequence[str]) -> Iterator[str]:
    count = len(shard_urls)
    if count and not _is_shard_count(count):
        yield f"REDIS_SHARD_URLS has {count} addresses. Their number must be a power of two, at most {MAX_SHARDS}."
    elif not _is_shard_count(shards):
        yield f"SHARDS must be a power of two, from 1 to {MAX_SHARDS}, not {shards}."
    elif count and shards % count:
        yield f"SHARDS={shards} must be a multiple of the number of addresses in REDIS_SHARD_URLS, which is {count}."
    if count and redis_url != shard_urls[0]:
        yield "REDIS_URL must be the first address of REDIS_SHARD_URLS, written in the same way, or unset."


def _is_shard_count(number: int) -> bool:
    return 1 <= number <= MAX_SHARDS and number.bit_count() == 1


def server_key_problems(key: str, *, production: bool) -> Iterator[str]:
    """Anybody who can guess the key of a host's server can act for every user."""
    if key and not _HEADER_TEXT.fullmatch(key):
        yield "SERVER_API_KEY must have only visible ASCII characters, because it travels in a header."
    elif key and (production or len(key) < MIN_KEY_CHARACTERS):
        yield from _weaknesses("SERVER_API_KEY", key)


def issuer_problems(external_users: bool, issuer: str, audience: str) -> Iterator[str]:
    if external_users and not (issuer and audience):
        yield "Set JWT_ISSUER and JWT_AUDIENCE as well: an external user service is configured."


def token_source_problems(jwks_url: str, public_key: str, shared_secret: str) -> Iterator[str]:
    given = {"JWT_JWKS_URL": jwks_url, "JWT_PUBLIC_KEY": public_key, "JWT_SHARED_SECRET": shared_secret}
    names = [name for name, value in given.items() if value]
    if len(names) == 2:
        yield f"{' and '.join(names)} are both set; set only one of them."
    elif len(names) > 2:
        yield f"{', '.join(names)} are all set; set only one of them."


def shared_secret_problems(secret: str, issuer: str, keys: Sequence[str], *, production: bool) -> Iterator[str]:
    """The secret signs the tokens of the host: anybody who can guess it can sign in as anybody."""
    if not secret:
        return
    if secret in keys:
        yield "JWT_SHARED_SECRET is also a SECRET_KEY; the host needs a secret of its own."
    if issuer == OWN_ISSUER:
        yield f"JWT_ISSUER={OWN_ISSUER} is the issuer of Parley's own tokens; the host needs another name."
    if production:
        yield from _weaknesses("JWT_SHARED_SECRET", secret)


def _weaknesses(name: str, key: str) -> Iterator[str]:
    if len(key) < MIN_KEY_CHARACTERS:
        yield f"{name} is shorter than {MIN_KEY_CHARACTERS} characters."
    elif is_guessable(key):
        yield f"{name} has too little variety, so it can be guessed; use at least 32 random bytes."


def is_guessable(key: str) -> bool:
    """Returns whether the key is a repetition, a sequence or a phrase that was published with this project."""
    pairs = {key[i : i + 2] for i in range(len(key) - 1)}
    steps = {ord(b) - ord(a) for a, b in itertools.pairwise(key)}
    return len(pairs) < MIN_KEY_PAIRS or len(steps) < 6 or "development-only" in key


def choice_problems(values: Mapping[str, str]) -> Iterator[str]:
    """``values``: the settings of CHOICES by name."""
    for name, value in values.items():
        *others, last = CHOICES[name]
        if value not in CHOICES[name]:
            yield f"{name.upper()} must be {', '.join(others)} or {last}, not {value!r}."


def origin_problems(origins: Iterable[str], *, production: bool) -> Iterator[str]:
    for origin in origins:
        if origin == "*":
            if production:
                yield "ALLOWED_ORIGINS=* would let every web page open sessions; list the origins."
        elif not origin.isascii() and _ORIGIN.fullmatch(origin):
            yield f"ALLOWED_ORIGINS: browsers send {origin!r} in ASCII. Write the host name with xn--."
        elif not _LISTED_ORIGIN.fullmatch(origin):
            yield (
                f"ALLOWED_ORIGINS: {origin!r} is not an origin. It must be like https://chat.example, without path or"
                " wildcard."
            )


def hash_problems(memory_kib: int, passes: int) -> Iterator[str]:
    if memory_kib < MEMORY_KIB or passes < PASSES:
        yield (
            f"PASSWORD_MEMORY_KIB must be at least {MEMORY_KIB} and PASSWORD_PASSES at least {PASSES}:"
            " stolen hashes that cost less work are soon guessed."
        )


def cloudinary_problems(url: str) -> Iterator[str]:
    if url and not _CLOUDINARY_URL.fullmatch(url):
        yield "CLOUDINARY_URL must have the form cloudinary://key:secret@cloud."


def mail_problems(url: str, sender: str, public_url: str, *, production: bool) -> Iterator[str]:
    if url and not _MAIL_URL.fullmatch(url):
        yield "MAIL_URL must be like smtp://user:password@host:587 or smtps://user:password@host."
    elif url.startswith("file:") and production:
        yield "MAIL_URL=file:… only writes mails into a directory; it is for development."
    if url and "@" not in sender:
        yield "MAIL_FROM must be set to the sender's address, because MAIL_URL is set."
    if (url or public_url) and not _ORIGIN.match(public_url):
        yield "PUBLIC_URL must be set to the address of the page, such as https://chat.example: mails link to it."


def hook_problems(url: str, secret: str, timeout: float) -> Iterator[str]:
    if url and not _HOOK_URL.fullmatch(url):
        yield "BEFORE_SEND_URL must begin with http:// or https:// and name a host."
    if secret:
        try:
            key_of(secret)
        except ValueError:
            yield "BEFORE_SEND_SECRET must be whsec_ and the base64 of 24 to 64 bytes."
    if not 0 < timeout <= MAX_HOOK_SECONDS:
        yield f"BEFORE_SEND_TIMEOUT must be more than 0 and at most {MAX_HOOK_SECONDS} seconds: senders wait for it."


def unknown_variables(env: Mapping[str, str], known: frozenset[str]) -> Iterator[str]:
    """Finds variables that look like ours but are not. Otherwise a misspelt limit would have no effect."""
    ours = known | PROCESS_VARIABLES
    compared = [name for name in ours if len(name) >= SHORTEST_COMPARED]
    for name in sorted(set(env) - ours):
        meant = RENAMED.get(name) or next(iter(difflib.get_close_matches(name, compared, 1, SIMILAR)), None)
        if meant is not None:
            yield f"{name} is not a setting; {meant} is."
