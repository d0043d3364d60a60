"""Settings: read once from the environment, checked at startup, then immutable.

README.md lists every variable with its default; a test compares the two.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app import config_checks
from app.config_checks import GENERIC_PLANS
from app.config_values import parse, parse_list, read_addresses
from app.core.password_cost import MEMORY_KIB, PASSES
from app.redis_addresses import address_problems

# Stops gunicorn's arbiter and a platform's restarts: trying again will not help.
CONFIG_EXIT_STATUS = 3


class ConfigError(ValueError):
    """Settings are missing, invalid or unsafe. ``problems`` has one line for the operator per problem."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems

    def report(self) -> str:
        """Returns the lines to print on standard error."""
        return "\n".join(f"parley: {problem}" for problem in self.problems)


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
    secret_keys: tuple[str, ...] = field(default=(), repr=False)  # instead of one key: the first signs, all verify

    # Access
    access_token_seconds: int = 900
    refresh_token_seconds: int = 30 * 86400
    sign_in_seconds: int = 180 * 86400  # an absolute end, however often its tokens are refreshed
    ticket_seconds: int = 30
    server_api_key: str = field(default="", repr=False)  # a server key with every scope, beside those of `flask keys`
    server_requests_per_minute: int = 6000  # per server key; 0 is no limit
    allowed_origins: tuple[str, ...] = ()
    trusted_proxies: int = 0
    jwt_jwks_url: str = ""
    jwt_public_key: str = ""
    jwt_shared_secret: str = field(default="", repr=False)
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwt_username_claim: str = "preferred_username"  # if the name of such a claim is empty, it is not read
    jwt_name_claim: str = "name"
    jwt_picture_claim: str = "picture"
    jwt_email_claim: str = "email"
    jwt_locale_claim: str = "locale"
    local_accounts: bool = False  # own accounts beside an external user service; without one, they always exist
    auth_attempts_per_minute: int = 30  # sign-ins per username and address; 20 times that per address; 0 is no limit
    password_memory_kib: int = MEMORY_KIB  # of one hash; two are computed at once
    password_passes: int = PASSES
    token_requests_per_minute: int = 120  # refreshes and tickets per user
    joins_per_minute: int = 120  # new sessions per user
    writes_per_minute: int = 300  # other changes over REST per user, and 20 times as many per address
    directory: str = "open"  # or "contacts", "exact", "off": which users others find, and whose ids exist for them
    presence_visible: str = "contacts"  # or "everyone" or "nobody": who sees a new account's presence
    new_account_conversations: int = 10  # that an account opens per hour in its first day; 0 is no limit
    reports_per_minute: int = 20  # per user
    exports_per_day: int = 5  # per user
    uploads_per_minute: int = 60  # per user
    audit_days: float = 90.0  # how long acts that matter for security are kept (app/core/audit.py)
    account_deletion: str = "keep"  # or "erase": the messages of a deleted account

    # Stores
    database_replica_url: str = field(default="", repr=False)  # answers history, searches, old pages and exports
    replica_max_lag_seconds: float = 0.2  # reads wait this long for the replica; then the primary answers
    db_pool_size: int = 5
    db_timeout_seconds: float = 5.0
    db_prepared_statements: bool = True  # off behind a pooler that does not support them (pgbouncer before 1.21)
    db_plan_cache_mode: str = GENERIC_PLANS  # "auto" on Citus, which plans some statements only with their values
    shards: int = 1
    redis_shard_urls: tuple[str, ...] = field(default=(), repr=False)  # the Redis of each shard; if unset, redis_url
    redis_pool_size: int = 8
    redis_tls_verify: bool = True

    # Message path
    max_text: int = 8000
    strict_requests: bool = False  # refuse a request with unknown fields, instead of naming them in its answer
    max_group_members: int = 5000
    edit_seconds: int = 172_800  # how long authors may edit and delete their messages
    send_rate: float = 50.0  # sustained messages per second and user; for this and the next five, 0 is no limit
    send_burst: int = 500
    mark_rate: float = 100.0
    mark_burst: int = 2000
    typing_rate: float = 10.0
    typing_burst: int = 100
    reaction_rate: float = 20.0
    reaction_burst: int = 200
    edit_rate: float = 20.0  # edits, deletions, pins, stars, drafts …
    edit_burst: int = 200
    event_rate: float = 10.0  # events of applications (send_event)
    event_burst: int = 100
    append_rate: float = 200.0  # texts that are added to streams
    append_burst: int = 2000
    read_rate: float = 50.0  # REST reads per second and user in one process, and 20 times as many per address
    read_burst: int = 300
    log_max_records: int = 100_000
    log_max_bytes: int = 256 * 1024 * 1024
    dedupe_seconds: int = 900
    ack_wait_seconds: float = 5.0

    # Sessions
    max_sessions: int = 12_000
    max_sessions_per_user: int = 50
    max_unjoined: int = 3000
    max_unjoined_per_address: int = 500
    outbox_events: int = 1000
    outbox_bytes: int = 1024 * 1024
    write_stall_seconds: float = 10.0
    ping_seconds: float = 20.0
    join_seconds: float = 10.0
    early_frame_bytes: int = 4096  # of one frame until the session has joined: strangers must not fill the memory
    extra_frames: int = 500  # control frames and fragments of one session in a second
    sse_comment_seconds: float = 15.0
    resume_max_days: int = 30

    # Drain
    drain_batch: int = 500
    drain_linger_seconds: float = 10.0
    drain_lease_seconds: float = 2.5

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
    max_stored_bytes: int = 10 * 1024 * 1024 * 1024  # all media of a user; 0 is no limit
    max_uploads: int = 32  # at once in one web process
    max_uploads_per_user: int = 4  # at once in one web process
    upload_bytes_per_second: int = 4 * 1024 * 1024  # of one web process; 0 is no limit
    upload_stall_seconds: float = 30.0  # an upload is aborted if less than 64 KiB arrive in this time
    import_max_bytes: int = 512 * 1024 * 1024  # the body of one import of the host's server
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

    # Events for the host's servers
    webhook_private_hosts: tuple[str, ...] = ()  # may have private addresses and be called without TLS
    feed_days: float = 7.0  # how long events and ended deliveries are kept
    before_send_url: str = ""  # the hook that gets each message before it is sent
    before_send_secret: str = field(default="", repr=False)  # whsec_…; if unset, one is derived from the secret key
    before_send_timeout: float = 1.5
    before_send_failure: str = "allow"  # or "reject": what happens to messages if the hook fails

    # E-mail
    # smtp://user:password@host:587 or smtps://…; file:///dir in development
    mail_url: str = field(default="", repr=False)
    mail_from: str = ""
    public_url: str = ""  # where the page is; links in mails begin with it
    mails_per_hour: int = 5  # per name or e-mail address, and 20 times as many per network; 0 is no limit

    metrics_token: str = field(default="", repr=False)
    demo_key: str = field(default="", repr=False)  # signs the demo links of `make run`; development only

    @property
    def production(self) -> bool:
        return self.app_env == "production"

    @property
    def keys(self) -> tuple[str, ...]:
        """The deployment's keys. The first one signs, all of them verify."""
        return self.secret_keys or (self.secret_key,)

    def redis_url_of(self, shard: int) -> str:
        """Returns the address of a shard's Redis. Shards share the addresses in turn."""
        urls = self.redis_shard_urls or (self.redis_url,)
        return urls[shard % len(urls)]

    @property
    def external_users(self) -> bool:
        """True if an external user service authenticates users."""
        return bool(self.jwt_jwks_url or self.jwt_public_key or self.jwt_shared_secret)

    @property
    def local_accounts_on(self) -> bool:
        return self.local_accounts or not self.external_users

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Reads the settings. Raises ConfigError with every problem of single settings.

        ``read_settings`` also finds problems between settings.
        """
        settings, problems = cls._read(env)
        if problems:
            raise ConfigError(*problems)
        return settings

    @classmethod
    def _read(cls, env: Mapping[str, str]) -> tuple[Settings, list[str]]:
        app_env = env.get("APP_ENV") or "development"
        values = {"app_env": app_env, "secret_key": env.get("SECRET_KEY", ""), **read_addresses(env)}
        problems = [_missing(name) for name in ("DATABASE_URL", "REDIS_URL") if not values[name.lower()]]
        problems += config_checks.environment_problems(app_env)
        problems += config_checks.key_problems(
            env.get("SECRET_KEY", ""), parse_list(env.get("SECRET_KEYS", "")), production=app_env == "production"
        )
        for name, spec in cls.__dataclass_fields__.items():
            raw = env.get(name.upper())
            if name not in values and raw is not None:
                try:
                    values[name] = parse(str(spec.type), raw)
                except ValueError:
                    problems.append(f"{name.upper()}={raw!r} is not a number.")
        return cls(**values), problems  # type: ignore[arg-type]


def read_settings(env: Mapping[str, str] = os.environ) -> Settings:
    """Reads and checks the settings. Raises ConfigError with all problems at once."""
    settings, problems = Settings._read(env)
    known = frozenset(map(variable_of, Settings.__dataclass_fields__))
    problems += [*problems_between(settings), *config_checks.unknown_variables(env, known)]
    if problems:
        raise ConfigError(*problems)
    return settings


def variable_of(name: str) -> str:
    """Returns the environment variable of a field. The broker keeps Celery's own name."""
    return "CELERY_BROKER_URL" if name == "broker_url" else name.upper()


