"""Web Push: every answer of a push service, and each pitfall of the library."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from app.push.endpoint import EndpointRules
from app.push.provider import TIMEOUT_SECONDS, Address, Outgoing
from app.push.vapid import Signer
from app.push.webpush import WebPush
from tests.support.web_push_service import WebPushService
from tests.twins.provider_contract import CLEAR, NOTICE

ToBrowser = Callable[..., Outgoing]

ANSWERS = {
    200: "sent",
    202: "sent",
    301: "refused",
    307: "refused",
    400: "refused",
    401: "refused",
    403: "refused",
    404: "gone",
    410: "gone",
    429: "retry",
    500: "retry",
    502: "retry",
    503: "retry",
}


@pytest.mark.parametrize("status", ANSWERS)
def test_each_answer_has_its_outcome(
    service: WebPushService, webpush: WebPush, to_browser: ToBrowser, status: int
) -> None:
    service.answer = lambda _: (status, {"Retry-After": "7"})
    (outcome,) = webpush.send([to_browser(service.browser())])
    assert outcome.result == ANSWERS[status]
    assert outcome.seconds == (7.0 if outcome.result == "retry" else 0.0)
    assert outcome.whole_host == (status >= 500)
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [(None, 10), ("soon", 10), ("-5", 1), ("1e9", 3600), ("nan", 10), ("Wed, 01 Jan 2099", 10)],
)
def test_retry_after_is_bounded(
    service: WebPushService, webpush: WebPush, to_browser: ToBrowser, retry_after: str | None, seconds: float
) -> None:
    service.answer = lambda _: (429, {"Retry-After": retry_after} if retry_after else {})
    (outcome,) = webpush.send([to_browser(service.browser())])
    assert outcome.seconds == seconds


def test_too_large_notification_is_sent_shortened_once(
    service: WebPushService, webpush: WebPush, to_browser: ToBrowser
) -> None:
    browser = service.browser()
    service.answer = lambda request: (413, {}) if len(request.body) > 600 else None
    long = NOTICE.__class__(**{**{f: getattr(NOTICE, f) for f in NOTICE.__struct_fields__}, "body": "x" * 500})
    assert webpush.send([to_browser(browser, long)])[0].result == "sent"
    assert len(service.requests) == 2
    assert browser.received[0]["body"] == "x" * 79 + "…"
    service.answer = lambda _: (413, {})
    assert webpush.send([to_browser(browser, long)])[0].result == "refused"
    assert len(service.requests) == 4


def test_notification_has_ttl_and_topic_and_replaces_the_last_one(
    service: WebPushService, webpush: WebPush, to_browser: ToBrowser
) -> None:
    """The library's default TTL is 0, which drops notifications for offline browsers (RFC 8030)."""
    browser = service.browser()
    webpush.send([to_browser(browser, ttl_seconds=86_400), to_browser(browser, CLEAR, 0)])
    first, second = (request.headers for request in service.requests)
    assert (first["ttl"], first["urgency"], first["topic"]) == ("86400", "high", "conversation-5")
    assert (second["ttl"], second["urgency"], second["topic"]) == ("1", "normal", "conversation-5")


def test_each_service_gets_its_own_audience(signer: Signer, to_browser: ToBrowser, service: WebPushService) -> None:
    """The library writes the first service's audience into the dictionary passed to it."""
    from tests.support.web_push_service import web_push_service

    with web_push_service(service.public_key) as other:
        provider = WebPush(signer, EndpointRules((), loopback=True), connections=2)
        for _ in range(2):
            outcomes = provider.send([to_browser(service.browser()), to_browser(other.browser())])
            assert [outcome.result for outcome in outcomes] == ["sent", "sent"]
        provider.close()
        assert service.failures == other.failures == []


def test_signature_is_renewed_before_it_expires(signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    first = signer.headers("https://a.example/1")
    assert signer.headers("https://a.example/2") == first
    assert signer.headers("https://b.example/1") != first
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3601)
    later = signer.headers("https://a.example/1")["Authorization"]
    assert later != first["Authorization"]
    part = later.split("t=")[1].split(",")[0].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert 11 * 3600 < claims["exp"] - now - 3601 <= 24 * 3600


def test_redirect_to_a_private_address_is_not_followed(
    service: WebPushService, webpush: WebPush, to_browser: ToBrowser
) -> None:
    inward = service.browser()
    service.answer = lambda r: (307, {"Location": inward.endpoint}) if not r.path.endswith(inward.name) else None
    (outcome,) = webpush.send([to_browser(service.browser())])
    assert outcome == ("refused", "307", 0.0, False)
    assert not any(request.path.endswith(inward.name) for request in service.requests)
    assert inward.received == []


