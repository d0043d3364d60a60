"""Parley inside an application of a host: below a prefix, with the host's own models, login, tasks and settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.contract.expect import eventually
from tests.e2e.page.people import PASSWORD, People
from tests.e2e.page.window import DEMO_KEY, Window
from tests.support.clients import TRANSPORTS, Account, RestClient
from tests.support.host_app import PREFIX, SECOND_PREFIX, MountedStack
from tests.support.media_files import image_bytes
from tests.support.private_stack import UNLIMITED, private_stores, running


@pytest.fixture(scope="module")
def shop() -> Iterator[MountedStack]:
    with private_stores() as stores:
        urls = {"database_url": stores.postgres.url(), "redis_url": stores.valkey.url()}
        env = {**UNLIMITED, "DEMO_KEY": DEMO_KEY}
        with running(MountedStack(stores, stores.directory / "logs", env=env, **urls)) as stack:
            assert isinstance(stack, MountedStack)
            yield stack


@pytest.fixture(scope="module")
def customers(shop: MountedStack) -> Iterator[People]:
    """Accounts in Parley itself, for the page's own sign-in."""
    people = People(shop.base_url)
    yield people
    people.close()


@pytest.fixture
def customer(shop: MountedStack) -> Iterator[httpx.Client]:
    """Somebody who is signed in at the shop."""
    with signed_in(shop, "Zoe Shopper") as client:
        yield client


@pytest.fixture
def calls(shop: MountedStack) -> Iterator[Callable[..., RestClient]]:
    """``calls(account, prefix)`` returns a client of Parley's REST API."""
    with ExitStack() as stack:
        yield lambda account, prefix=PREFIX: stack.enter_context(
            closing(RestClient(shop.shop_url + prefix, account.access_token))
        )


@contextmanager
def signed_in(shop: MountedStack, name: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shop.shop_url, trust_env=False) as client:
        assert client.post("/login", data={"name": name}).status_code == 200
        yield client


def account_of(shop: MountedStack, client: httpx.Client) -> Account:
    token = client.get("/chat-token").json()["accessToken"]
    with closing(RestClient(shop.base_url, token)) as rest:
        me = rest.json("GET", "/me")
    return Account(me["id"], me["username"], "", token, "")


def test_shop_stays_itself(shop: MountedStack, customer: httpx.Client) -> None:
    assert customer.get("/").text == "the shop"
    assert customer.get("/healthz").status_code == 404
    assert httpx.get(f"{shop.shop_url}/chat-token", trust_env=False).status_code == 401
    assert httpx.get(f"{shop.base_url}/healthz", trust_env=False).json() == {"status": "ok"}
    order = customer.post("/orders").json()["id"]
    eventually(lambda: customer.get(f"/orders/{order}").json()["shipped"], "the shop's worker ran the shop's task")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_customers_chat_over_every_transport(
    shop: MountedStack, customer: httpx.Client, calls: Callable[..., RestClient], transport: str
) -> None:
    with signed_in(shop, "Max Seller") as seller:
        zoe, max_ = account_of(shop, customer), account_of(shop, seller)
    receiver = TRANSPORTS[transport](shop.base_url, max_)
    try:
        receiver.join()
        rest = calls(zoe)
        ack = rest.send(receiver_id=max_.user_id, message="hello from the shop")
        assert ack["status"] == "stored"
        assert receiver.next_event("receive_message").data["message"] == "hello from the shop"
        assert rest.json("GET", f"/users?ids={max_.user_id}")["users"][0]["displayName"] == "Max Seller"
    finally:
        receiver.close()


def test_parleys_own_tasks_reach_its_worker(
    shop: MountedStack, customer: httpx.Client, calls: Callable[..., RestClient]
) -> None:
    """The shop's environment has another REDIS_URL, where nobody would find them."""
    client = calls(account_of(shop, customer))
    export = client.json("POST", "/me/export")["exportId"]
    eventually(lambda: client.json("GET", f"/me/exports/{export}")["status"] == "ready", "the export is written")