def check_settings(settings: Settings) -> None:
    """Raises ConfigError if settings contradict each other or are unsafe in production."""
    if problems := list(problems_between(settings)):
        raise ConfigError(*problems)


def problems_between(settings: Settings) -> Iterator[str]:
    replica = settings.database_url, settings.database_replica_url, settings.replica_max_lag_seconds
    yield from config_checks.replica_problems(*replica)
    yield from config_checks.issuer_problems(settings.external_users, settings.jwt_issuer, settings.jwt_audience)
    secret, issuer = settings.jwt_shared_secret, settings.jwt_issuer
    yield from config_checks.token_source_problems(settings.jwt_jwks_url, settings.jwt_public_key, secret)
    yield from config_checks.shared_secret_problems(secret, issuer, settings.keys, production=settings.production)
    addresses = settings.redis_url, settings.redis_shard_urls
    yield from address_problems(*addresses, settings.broker_url)
    yield from config_checks.shard_problems(settings.shards, *addresses)
    yield from config_checks.cloudinary_problems(settings.cloudinary_url)
    yield from config_checks.server_key_problems(settings.server_api_key, production=settings.production)
    yield from config_checks.choice_problems({name: getattr(settings, name) for name in config_checks.CHOICES})
    mail = settings.mail_url, settings.mail_from, settings.public_url
    yield from config_checks.mail_problems(*mail, production=settings.production)
    hook = settings.before_send_url, settings.before_send_secret, settings.before_send_timeout
    yield from config_checks.hook_problems(*hook)
    yield from config_checks.origin_problems(settings.allowed_origins, production=settings.production)
    if settings.production:
        yield from _production_problems(settings)


def _production_problems(settings: Settings) -> Iterator[str]:
    if settings.push_loopback:
        yield "PUSH_LOOPBACK is only for tests: clients could make this machine call itself."
    if settings.jwt_jwks_url and not settings.jwt_jwks_url.startswith("https://"):
        yield "JWT_JWKS_URL must be https: its answer decides which tokens are accepted."
    yield from config_checks.hash_problems(settings.password_memory_kib, settings.password_passes)
    if settings.demo_key:
        yield "DEMO_KEY opens accounts without a password; it is only for development."


def _missing(name: str) -> str:
    return f"{name} is not set. `make run` starts an embedded server; a deployment must set its own."
