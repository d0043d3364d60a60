"""Chat goes on while ``flask partition-messages`` runs: web processes and workers keep their prepared statements."""

from __future__ import annotations

import threading
from typing import Any

from dev.processes import wait_until
from tests.support.clients import Account, RestClient, WsClient, register
from tests.support.commands import flask
from tests.support.patience import PATIENCE
from tests.support.processes import Stack


class Talk:
    """Sends, edits and deletes messages without a pause, and remembers what the history must contain."""

    def __init__(self, client: WsClient, receiver: Account) -> None:
        self._client, self._receiver = client, receiver
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.expected: dict[str, str | None] = {}
        self.conversation_id = 0

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            number = len(self.expected)
            ack = self._client.send(f"message {number}", receiver_id=self._receiver.user_id)
            self.expected[ack["id"]] = f"message {number}"
            self.conversation_id = ack["conversationId"]
            if number % 3 == 1:
                self._client.edit(ack["id"], f"edited {number}")
                self.expected[ack["id"]] = f"edited {number}"
            if number % 7 == 2:
                self._client.delete(ack["id"])
                self.expected[ack["id"]] = None


def history(rest: RestClient, conversation_id: int) -> dict[str, Any]:
    """Returns the text of each message by id, None for deleted ones."""
    found: dict[str, Any] = {}
    before: dict[str, int] = {}
    while page := rest.history(conversation_id, limit=100, **before)["messages"]:
        found |= {message["id"]: message.get("message") for message in page}
        before = {"before": min(message["seq"] for message in page)}
    return found


def test_chat_goes_on_while_the_table_is_divided(server: Stack) -> None:
    ann, ben = register(server.base_url), register(server.base_url)
    client = WsClient(server.base_url, ann).join()
    talk = Talk(client, ben)
    talk.start()
    try:
        wait_until(lambda: len(talk.expected) > 20, PATIENCE, "the first messages, whose statements are prepared")
        done = flask(server.env, "partition-messages")
        assert done.returncode == 0, done.stderr
        assert "messages has 16 partitions now." in done.stdout
        so_far = len(talk.expected)
        wait_until(lambda: len(talk.expected) > so_far + 20, PATIENCE, "messages after the switch")
    finally:
        talk.end()
    rest = RestClient(server.base_url, ben.access_token)
    assert history(rest, talk.conversation_id) == talk.expected
    assert rest.fetch_unread()["messages"]
    rest.close()
    client.finish()
    logs = "\n".join(child.log() for child in server.children)
    assert "Traceback" not in logs
    assert "cached plan" not in logs
