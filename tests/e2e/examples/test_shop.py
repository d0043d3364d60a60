"""`make shop`: a customer and a seller talk on the page of an order, with messages of the shop and its assistant."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.examples.conftest import StartExample, write


@pytest.fixture(scope="module")
def shop(start_example: StartExample) -> str:
    return start_example("shop")


def test_order_chat_outbox_assistant(new_page: Callable[[str], Page], shop: str) -> None:
    ann = new_page(shop)
    ann.get_by_role("button", name="Ann Archer").click()
    ann.get_by_role("button", name="Teapot").click()
    chat = ann.locator("parley-chat")
    expect(chat).to_contain_text("Thank you for your order: Teapot.")

    sam = new_page(shop)
    sam.get_by_role("button", name="Sam from the shop").click()
    sam.get_by_role("link", name="Teapot").click()
    expect(sam.locator("parley-chat")).to_contain_text("Thank you for your order: Teapot.")

    write(ann, "When does it come?")
    expect(sam.locator("parley-chat")).to_contain_text("When does it come?")
    for page in (ann, sam):  # the assistant's answer, streamed word by word
        expect(page.locator("parley-chat")).to_contain_text("Your order (Teapot) is ordered. We pack it today.")

    sam.get_by_role("button", name="Send it").click()
    expect(chat).to_contain_text("Teapot: on its way to you.")


def test_only_the_customer_and_the_seller_see_an_order(shop: str) -> None:
    with httpx.Client(base_url=shop, follow_redirects=True) as client:
        client.post("/sign-in", data={"user": "ann"})
        made = client.post("/orders", data={"item": "Green tea"})
        assert made.url.path.startswith("/orders/")
        client.post("/sign-out")
        assert "Who are you?" in client.get(made.url.path).text
