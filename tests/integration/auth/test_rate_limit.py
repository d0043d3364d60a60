"""Rate limits: one script charges several limits, or none of them."""

from __future__ import annotations

import io
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
import redis

from app.container import Container
from app.core.errors import RateLimited
from app.core.guessing import delay_seconds, free_failures
from app.media.signed import sign
from app.message_log import keys
from app.services.auth.rate_limit import (
    PEOPLE_PER_ADDRESS,
    Limit,
    RateLimits,
    network_of,
)
from tests.integration.auth.conftest import MakeApp
from tests.support.api_client import PASSWORD, Api, assert_problem


def taken(limits: RateLimits, *wanted: Limit) -> int:
    """Returns how often all of ``wanted`` were granted before the first refusal."""
    count = 0
    while count < 1000:
        try:
            limits.take(*wanted)
        except RateLimited:
            return count
        count += 1
    raise AssertionError("no limit")


def test_burst_up_to_the_limit_passes_and_the_next_gets_a_wait(parley: Container) -> None:
    limit = Limit("t1", "somebody", 5)
    assert taken(parley.limits, limit) == 5
    with pytest.raises(RateLimited) as caught:
        parley.limits.take(limit)
    assert 1 <= caught.value.extra["retryAfter"] <= 12
    assert taken(parley.limits, Limit("t1", "somebody else", 5)) == 5
    assert taken(parley.limits, Limit("t2", "somebody", 5)) == 5


def test_used_tokens_come_back(parley: Container) -> None:
    limit = Limit("t3", "somebody", 600)  # one every 100 ms
    assert taken(parley.limits, limit) >= 600
    again = 0
    while not again:
        again = taken(parley.limits, limit)
    assert again <= 2


def test_refusal_by_one_limit_charges_none(parley: Container) -> None:
    narrow, wide = Limit("t4", "narrow", 2), Limit("t4", "wide", 10)
    assert taken(parley.limits, narrow, wide) == 2
    for _ in range(20):
        with pytest.raises(RateLimited):
            parley.limits.take(wide, narrow)
    assert taken(parley.limits, wide) == 8


def test_limit_zero_makes_no_redis_call(make_api: MakeApp) -> None:
    cut_off = make_api(redis_url="redis://127.0.0.1:1/0").app.extensions["parley"]
    cut_off.limits.take(Limit("t5", "somebody", 0))


def test_keys_are_short_anonymous_and_expire(parley: Container, redis_client: redis.Redis) -> None:
    parley.limits.take(Limit("t6", "ada" * 1000, 60))
    (key,) = list(redis_client.scan_iter(keys.rate("t6", "*")))
    assert len(key) < 80
    assert b"ada" not in key
    assert 0 < redis_client.pttl(key) <= 1000  # type: ignore[operator]


