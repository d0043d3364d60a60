"""The macro of the Python SDK's Flask extension shows the widget."""

from __future__ import annotations

from flask import Flask, render_template_string
from parley_sdk.flask import ParleyExtension
from playwright.sync_api import expect

from tests.e2e.widget.conftest import OpenPage, Sites, events, message, wait_event
from tests.e2e.widget.host import SERVER_API_KEY, HostServer

TEMPLATE = """{% from "parley/widget.html" import parley_chat -%}
{{ parley_chat(conversation=conversation, theme="dark", token_url="/token") }}"""


def test_macro_shows_the_conversation_of_the_host(open_page: OpenPage, host: HostServer, sites: Sites) -> None:
    """The host's id has only digits, so it must not be taken for Parley's."""
    ann, ben = host.new("Ann Archer"), host.new("Ben Baker")
    order = "887766554433"
    host.conversation(order, kind="group", name="Order", members=[ann.username, ben.username])
    host.say(conversation=order, sender=ben.username, message="It is on its way")
    app = Flask("shop")
    app.config.update(PARLEY_URL=sites.stack.base_url, PARLEY_KEY=SERVER_API_KEY)
    parley = ParleyExtension(app)
    with app.test_request_context():
        html = render_template_string(TEMPLATE, conversation=order)
        parley.server.close()
    page = open_page(html, user=ann.username, script="")
    expect(message(page, "It is on its way")).to_be_visible()
    assert wait_event(page, "parley-ready")["userId"] == ann.id
    assert events(page, "parley-error") == []
