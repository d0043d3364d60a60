"""The addresses of Redis that an operator sets: their forms, and what is wrong with one. Opens no connection.

``redis+sentinel://[user:password@]host:26379,host:26379/SERVICE[/DB][?option=value]`` names Sentinels. kombu writes the
same address differently, and ``kombu_url`` translates.

``redis+cluster://[user:password@]host:6379,host:6379`` names some nodes of a Redis cluster; ``rediss+cluster://`` the
same with TLS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

SENTINEL_SCHEME = "redis+sentinel"
SENTINEL_PORT = 26379
SENTINEL_SECONDS = 1.0  # for a Sentinel's answer, which it gives at once
FORM = "redis+sentinel://[user:password@]host:26379,host:26379/SERVICE[/DB]"
CLUSTER_SCHEMES = ("redis+cluster", "rediss+cluster")
CLUSTER_PORT = 6379
CLUSTER_FORM = "redis+cluster://[user:password@]host:6379,host:6379, or rediss+cluster:// with TLS"
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
        return tls_options(self.tls_files, verify=verify)

    def sentinel_options(self, *, verify: bool) -> dict[str, object]:
        """Returns redis-py's options for a connection to a Sentinel."""
        options: dict[str, object] = {
            "socket_timeout": SENTINEL_SECONDS,
            "socket_connect_timeout": SENTINEL_SECONDS,
            "username": self.sentinel_username,
            "password": self.sentinel_password,
        }
        return options | ({"ssl": True, **self.tls_options(verify=verify)} if self.sentinel_ssl else {})


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """``nodes`` are some of the cluster's; they name the others."""

    nodes: tuple[tuple[str, int], ...]
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ssl: bool = False
    tls_files: tuple[tuple[str, str], ...] = ()

    @property
    def hosts(self) -> str:
        """Returns the nodes as text for the operator."""
        return ", ".join(f"{host}:{port}" for host, port in self.nodes)

    def options(self, *, verify: bool) -> dict[str, object]:
        """Returns redis-py's options for a connection to a node."""
        login: dict[str, object] = {"username": self.username, "password": self.password}
        return login | (tls_options(self.tls_files, verify=verify) if self.ssl else {})


def tls_options(files: tuple[tuple[str, str], ...] = (), *, verify: bool) -> dict[str, object]:
    """Returns redis-py's options for TLS. ``files`` are options that name files."""
    unverified: dict[str, object] = {} if verify else {"ssl_cert_reqs": "none", "ssl_check_hostname": False}
    return {**unverified, **dict(files)}


def split_addresses(text: str) -> tuple[str, ...]:
    """Splits at spaces, and at commas before a scheme: the hosts of one address may be separated by commas as well."""
    return tuple(part for part in re.split(r"[\s,]*\s[\s,]*|,+(?=[a-z+]+://)", text.strip(" \t\r\n,")) if part)


