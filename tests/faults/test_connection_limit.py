"""A deployment by app.json stays within the connections of its Redis plan, and reports it if it cannot."""

from __future__ import annotations

import json
import urllib.request
import uuid
from urllib.error import HTTPError

from redis import Redis

from dev.processes import wait_until
from tests.support.clients import WsClient
from tests.support.clients.rest import register
from tests.support.private_stack import private_stack
from tests.support.processes import ROOT

CONNECTIONS = {"heroku-redis:mini": 20, "heroku-redis:premium-0": 40}  # of Heroku's plans
CLIENTS = 30


def plan() -> tuple[int, dict[str, str]]:
    """Returns how many connections the plan of app.json allows, and the numbers of processes."""
    app = json.loads((ROOT / "app.json").read_text())
    (redis,) = (addon["plan"] for addon in app["addons"] if "redis" in addon["plan"])
    return CONNECTIONS[redis], {name: app["env"][name]["value"] for name in ("WEB_CONCURRENCY", "WORKER_CONCURRENCY")}


def test_thirty_clients_fit_into_the_plan_of_app_json() -> None:
    allowed, env = plan()
    with private_stack(env=env) as stack, Redis.from_url(stack.env["REDIS_URL"]) as redis:
        redis.config_set("maxclients", allowed + 1)  # and this test's own
        accounts = [register(stack.base_url) for _ in range(CLIENTS)]
        clients = [WsClient(stack.base_url, account).connect().join() for account in accounts]
        for _ in range(3):
            refs = [
                client.command_nowait(
                    "send_message", {"id": str(uuid.uuid4()), "receiverId": other.user_id, "message": "hello"}
                )
                for client, other in zip(clients, accounts[1:] + accounts[:1], strict=True)
            ]
            answers = [client.answer(ref) for client, ref in zip(clients, refs, strict=True)]
            assert [answer.name for answer in answers] == ["ack"] * CLIENTS
        assert redis.info("stats")["rejected_connections"] == 0
        for client in clients:
            client.finish()


def test_readyz_says_no_if_the_log_finds_no_connection() -> None:
    with private_stack() as stack, Redis.from_url(stack.env["REDIS_URL"]) as redis:
        client = WsClient(stack.base_url, register(stack.base_url)).connect().join()
        redis.config_set("maxclients", 1)
        redis.client_kill_filter(_type="normal", skipme=True)

        def status() -> int:
            try:
                with urllib.request.urlopen(stack.base_url + "/readyz", timeout=5) as answer:
                    return int(answer.status)
            except HTTPError as error:
                with error:
                    return error.code

        wait_until(lambda: status() == 503, 30, "503")
        redis.config_set("maxclients", 1000)
        wait_until(lambda: status() == 200, 30, "200")
        assert client.command("ping", {}).name == "pong"
        client.finish()
