"""Settings: read once from the environment, checked at startup, then immutable.

README.md lists every variable with its default; a test compares the two.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


class ConfigError(ValueError):
    """A setting is missing or invalid. The message is one line for the operator."""


def normalise_database_url(url: str) -> str:
    """Replaces ``postgres://`` (Heroku's form) and ``postgresql://`` by SQLAlchemy's ``postgresql+psycopg://``."""
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


def _flag(value: str) -> bool:
    return value.strip().lower() in {"1", "true", "yes", "on"}


def _list(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


# The push services of browsers: Chrome and other Chromium browsers, Firefox, Safari, Edge.
PUSH_SERVICES = (
    "fcm.googleapis.com",
    "*.push.services.mozilla.com",
    "*.push.apple.com",
    "*.notify.windows.com",
)


@dataclass(frozen=True, slots=True)
class Settings:
    app_env: str
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    broker_url: str = field(repr=False)
    secret_key: str = field(repr=False)

    # Access
    access_token_seconds: int = 900
    refresh_token_seconds: int = 30 * 86400
    ticket_seconds: int = 30
    allowed_origins: tuple[str, ...] = ()
    trusted_proxies: int = 0
    jwt_jwks_url: str = ""
    jwt_public_key: str = ""
    jwt_issuer: str = ""
    jwt_audience: str = ""
    local_accounts: bool = False  # keep own accounts beside an external user service; without one, they always exist
    auth_attempts_per_minute: int = 30  # sign-ins per username, and 20 times as many per address; 0 is no limit
    token_requests_per_minute: int = 120  # refreshes and tickets per user
    joins_per_minute: int = 120  # new sessions per user
    writes_per_minute: int = 300  # other changes over REST per user, and 20 times as many per address
    reports_per_minute: int = 20  # per user
    exports_per_day: int = 5  # per user
    uploads_per_minute: int = 60  # per user
    account_deletion: str = "keep"  # or "erase": the messages of a deleted account

    # Pools
    db_pool_size: int = 5
    db_timeout_seconds: float = 5.0
    db_prepared_statements: bool = True  # off behind a pooler that does not support them (pgbouncer before 1.21)
    redis_pool_size: int = 20
    redis_tls_verify: bool = True

    # Message path
    max_text: int = 8000
    max_group_members: int = 5000
    edit_seconds: int = 172_800  # how long authors may edit and delete their messages
    send_rate: float = 50.0  # sustained messages per second and user; for this and the next four, 0 is no limit
    send_burst: int = 500
    mark_rate: float = 100.0
    mark_burst: int = 2000
    typing_rate: float = 10.0
    typing_burst: int = 100
    reaction_rate: float = 20.0
    reaction_burst: int = 200
    edit_rate: float = 20.0  # edits, deletions, pins and stars
    edit_burst: int = 200
    log_max_records: int = 100_000
    log_max_bytes: int = 256 * 1024 * 1024
    dedupe_seconds: int = 7200
    ack_wait_seconds: float = 5.0

    # Sessions
    max_sessions: int = 12_000
    max_sessions_per_user: int = 50
    outbox_events: int = 1000
    outbox_bytes: int = 1024 * 1024
    write_stall_seconds: float = 10.0
    ping_seconds: float = 20.0
    join_seconds: float = 10.0
    sse_comment_seconds: float = 15.0
    resume_max_days: int = 30

    # Drain
    drain_batch: int = 500
    drain_linger_seconds: float = 10.0
    drain_lease_seconds: float = 4.0

    # Media
    cloudinary_url: str = field(default="", repr=False)  # cloudinary://key:secret@cloud; unset in production: no media
    media_storage: str = ""  # the storage for new media, if several are configured
    media_dir: str = ".data/media"  # the directory of the local storage, in development without Cloudinary
    media_url_seconds: int = 900  # how long a signed address of a medium is valid
    media_lease_seconds: float = 90.0  # another worker takes over a dead worker's medium after this
    max_image_bytes: int = 20 * 1024 * 1024
    max_audio_bytes: int = 25 * 1024 * 1024
    max_video_bytes: int = 100 * 1024 * 1024
    max_file_bytes: int = 50 * 1024 * 1024
    max_image_pixels: int = 50_000_000
    max_waiting_bytes: int = 500 * 1024 * 1024  # a user's media that are not processed yet
    max_uploads: int = 32  # at once in one web process
    upload_bytes_per_second: int = 4 * 1024 * 1024  # of one web process; 0 is no limit
    upload_stall_seconds: float = 30.0  # an upload is aborted if less than 64 KiB arrive in this time
    # Push
    vapid_private_key: str = field(default="", repr=False)  # if unset, one is created and stored in Postgres
    vapid_subject: str = "mailto:push@localhost"
    fcm_credentials: str = field(default="", repr=False)  # a service account's JSON, or the path of its file
    fcm_base_url: str = ""  # another server with FCM's protocol
    push_hosts: tuple[str, ...] = PUSH_SERVICES
    push_providers: tuple[str, ...] = ()  # in order of preference, if several configured ones serve a platform
    push_loopback: bool = False  # for tests: allows endpoints on this machine
    push_preview: str = "full"  # or "sender" or "none": an upper bound on what notifications show
    push_confirm_seconds: float = 10.0
    push_spacing_seconds: float = 5.0
    push_threads: int = 64
    push_keep_days: float = 7.0

    metrics_token: str = field(default="", repr=False)
    demo_key: str = field(default="", repr=False)  # signs the demo links of `make run`; development only

    @property
    def production(self) -> bool:
        return self.app_env == "production"

    @property
    def external_users(self) -> bool:
        """True if an external user service authenticates users."""
        return bool(self.jwt_jwks_url or self.jwt_public_key)

    @property
    def local_accounts_on(self) -> bool:
        return self.local_accounts or not self.external_users

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Reads the settings. Raises ConfigError if a required one is missing or one is invalid."""
        app_env = env.get("APP_ENV", "development")
        redis_url = _required(env, "REDIS_URL")
        values: dict[str, object] = {
            "app_env": app_env,
            "database_url": normalise_database_url(_required(env, "DATABASE_URL")),
            "redis_url": redis_url,
            "broker_url": env.get("CELERY_BROKER_URL") or redis_url,
            "secret_key": _secret_key(env, app_env),
        }
        for name, spec in cls.__dataclass_fields__.items():
            raw = env.get(name.upper())
            if name not in values and raw is not None:
                values[name] = _parse(name, str(spec.type), raw)
        return cls(**values)  # type: ignore[arg-type]


def check_settings(settings: Settings) -> None:
    """Raises ConfigError if settings contradict each other or are unsafe in production."""
    if settings.external_users and not (settings.jwt_issuer and settings.jwt_audience):
        raise ConfigError("Set JWT_ISSUER and JWT_AUDIENCE as well: an external user service is configured.")
    if settings.jwt_jwks_url and settings.jwt_public_key:
        raise ConfigError("JWT_JWKS_URL and JWT_PUBLIC_KEY are both set; set only one of them.")
    if settings.account_deletion not in ("keep", "erase"):
        raise ConfigError(f"ACCOUNT_DELETION must be keep or erase, not {settings.account_deletion!r}.")
    if settings.cloudinary_url and not _CLOUDINARY_URL.fullmatch(settings.cloudinary_url):
        raise ConfigError("CLOUDINARY_URL must have the form cloudinary://key:secret@cloud.")
    if settings.push_preview not in ("full", "sender", "none"):
        raise ConfigError(f"PUSH_PREVIEW must be full, sender or none, not {settings.push_preview!r}.")
    if settings.production:
        _check_production(settings)


_CLOUDINARY_URL = re.compile(r"cloudinary://[^:@/\s]+:[^:@/\s]+@[\w-]+(\?\S*)?", re.ASCII)


def _check_production(settings: Settings) -> None:
    if "*" in settings.allowed_origins:
        raise ConfigError("ALLOWED_ORIGINS=* would let every web page open sessions; list the origins.")
    if settings.push_loopback:
        raise ConfigError("PUSH_LOOPBACK is only for tests: clients could make this machine call itself.")
    if settings.jwt_jwks_url and not settings.jwt_jwks_url.startswith("https://"):
        raise ConfigError("JWT_JWKS_URL must be https: its answer decides which tokens are accepted.")
    if settings.demo_key:
        raise ConfigError("DEMO_KEY opens accounts without a password; it is only for development.")


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "").strip()
    if not value:
        raise ConfigError(f"{name} is not set. `make run` starts an embedded server; a deployment must set its own.")
    return value


def _secret_key(env: Mapping[str, str], app_env: str) -> str:
    key = env.get("SECRET_KEY", "")
    if not key and app_env == "production":
        raise ConfigError("SECRET_KEY is not set. It signs the access tokens; use at least 32 random bytes.")
    if key and len(key) < 32 and app_env == "production":
        raise ConfigError("SECRET_KEY is shorter than 32 characters.")
    return key or "development-only-secret-key-do-not-deploy"


def _parse(name: str, kind: str, raw: str) -> object:
    parsers: dict[str, Callable[[str], object]] = {
        "int": int,
        "float": float,
        "bool": _flag,
        "tuple[str, ...]": _list,
        "str": str,
    }
    try:
        return parsers[kind](raw)
    except ValueError:
        raise ConfigError(f"{name.upper()}={raw!r} is not a number.") from None