def test_script_is_loaded_again_if_redis_lost_it(parley: Container, redis_client: redis.Redis) -> None:
    parley.limits.take(Limit("t7", "somebody", 60))
    redis_client.script_flush()
    parley.limits.take(Limit("t7", "somebody", 60))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("", "unknown"),
        ("nonsense", "unknown"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_addresses_are_counted_by_network(address: str, network: str) -> None:
    assert network_of(address) == network


def attempts(api: Api, usernames: list[str], address: str, **headers: str) -> list[int]:
    return [
        api.post(
            "/api/v1/auth/login",
            {"username": name, "password": "a wrong guess"},
            environ_base={"REMOTE_ADDR": address},
            headers=headers,
        ).status_code
        for name in usernames
    ]


def granted(attempt: Callable[[int], list[int]]) -> int:
    """Returns how many attempts passed before the first refusal. Some are refilled while the passwords are hashed."""
    for number in range(200):
        if attempt(number) == [429]:
            return number
    raise AssertionError("no limit")


def test_login_attempts_are_limited_by_address_and_by_name(make_api: MakeApp) -> None:
    by_address = make_api(auth_attempts_per_minute=1)
    assert granted(lambda number: attempts(by_address, [f"guess-{number}"], "198.51.100.1")) >= PEOPLE_PER_ADDRESS
    assert attempts(by_address, ["guess-a", "guess-b"], "198.51.100.2") == [401] * 2
    api = make_api(auth_attempts_per_minute=12)
    spellings = ["Victim", "victim", "VICTIM"]
    assert granted(lambda number: attempts(api, [spellings[number % 3]], "198.51.100.10")) >= free_failures(12)
    assert attempts(api, ["victim"], "198.51.100.11") == [401]


def test_registrations_of_one_name_are_limited_by_address(make_api: MakeApp) -> None:
    api = make_api(auth_attempts_per_minute=1)
    body = {"username": "wanted-by-many", "password": PASSWORD}
    assert api.post("/api/v1/auth/register", body).status_code == 201
    answer = api.post("/api/v1/auth/register", body)
    problem = assert_problem(answer, 429, "rate_limited")
    assert int(answer.headers["Retry-After"]) >= problem["retryAfter"] >= 1


def test_success_forgets_the_failures_before_it(make_api: MakeApp) -> None:
    api = make_api(auth_attempts_per_minute=18)
    account = api.register()
    for _ in range(2):
        wrong = free_failures(18) - 1
        assert attempts(api, [account.username] * wrong, "127.0.0.1") == [401] * wrong
        api.log_in(account.username)


def redis_us(parley: Container) -> int:
    seconds, rest = parley.redis.time()
    return int(seconds) * 1_000_000 + int(rest)


def test_delays_in_redis_are_those_of_the_rule(make_api: MakeApp) -> None:
    api = make_api(auth_attempts_per_minute=9)
    parley = api.app.extensions["parley"]
    key = keys.password_failures("delays")
    for failures in range(1, 16):
        began = redis_us(parley)
        parley.password_guard._failures.begin(key)
        delayed = int(parley.redis.hget(key, "wait_until")) - delay_seconds(failures, free_failures(9)) * 1_000_000
        assert began <= delayed <= redis_us(parley)
        parley.redis.hset(key, "wait_until", 0)


def test_forged_forwarded_address_does_not_evade_the_limit(make_api: MakeApp) -> None:
    direct, behind = (
        make_api(auth_attempts_per_minute=1),
        make_api(auth_attempts_per_minute=1, trusted_proxies=1),
    )
    for api, address in ((direct, "203.0.113.1"), (behind, "203.0.113.2")):

        def forging(number: int, api: Api = api, address: str = address) -> list[int]:
            forwarded = {"X-Forwarded-For": f"6.6.6.{number}, 203.0.113.9"}
            return attempts(api, [f"fwd-{address}-{number}"], address, **forwarded)

        assert granted(forging) >= PEOPLE_PER_ADDRESS


def test_refreshes_and_tickets_are_limited_per_user(make_api: MakeApp) -> None:
    api = make_api(token_requests_per_minute=3)
    one, other = api.register(), api.register()
    statuses = [api.post("/api/v1/auth/ticket", token=one.access).status_code for _ in range(4)]
    assert statuses == [201] * 3 + [429]
    assert_problem(api.post("/api/v1/auth/refresh", token=one.refresh), 429, "rate_limited")
    assert api.post("/api/v1/auth/refresh", token=other.refresh).status_code == 200


def test_rate_limited_refresh_token_stays_valid(make_api: MakeApp) -> None:
    api = make_api(token_requests_per_minute=1)
    account = api.register()
    assert api.post("/api/v1/auth/ticket", token=account.access).status_code == 201
    assert_problem(api.post("/api/v1/auth/refresh", token=account.refresh), 429, "rate_limited")
    patient = make_api()
    assert patient.post("/api/v1/auth/refresh", token=account.refresh).status_code == 200


# Limited per user by app/services/messaging/user_rates.py, or called before the user is known.
COMMANDS = {"messages", "message_changes", "own_views", "streams"}
SIGNING_IN_AND_OUT = {"auth", "page"}
# The signed address names the uploader. A separate test below covers this limit.
DIRECT_UPLOADS = {"local_media"}
# Called with the token of a link, or before the user is known.
LINKS = {"emails.verify", "emails.forgot", "emails.reset"}
# Called with a server key, whose limit has a test of its own (test_server_keys.py).
SERVER = "server_"


def writing_routes(api: Api) -> Iterator[tuple[str, str]]:
    for rule in api.app.url_map.iter_rules():
        if rule.endpoint in LINKS or rule.endpoint.split(".")[0] in COMMANDS | SIGNING_IN_AND_OUT | DIRECT_UPLOADS:
            continue
        if rule.endpoint.startswith(SERVER):
            continue
        values = dict.fromkeys(rule.arguments, 1)
        for method in {"POST", "PUT", "PATCH", "DELETE"} & (rule.methods or set()):
            _, path = rule.build(values)  # type: ignore[misc]
            yield method, path


def test_every_writing_route_is_rate_limited(make_api: MakeApp) -> None:
    api = make_api(writes_per_minute=1, auth_attempts_per_minute=1)
    account = api.register()
    assert api.call("PATCH", "/api/v1/me", json={}, token=account.access).status_code == 200
    routes = list(writing_routes(api))
    assert ("POST", "/api/v1/conversations") in routes
    for method, path in routes:
        answer = api.call(method, path, json={}, token=account.access)
        assert answer.status_code == 429, f"{method} {path}: {answer.status_code} {answer.text}"
        assert int(answer.headers["Retry-After"]) > 0


def test_tries_with_links_are_limited_per_address(make_api: MakeApp) -> None:
    api = make_api(auth_attempts_per_minute=1)
    here = {"REMOTE_ADDR": "198.51.100.60"}
    for path, body in (
        ("email/verify", {"token": "x"}),
        ("login/second-factor", {"challenge": "x", "code": "123456"}),
        ("password/reset", {"token": "x", "password": PASSWORD}),
    ):
        statuses = [
            api.call("POST", f"/api/v1/auth/{path}", json=body, environ_base=here).status_code
            for _ in range(PEOPLE_PER_ADDRESS // 3 + 1)
        ]
        assert (429 in statuses) == (path == "password/reset"), statuses


def test_direct_uploads_are_limited_per_uploader(make_api: MakeApp) -> None:
    api = make_api(uploads_per_minute=1)
    account = api.register()
    secret = api.app.extensions["parley"].settings.secret_key
    statuses = []
    for _ in range(2):
        claims = {"up": str(uuid.uuid4()), "b": 3, "u": account.id, "c": 1, "exp": time.time() + 60}
        form = {"token": sign(secret, claims), "file": (io.BytesIO(b"abc"), "a.txt")}
        answer = api.call("POST", "/media/local", data=form, content_type="multipart/form-data")
        statuses.append(answer.status_code)
    assert statuses == [201, 429]


def test_changes_of_one_address_are_limited_across_users(make_api: MakeApp) -> None:
    api = make_api(writes_per_minute=1)
    accounts = [api.register() for _ in range(PEOPLE_PER_ADDRESS + 1)]
    here = {"REMOTE_ADDR": "198.51.100.77"}
    statuses = [
        api.call("PATCH", "/api/v1/me", json={}, token=account.access, environ_base=here).status_code
        for account in accounts
    ]
    assert statuses == [200] * PEOPLE_PER_ADDRESS + [429]


def test_reports_and_exports_have_separate_limits(make_api: MakeApp) -> None:
    limits = make_api(reports_per_minute=2, exports_per_day=1).app.extensions["parley"].limits
    for _ in range(2):
        limits.reports("203.0.113.7", 4711)
    with pytest.raises(RateLimited):
        limits.reports("203.0.113.8", 4711)
    limits.exports("203.0.113.7", 4711)
    with pytest.raises(RateLimited) as caught:
        limits.exports("203.0.113.7", 4711)
    assert 80_000 < caught.value.extra["retryAfter"] <= 86_400