def test_proxies_of_the_environment_are_ignored(
    service: WebPushService, webpush: WebPush, to_browser: ToBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert webpush.send([to_browser(service.browser())])[0].result == "sent"


@pytest.mark.parametrize("keys", [("", ""), ("AAAA", "A" * 22), ("B" + "A" * 86, "A" * 22), ("é", "A" * 22)])
def test_malformed_keys_are_refused(service: WebPushService, webpush: WebPush, keys: tuple[str, str]) -> None:
    to = Address(1, 1, "browser", "127.0.0.1", service.browser().endpoint, *keys)
    (outcome,) = webpush.send([Outgoing(to, NOTICE, 60)])
    assert outcome.result == "refused"
    assert outcome.reason.startswith("keys")
    assert service.requests == []


def test_endpoint_no_longer_on_the_allow_list_is_not_called(
    service: WebPushService, signer: Signer, to_browser: ToBrowser
) -> None:
    provider = WebPush(signer, EndpointRules(("push.example",)), connections=1)
    (outcome,) = provider.send([to_browser(service.browser())])
    provider.close()
    assert outcome.result == "refused"
    assert service.requests == []


def test_name_that_resolves_to_a_private_address_is_not_called(
    service: WebPushService, signer: Signer, monkeypatch: pytest.MonkeyPatch, to_browser: ToBrowser
) -> None:
    """The name is on the allow-list, but it resolves to this machine."""
    provider = WebPush(signer, EndpointRules(("push.example",)), connections=1)
    port = service.server_address[1]
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    )
    outgoing = to_browser(service.browser())
    (outcome,) = provider.send([outgoing._replace(to=outgoing.to._replace(address="https://push.example/x"))])
    provider.close()
    assert (outcome.result, outcome.reason) == ("refused", "endpoint: resolves to an address that is not public")
    assert service.requests == []


def test_refused_connection_counts_as_a_host_that_is_down(
    webpush: WebPush, service: WebPushService, to_browser: ToBrowser
) -> None:
    outgoing = to_browser(service.browser())
    (outcome,) = webpush.send([outgoing._replace(to=outgoing.to._replace(address="http://127.0.0.1:1/x"))])
    assert (outcome.result, outcome.whole_host) == ("retry", True)


@contextmanager
def answering(raw: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server for one connection whose raw answer the test writes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                raw(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/push/x"
        thread.join(20)


def drip(connection: socket.socket) -> None:
    """Sends a byte now and then, so no timeout of a single read ever expires."""
    try:
        while True:
            connection.sendall(b"H")
            time.sleep(0.05)
    except OSError:
        return


def test_service_that_answers_byte_by_byte_is_cut_off(
    signer: Signer, to_browser: ToBrowser, service: WebPushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.push.webpush.TIMEOUT_SECONDS", 0.5)
    provider = WebPush(signer, EndpointRules((), loopback=True), connections=1)
    stop = threading.Event()
    watchdog = threading.Thread(target=lambda: [provider.cut_overdue() for _ in iter(lambda: stop.wait(0.05), True)])
    watchdog.start()
    with answering(drip) as endpoint:
        outgoing = to_browser(service.browser())
        started = time.monotonic()
        (outcome,) = provider.send([outgoing._replace(to=outgoing.to._replace(address=endpoint))])
    stop.set()
    watchdog.join()
    provider.close()
    assert (outcome.result, outcome.whole_host) == ("retry", True)
    assert time.monotonic() - started < 30, "the service never ends its answer"


def test_long_answer_is_not_read_to_the_end(webpush: WebPush, to_browser: ToBrowser, service: WebPushService) -> None:
    def endless(connection: socket.socket) -> None:
        try:
            connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 100000000\r\n\r\n")
            for _ in range(100):
                connection.sendall(b"x" * 1_000_000)
            pytest.fail("the whole answer was read")
        except OSError:
            return

    with answering(endless) as endpoint:
        outgoing = to_browser(service.browser())
        assert webpush.send([outgoing._replace(to=outgoing.to._replace(address=endpoint))])[0].result == "sent"


def test_library_gets_our_timeout(
    service: WebPushService, signer: Signer, to_browser: ToBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert TIMEOUT_SECONDS == 10.0
    monkeypatch.setattr("app.push.webpush.TIMEOUT_SECONDS", 0.3)
    service.delay = 2.0
    provider = WebPush(signer, EndpointRules((), loopback=True), connections=1)
    (outcome,) = provider.send([to_browser(service.browser())])
    provider.close()
    assert (outcome.result, outcome.whole_host) == ("retry", True), "two seconds later it would have been sent"


def test_connections_are_reused(service: WebPushService, webpush: WebPush, to_browser: ToBrowser) -> None:
    opened = 0
    take = service.get_request

    def counted() -> tuple[socket.socket, object]:
        nonlocal opened
        opened += 1
        return take()

    service.get_request = counted  # type: ignore[method-assign, assignment]
    for _ in range(10):
        assert webpush.send([to_browser(service.browser())])[0].result == "sent"
    assert opened == 1


def test_log_has_no_endpoint_and_no_message_text(
    service: WebPushService, webpush: WebPush, to_browser: ToBrowser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    service.answer = lambda _: (500, {})
    browser = service.browser()
    webpush.send([to_browser(browser)])
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("app.")]
    assert not any(browser.name in line or "Hello" in line for line in ours)