def without_login(url: str) -> str:
    """Returns the address for the operator, without user, password and options."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}"


def is_sentinel(url: str) -> bool:
    return url.startswith(SENTINEL_SCHEME + "://")


def is_cluster(url: str) -> bool:
    return url.partition("://")[0] in CLUSTER_SCHEMES


def parse_sentinel(url: str) -> SentinelAddress:
    """Raises ValueError with a text for the operator, without any password."""
    parts = _split(url)
    username, password, hosts = _login_and_hosts(parts)
    service, _, db = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("the name of the service is missing")
    if db and not db.isdecimal():
        raise ValueError(f"the database {db!r} is not a number")
    return SentinelAddress(
        sentinels=tuple(_host_and_port(host, "Sentinel", SENTINEL_PORT) for host in hosts.split(",")),
        service=unquote(service),
        db=int(db or 0),
        username=username,
        password=password,
        **_options(parts),
    )


def parse_cluster(url: str) -> ClusterAddress:
    """Raises ValueError with a text for the operator, without any password."""
    parts = _split(url)
    username, password, hosts = _login_and_hosts(parts)
    if parts.path.strip("/") not in {"", "0"}:
        raise ValueError("a Redis cluster has no databases to choose from")
    ssl = parts.scheme.startswith("rediss")
    given = _given_options(parts, _TLS_FILES)
    if given and not ssl:
        raise ValueError(f"{next(iter(given))} is only for rediss+cluster://")
    return ClusterAddress(
        nodes=tuple(_host_and_port(host, "node", CLUSTER_PORT) for host in hosts.split(",")),
        username=username,
        password=password,
        ssl=ssl,
        tls_files=tuple(given.items()),
    )


def _split(url: str) -> SplitResult:
    """Splits an address with several hosts. ``urlsplit`` refuses an IPv6 address behind a comma in recent Pythons."""
    scheme, _, rest = url.partition("://")
    hosts = re.split("[/?#]", rest, maxsplit=1)[0]
    return urlsplit(f"{scheme}://hosts{rest[len(hosts) :]}")._replace(netloc=hosts)


def _login_and_hosts(parts: SplitResult) -> tuple[str | None, str | None, str]:
    login, _, hosts = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    return unquote(username) or None, unquote(password) or None, hosts


def _host_and_port(text: str, kind: str, default_port: int) -> tuple[str, int]:
    try:
        parts = urlsplit("//" + text.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or (port is None and ":" in text.rpartition("]")[2]):
        raise ValueError(f"each {kind} must be written as host:port")
    return host, port or default_port


def _given_options(parts: SplitResult, known: Sequence[str]) -> dict[str, str]:
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in given:
        if name not in known:
            raise ValueError(f"there is no option {name!r}; the options are {', '.join(known)}")
    return given


def _options(parts: SplitResult) -> dict[str, Any]:
    given = _given_options(parts, _OPTIONS)
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


def address_problems(redis_url: str, shard_urls: Sequence[str], broker_url: str) -> Iterator[str]:
    """Yields a line for each malformed address. This check ignores addresses that are not set."""
    if redis_url and redis_url not in shard_urls:
        yield from _redis_problems("REDIS_URL", redis_url)
    for number, url in enumerate(shard_urls, 1):
        yield from _redis_problems(f"REDIS_SHARD_URLS (address {number})", url)
    if broker_url != redis_url:
        yield from _broker_problems(broker_url)
    elif is_cluster(redis_url):
        yield f"CELERY_BROKER_URL must be set, because REDIS_URL names a Redis cluster. {_OTHER_BROKERS}"


def _redis_problems(name: str, url: str) -> Iterator[str]:
    scheme = url.partition("://")[0]
    if is_sentinel(url):
        yield from _sentinel_problems(name, url)
    elif is_cluster(url):
        yield from _cluster_problems(name, url)
    elif scheme not in _OTHER_SCHEMES:
        yield f"{name} must begin with redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://."
    elif scheme != "unix" and not _names_host(url):
        yield f"{name} must name a host, and a port if it is not 6379: {scheme}://user:password@host:6379/0."


def _broker_problems(url: str) -> Iterator[str]:
    scheme = url.partition("://")[0]
    if is_sentinel(url):
        yield from _sentinel_problems("CELERY_BROKER_URL", url)
    elif scheme == "sentinel":
        yield f"CELERY_BROKER_URL: write sentinel:// as {FORM}."
    elif "cluster" in scheme:
        yield BROKER_ON_CLUSTER


# Celery keeps each queue under a key of its own and reads several at once, which a cluster refuses.
_OTHER_BROKERS = (
    "Celery cannot use one. Use a Redis without cluster mode (redis://, rediss:// or redis+sentinel://) or RabbitMQ"
    " (amqp://)."
)
BROKER_ON_CLUSTER = f"CELERY_BROKER_URL names a Redis cluster. {_OTHER_BROKERS}"


def _cluster_problems(name: str, url: str) -> Iterator[str]:
    try:
        parse_cluster(url)
    except ValueError as error:
        yield f"{name}: {error}. It must be like {CLUSTER_FORM}."


def _sentinel_problems(name: str, url: str) -> Iterator[str]:
    try:
        parse_sentinel(url)
    except ValueError as error:
        yield f"{name}: {error}. It must be like {FORM}."


def _names_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and "," not in str(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def kombu_url(url: str) -> str:
    """Translates an address for kombu, which writes those of unix sockets and of Sentinels differently."""
    if url.partition(":")[0].lower() == "unix":
        parts = urlsplit(url)
        return f"redis+socket://{parts.path}?virtual_host={dict(parse_qsl(parts.query)).get('db', '0')}"
    if not is_sentinel(url):
        return url
    address = parse_sentinel(url)
    login = f"{quote(address.username or '', safe='')}:{quote(address.password, safe='')}@" if address.password else ""
    places = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in address.sentinels)
    return ";".join(f"sentinel://{login}{place}/{address.db}" for place in places)