def test_second_application_sees_the_same_conversations(
    shop: MountedStack, customer: httpx.Client, calls: Callable[..., RestClient]
) -> None:
    account = account_of(shop, customer)
    second = calls(account, SECOND_PREFIX)
    with signed_in(shop, "Max Again") as seller:
        other = account_of(shop, seller)
    receiver = TRANSPORTS["ws"](shop.base_url, other)
    try:
        receiver.join()
        second.send(receiver_id=other.user_id, message="across")
        assert receiver.next_event("receive_message").data["message"] == "across"
    finally:
        receiver.close()


def test_addresses_of_media_begin_with_the_prefix(
    shop: MountedStack, customer: httpx.Client, calls: Callable[..., RestClient]
) -> None:
    client = calls(account_of(shop, customer))
    notes = client.direct(client.json("GET", "/me")["id"])["id"]
    file = {"file": ("photo.png", image_bytes(), "image/png")}
    media_id = client.json("POST", "/media", data={"conversationId": str(notes)}, files=file)["mediaId"]

    def is_served() -> bool:
        answer = client.http.get(f"/api/v1/media/{media_id}", headers={"Authorization": f"Bearer {client.token}"})
        return answer.status_code == 302

    eventually(is_served, "the picture is processed")
    address = client.json("GET", f"/media/{media_id}/url")["url"]
    assert address.startswith(f"{PREFIX}/media/local/")
    answer = httpx.get(shop.shop_url + address, trust_env=False)
    assert answer.headers["Content-Type"].startswith("image/")


def test_page_without_its_slash_leads_to_the_page(shop: MountedStack) -> None:
    answer = httpx.get(shop.base_url, trust_env=False)
    assert answer.status_code == 308
    assert urlsplit(answer.headers["Location"]).path == f"{PREFIX}/"
    shared = httpx.post(f"{shop.base_url}/share", trust_env=False)
    assert shared.headers["Location"] == f"{PREFIX}/#/share"


def test_files_named_by_the_page_are_below_the_prefix(shop: MountedStack) -> None:
    with httpx.Client(base_url=shop.shop_url, trust_env=False) as http:
        named = re.findall(r'(?:href|src)="(/[^"]+)"', http.get(f"{PREFIX}/").text + http.get(f"{PREFIX}/docs").text)
        assert any(path.endswith(".js") for path in named)
        for path in named:
            assert path.startswith(f"{PREFIX}/"), path
            assert http.get(path).status_code == 200, path
        manifest_at = next(path for path in named if path.endswith(".webmanifest"))
        manifest = http.get(manifest_at).json()
        for address in ("start_url", "scope"):
            assert urljoin(manifest_at, manifest[address]) == f"{PREFIX}/"
        assert urljoin(manifest_at, manifest["share_target"]["action"]) == f"{PREFIX}/share"
        for icon in manifest["icons"]:
            assert http.get(urljoin(manifest_at, icon["src"])).status_code == 200


def test_people_chat_in_the_page(browser: Browser, shop: MountedStack, customers: People) -> None:
    ann, ben = customers.new("Ann"), customers.new("Ben")
    ann.direct(ben)
    outside: list[str] = []
    here, there = Window(browser, shop.base_url), Window(browser, shop.base_url)
    try:
        for window in (here, there):
            window.page.on("request", lambda request: outside.append(request.url))
        here.sign_in(ann.username, PASSWORD).open("Ben")
        there.sign_in_demo(ben.username).open("Ann")
        here.send("below a prefix")
        expect(there.page.locator(".message", has_text="below a prefix")).to_be_visible()
        # Parts that the page loads later, in the language of the browser too.
        here.page.reload()
        here.wait_online()
        assert here.problems == there.problems == []
    finally:
        here.close()
        there.close()
    ours = [url for url in outside if url.startswith(shop.shop_url)]
    assert ours
    assert [url for url in ours if not url.startswith(shop.base_url)] == []


