"""The forms of Redis' addresses, and the error for a wrong one."""

from __future__ import annotations

import pytest

from app.config import ConfigError, read_settings
from app.redis_addresses import (
    ClusterAddress,
    SentinelAddress,
    kombu_url,
    parse_cluster,
    parse_sentinel,
    split_addresses,
)
from app.redis_sentinel import hello_of

NEEDED = {"DATABASE_URL": "postgres://u:p@h/d", "SECRET_KEY": "an unguessable key, of many letters"}


def test_all_parts_of_an_address_are_read() -> None:
    url = "redis+sentinel://me:p%40ss@one,two:1,[::1]:26380/chat/3?ssl=true&sentinel_ssl=no&sentinel_password=other"
    assert parse_sentinel(url) == SentinelAddress(
        sentinels=(("one", 26379), ("two", 1), ("::1", 26380)),
        service="chat",
        db=3,
        username="me",
        password="p@ss",
        sentinel_password="other",
        ssl=True,
        sentinel_ssl=False,
    )


def test_all_parts_of_the_address_of_a_cluster_are_read() -> None:
    assert parse_cluster("rediss+cluster://me:p%40ss@one,[::1]:1/?ssl_ca_certs=/ca") == ClusterAddress(
        nodes=(("one", 6379), ("::1", 1)),
        username="me",
        password="p@ss",
        ssl=True,
        tls_files=(("ssl_ca_certs", "/ca"),),
    )
    assert parse_cluster("redis+cluster://one:1/0") == ClusterAddress(nodes=(("one", 1),))
    assert "secret" not in repr(parse_cluster("redis+cluster://:secret@one"))


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("", ()),
        ("redis://a", ("redis://a",)),
        (
            " redis://a:1/0, redis://b ,,rediss://c\nunix:///d ",
            ("redis://a:1/0", "redis://b", "rediss://c", "unix:///d"),
        ),
        ("redis+sentinel://a,b:1/x,redis+cluster://c,d", ("redis+sentinel://a,b:1/x", "redis+cluster://c,d")),
    ],
)
def test_addresses_are_separated_by_spaces_and_commas(text: str, addresses: tuple[str, ...]) -> None:
    assert split_addresses(text) == addresses


def test_password_of_an_address_is_never_shown() -> None:
    assert "secret" not in repr(parse_sentinel("redis+sentinel://:secret@one/chat?sentinel_password=secret"))


@pytest.mark.parametrize(
    ("url", "kombu"),
    [
        ("redis+sentinel://one,two:1/chat", "sentinel://one:26379/0;sentinel://two:1/0"),
        ("redis+sentinel://me:p%40s@[::1]:1/chat/2", "sentinel://me:p%40s@[::1]:1/2"),
        ("redis+sentinel://one:1,[::1]:2/chat", "sentinel://one:1/0;sentinel://[::1]:2/0"),
        ("redis+sentinel://:p@one/chat", "sentinel://:p@one:26379/0"),
        ("unix:///run/valkey.sock?db=2", "redis+socket:///run/valkey.sock?virtual_host=2"),
        ("redis://one:1/0", "redis://one:1/0"),
        ("amqp://guest@rabbit//", "amqp://guest@rabbit//"),
    ],
)
def test_addresses_are_translated_for_kombu(url: str, kombu: str) -> None:
    assert kombu_url(url) == kombu


def problems(**env: str) -> list[str]:
    try:
        read_settings({**NEEDED, **env})
    except ConfigError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize(
    "url",
    ["redis://h:1/0", "rediss://:p@h", "unix:///run/valkey.sock", "redis+sentinel://a,[::1]:1/s", "redis://[::1]:6379"],
)
def test_right_addresses_are_accepted(url: str) -> None:
    assert problems(REDIS_URL=url) == []
    assert problems(REDIS_URL="redis://h:1", CELERY_BROKER_URL=url) == []


@pytest.mark.parametrize("url", ["redis+cluster://a,b:1", "rediss+cluster://:p@a/0?ssl_ca_certs=/ca"])
def test_address_of_a_cluster_is_accepted_with_another_broker(url: str) -> None:
    assert problems(REDIS_URL=url, CELERY_BROKER_URL="redis://h:1") == []
    (line,) = problems(REDIS_URL=url)
    assert line.startswith("CELERY_BROKER_URL must be set, because REDIS_URL names a Redis cluster.")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis+cluster://", "each node must be written as host:port"),
        ("redis+cluster://:secret@a:x", "each node must be written as host:port"),
        ("redis+cluster://a/1", "no databases to choose from"),
        ("redis+cluster://a?ssl_ca_certs=/ca", "ssl_ca_certs is only for rediss+cluster://"),
        ("rediss+cluster://a?ssl=true", "there is no option 'ssl'"),
    ],
)
def test_wrong_address_of_a_cluster_is_one_line(url: str, says: str) -> None:
    (line,) = problems(REDIS_URL=url, CELERY_BROKER_URL="amqp://h")
    assert line.startswith("REDIS_URL: ")
    assert says in line
    assert "secret" not in line


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://h:1", "REDIS_URL must begin with"),
        ("h:6379", "REDIS_URL must begin with"),
        ("redis://", "REDIS_URL must name a host"),
        ("redis://:secret@:1", "REDIS_URL must name a host"),
        ("redis://h:port", "REDIS_URL must name a host"),
        ("redis://a,b:1", "REDIS_URL must name a host"),
        ("redis+sentinel://a:1", "the name of the service is missing"),
        ("redis+sentinel://a:1/", "the name of the service is missing"),
        ("redis+sentinel:///chat", "host:port"),
        ("redis+sentinel://a,/chat", "host:port"),
        ("redis+sentinel://a:x/chat", "host:port"),
        ("redis+sentinel://:secret@a:x/chat", "host:port"),
        ("redis+sentinel://a/chat/first", "the database 'first' is not a number"),
        ("redis+sentinel://a/chat?tls=true", "there is no option 'tls'"),
        ("redis+sentinel://a/chat?ssl=maybe", "ssl must be true or false"),
    ],
)
def test_wrong_address_is_one_line_without_a_password(url: str, says: str) -> None:
    (line,) = problems(REDIS_URL=url)
    assert says in line
    assert "\n" not in line
    assert "secret" not in line


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis+cluster://h:1", "CELERY_BROKER_URL names a Redis cluster"),
        ("rediss+cluster://h:1", "CELERY_BROKER_URL names a Redis cluster"),
        ("sentinel://h:1", "CELERY_BROKER_URL: write sentinel:// as redis+sentinel://"),
        ("redis+sentinel://a", "CELERY_BROKER_URL: the name of the service is missing"),
    ],
)
def test_wrong_broker_is_one_line(url: str, says: str) -> None:
    (line,) = problems(REDIS_URL="redis://h:1", CELERY_BROKER_URL=url)
    assert says in line


def test_answers_of_both_protocols_are_read() -> None:
    expected = {"role": "master", "mode": "cluster"}
    assert hello_of({b"role": b"master", b"proto": 3, b"mode": b"cluster", b"modules": []}) == expected
    assert hello_of([b"role", b"master", b"proto", 2, b"mode", b"cluster", b"modules", []]) == expected
