"""If the server cannot take an EventSource now, the EventSource comes back by itself.

By the WHATWG rules (HTML, section 9.2.3) it gives up for good on any status except 200.
"""

from __future__ import annotations

import httpx
import pytest

from tests.conftest import StackFactory
from tests.support.clients import Account, Refused, SseClient, register
from tests.support.clients.sse import SseParser
from tests.support.patience import PATIENCE
from tests.support.processes import Stack


@pytest.fixture(scope="module")
def full(make_stack: StackFactory) -> Stack:
    """A server that takes no session."""
    return make_stack(env={"MAX_SESSIONS": "0"})


@pytest.fixture(scope="module")
def account(full: Stack) -> Account:
    return register(full.base_url)


def get_stream(full: Stack, account: Account, accept: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {account.access_token}", "Accept": accept}
    return httpx.get(f"{full.base_url}/api/v1/events", headers=headers, timeout=PATIENCE)


def test_event_source_is_asked_to_return(full: Stack, account: Account) -> None:
    response = get_stream(full, account, "text/event-stream")
    assert (response.status_code, response.headers["content-type"].split(";")[0]) == (200, "text/event-stream")
    parser = SseParser()
    [event] = parser.feed(response.content)
    assert (event.name, event.data["code"], event.cursor) == ("error", "overloaded", None)
    assert parser.retry is not None
    assert parser.retry >= 1000 * event.data["retryAfter"]


def test_other_clients_get_the_status(full: Stack, account: Account) -> None:
    response = get_stream(full, account, "*/*")
    assert (response.status_code, response.json()["code"]) == (503, "overloaded")


def test_test_client_raises_the_error(full: Stack, account: Account) -> None:
    with pytest.raises(Refused) as caught:
        SseClient(full.base_url, account).join()
    assert caught.value.code == "overloaded"
