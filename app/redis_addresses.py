"""The addresses of Redis that an operator sets: their forms, and what is wrong with one. Opens no connection.

``redis+sentinel://[user:password@]host:26379,host:26379/SERVICE[/DB][?option=value]`` names Sentinels. kombu writes the
same address differently, and ``kombu_url`` translates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

SENTINEL_SCHEME = "redis+sentinel"
SENTINEL_PORT = 26379
SENTINEL_SECONDS = 1.0  # for a Sentinel's answer, which it gives at once
FORM = "redis+sentinel://[user:password@]host:26379,host:26379/SERVICE[/DB]"
_OTHER_SCHEMES = ("redis", "rediss", "unix")
_TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_OPTIONS = ("ssl", "sentinel_ssl", "sentinel_username", "sentinel_password", *_TLS_FILES)
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """``ssl`` is for the Redis servers, ``sentinel_ssl`` for the Sentinels (if unset, the same)."""

    sentinels: tuple[tuple[str, int], ...]
    service: str
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)
    ssl: bool = False
    sentinel_ssl: bool = False
    tls_files: tuple[tuple[str, str], ...] = ()

    @property
    def hosts(self) -> str:
        """Returns the Sentinels as text for the operator."""
        return ", ".join(f"{host}:{port}" for host, port in self.sentinels)

    def tls_options(self, *, verify: bool) -> dict[str, object]:
        """Returns redis-py's options for TLS."""
        unverified: dict[str, object] = {} if verify else {"ssl_cert_reqs": "none", "ssl_check_hostname": False}
        return {**unverified, **dict(self.tls_files)}

    def sentinel_options(self, *, verify: bool) -> dict[str, object]:
        """Returns redis-py's options for a connection to a Sentinel."""
        options: dict[str, object] = {
            "socket_timeout": SENTINEL_SECONDS,
            "socket_connect_timeout": SENTINEL_SECONDS,
            "username": self.sentinel_username,
            "password": self.sentinel_password,
        }
        return options | ({"ssl": True, **self.tls_options(verify=verify)} if self.sentinel_ssl else {})


def is_sentinel(url: str) -> bool:
    return url.startswith(SENTINEL_SCHEME + "://")


def parse_sentinel(url: str) -> SentinelAddress:
    """Raises ValueError with a text for the operator, without any password."""
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    service, _, db = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("no service is named")
    if db and not db.isdecimal():
        raise ValueError(f"the database {db!r} is not a number")
    return SentinelAddress(
        sentinels=tuple(_host_and_port(host) for host in hosts.split(",")),
        service=unquote(service),
        db=int(db or 0),
        username=unquote(username) or None,
        password=unquote(password) or None,
        **_options(parts),
    )


def _host_and_port(text: str) -> tuple[str, int]:
    try:
        parts = urlsplit("//" + text.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or (port is None and ":" in text.rpartition("]")[2]):
        raise ValueError("each Sentinel must be written as host:port")
    return host, port or SENTINEL_PORT


def _options(parts: SplitResult) -> dict[str, Any]:
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in given:
        if name not in _OPTIONS:
            raise ValueError(f"there is no option {name!r}; the options are {', '.join(_OPTIONS)}")
    logins = ("sentinel_username", "sentinel_password")
    options: dict[str, Any] = {name: given[name] for name in logins if name in given}
    ssl = _flag("ssl", given.get("ssl", "false"))
    tls_files = tuple((name, given[name]) for name in _TLS_FILES if name in given)
    sentinel_ssl = _flag("sentinel_ssl", given["sentinel_ssl"]) if "sentinel_ssl" in given else ssl
    return options | {"ssl": ssl, "sentinel_ssl": sentinel_ssl, "tls_files": tls_files}


def _flag(name: str, value: str) -> bool:
    if value.lower() not in _FLAGS:
        raise ValueError(f"{name} must be true or false")
    return _FLAGS[value.lower()]


def address_problems(redis_url: str, broker_url: str) -> Iterator[str]:
    """Yields a line for each address that cannot be one. An address that is not set is no problem of this check."""
    if redis_url:
        yield from _redis_problems(redis_url)
    if broker_url != redis_url:
        yield from _broker_problems(broker_url)


def _redis_problems(url: str) -> Iterator[str]:
    scheme = url.partition("://")[0]
    if is_sentinel(url):
        yield from _sentinel_problems("REDIS_URL", url)
    elif scheme not in _OTHER_SCHEMES:
        yield "REDIS_URL must begin with redis://, rediss://, unix:// or redis+sentinel://."
    elif scheme != "unix" and not _names_host(url):
        yield f"REDIS_URL must name a host, and a port if it is not 6379: {scheme}://user:password@host:6379/0."


def _broker_problems(url: str) -> Iterator[str]:
    scheme = url.partition("://")[0]
    if is_sentinel(url):
        yield from _sentinel_problems("CELERY_BROKER_URL", url)
    elif scheme == "sentinel":
        yield f"CELERY_BROKER_URL: write sentinel:// as {FORM}."
    elif "cluster" in scheme:
        yield BROKER_ON_CLUSTER


# Celery keeps each queue under a key of its own and reads several at once, which a cluster refuses.
BROKER_ON_CLUSTER = (
    "CELERY_BROKER_URL names a Redis cluster, and Celery cannot use one. Use a Redis without cluster mode (redis://,"
    " rediss:// or redis+sentinel://) or RabbitMQ (amqp://)."
)


def _sentinel_problems(name: str, url: str) -> Iterator[str]:
    try:
        parse_sentinel(url)
    except ValueError as error:
        yield f"{name}: {error}. It must be like {FORM}."


def _names_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def kombu_url(url: str) -> str:
    """Translates an address for kombu, which writes those of unix sockets and of Sentinels differently."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"redis+socket://{parts.path}?virtual_host={dict(parse_qsl(parts.query)).get('db', '0')}"
    if not is_sentinel(url):
        return url
    address = parse_sentinel(url)
    login = f"{quote(address.username or '', safe='')}:{quote(address.password, safe='')}@" if address.password else ""
    places = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in address.sentinels)
    return ";".join(f"sentinel://{login}{place}/{address.db}" for place in places)
