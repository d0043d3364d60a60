"""``Tab``: a page with only the client, as ``window.parley``, and a list of the events that it received."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import BrowserContext, Page

from dev.processes import wait_until
from tests.support.patience import PATIENCE

PASSWORD = "correct horse battery"
WAIT_MS = PATIENCE * 1000
# A page of the server's origin that runs no scripts.
EMPTY = "/docs"
BEGIN = """async (options) => {
  const { Parley } = await import("/client/parley.js");
  window.received = [];
  window.parley = new Parley(options);
  parley.on("*", (data, name) => { received.push({ name, data }); });
}"""


class Tab:
    def __init__(self, context: BrowserContext, base_url: str, **options: Any) -> None:
        self.base_url = base_url
        self.options = options
        self.problems: list[str] = []
        self.page: Page = context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.load()

    def load(self) -> None:
        """Loads the page; a second call reloads it."""
        self.page.goto(self.base_url + EMPTY)
        self.run(BEGIN, self.options)

    def run(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)

    def register(self, username: str) -> int:
        return int(self.run("async (account) => (await parley.register(account)).id", _account(username)))

    def connect(self) -> None:
        self.run("() => parley.connect()")

    def wait(self, condition: str, argument: Any = None) -> None:
        """Waits for a JavaScript expression, with ``received``, ``parley`` and the argument ``it``."""
        self.page.wait_for_function(f"(it) => {condition}", arg=argument)

    def wait_outbox_empty(self) -> None:
        """Polls from here, because ``wait_for_function`` takes a promise for true."""
        wait_until(lambda: self.run("() => parley.outbox()") == [], WAIT_MS / 1000, "an empty outbox")

    def send(self, conversation_id: int, message: str) -> None:
        """Sends a message; returns when it is in the outbox."""
        self.run("async (what) => { await parley.send(what).saved; }", _to(conversation_id, message))

    def texts(self) -> list[str]:
        return list(
            self.run(
                "() => received.filter((e) => e.name === 'receive_message').map((e) => e.data.message).filter(Boolean)"
            )
        )

    def wait_text(self, text: str) -> None:
        self.wait("received.some((e) => e.name === 'receive_message' && e.data.message === it)", text)

    def close(self) -> None:
        self.page.close()


def _account(username: str) -> dict[str, str]:
    return {"username": username, "password": PASSWORD}


def _to(conversation_id: int, message: str) -> dict[str, Any]:
    return {"conversationId": conversation_id, "message": message}