def test_widget_in_a_page_of_the_shop_finds_the_server(browser: Browser, shop: MountedStack) -> None:
    context = browser.new_context()
    try:
        page = context.new_page()
        assert page.request.post(f"{shop.shop_url}/login", form={"name": "Yan Shopper"}).ok
        page.goto(shop.shop_url)
        page.add_script_tag(url=f"{PREFIX}/client/widget.js", type="module")
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('parley-chat'), {id: 'chat'}));"
            "chat.setAttribute('token-url', '/chat-token')"
        )
        expect(page.get_by_text("No conversations yet")).to_be_visible()
        page.goto(f"{shop.base_url}/embed")
        expect(page.locator("parley-chat")).to_have_attribute("server", f"{shop.base_url}/")
    finally:
        context.close()


def test_widget_in_a_page_of_the_shop_uses_the_shops_login(
    browser: Browser, shop: MountedStack, calls: Callable[..., RestClient]
) -> None:
    """The widget finds its server and its files below the prefix, and gets its token with the shop's cookie."""
    with signed_in(shop, "Max Support") as support:
        other = account_of(shop, support)
    window = Window(browser, shop.shop_url)
    errors: list[str] = []
    try:
        window.page.on("response", lambda answer: errors.append(answer.url) if answer.status >= 400 else None)
        assert window.context.request.post(f"{shop.shop_url}/login", form={"name": "Ann Asks"}).ok
        window.page.goto(f"{shop.shop_url}/help/{other.user_id}")
        field = window.page.get_by_role("textbox")
        field.fill("where is my order?")
        field.press("Enter")
        rest = calls(other)
        eventually(lambda: rest.fetch_unread()["messages"], "the question")
        [question] = rest.fetch_unread()["messages"]
        assert question["message"] == "where is my order?"
        asker = rest.json("GET", f"/users?ids={question['senderId']}")["users"][0]
        assert asker["displayName"] == "Ann Asks"
        rest.send(conversation_id=question["conversationId"], message="on its way")
        expect(window.page.get_by_text("on its way", exact=True)).to_be_visible()
        frame = window.context.request.get(f"{shop.base_url}/embed").text()
        named = re.findall(r'(?:href|src)="(/[^"]+)"', frame)
        assert named
        for path in named:
            assert path.startswith(f"{PREFIX}/"), path
            assert window.context.request.get(shop.shop_url + path).ok, path
        assert window.problems == []
        assert [url for url in errors if not url.endswith("/favicon.ico")] == []
    finally:
        window.close()


def test_service_worker_and_avatars_are_below_the_prefix(
    browser: Browser, shop: MountedStack, customers: People
) -> None:
    ann = customers.new("Ann")
    avatar = {"file": ("me.png", image_bytes(), "image/png")}
    ann.call("PUT", "/me/avatar", files=avatar)
    window = Window(browser, shop.base_url, locale="de-DE")
    try:
        window.sign_in_demo(ann.username)
        expect(window.page.locator(".avatar img").first).to_have_attribute(
            "src", re.compile(re.escape(f"{shop.base_url}/api/v1/avatars/"))
        )
        scope = window.page.evaluate(
            "navigator.serviceWorker.register('sw.js').then(() => navigator.serviceWorker.ready).then((it) => it.scope)"
        )
        assert scope == f"{shop.base_url}/"
        assert window.problems == []
    finally:
        window.close()


def test_stop_closes_the_sessions_of_all_applications(shop: MountedStack, customer: httpx.Client) -> None:
    account = account_of(shop, customer)
    sessions = []
    for prefix in (PREFIX, SECOND_PREFIX):
        session = TRANSPORTS["ws"](shop.shop_url + prefix, account)
        session.join()
        sessions.append(session)
    shop.stop()
    for session in sessions:
        eventually(lambda session=session: session.close_code == 1001, "closed for the deploy")
        session.close()
