"""Promise 4 of docs/architecture.md: a live session that does not confirm does not count. A session that confirms
prevents the notification.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable

from dev.processes import wait_until
from tests.push.conftest import CONFIRM_SECONDS, Person, Pushing
from tests.support.clients import WsClient
from tests.support.patience import PATIENCE
from tests.support.processes import ROOT, base_env

RECEIVER = """
import json, sys, time
from websockets.sync.client import connect
url, token = sys.argv[1:]
with connect(url) as ws:
    ws.send(json.dumps({"event": "join", "data": {"token": token, "ack": "client", "deviceId": "tab"}}))
    while json.loads(ws.recv())["event"] != "joined":
        pass
    print("joined", flush=True)
    time.sleep(60)
"""


def receiver(pushing: Pushing, who: Person) -> subprocess.Popen[str]:
    """Starts a client in a process of its own, joined with ``ack: client``."""
    url = pushing.stack.base_url.replace("http", "ws") + "/ws"
    command = [sys.executable, "-c", RECEIVER, url, who.account.access_token]
    process = subprocess.Popen(command, cwd=ROOT, env=base_env(), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "joined\n"
    return process


def test_frozen_receiver_is_notified_after_the_confirm_time_and_a_confirming_one_is_not(
    pushing: Pushing, person: Callable[..., Person], online: Callable[..., WsClient]
) -> None:
    ann, frozen, awake = person("Ann"), person(), person()
    browser, spared = pushing.web.browser(), pushing.web.browser()
    frozen.subscribe(browser, deviceId="tab")
    awake.subscribe(spared)
    online(awake)
    with receiver(pushing, frozen) as process:
        try:
            process.send_signal(signal.SIGSTOP)
            started = time.monotonic()
            ann.rest.send(receiver_id=frozen.id, message="Wake up")
            ann.rest.send(receiver_id=awake.id, message="You have it")
            assert ann.rest.presence([frozen.id])[frozen.id]["status"] == "online"
            wait_until(lambda: browser.received, PATIENCE, "the notification")
            after = time.monotonic() - started
            assert ann.rest.presence([frozen.id])[frozen.id]["status"] == "online"
        finally:
            process.kill()
    assert after > CONFIRM_SECONDS - 0.5
    assert browser.received[0]["body"] == "Wake up"
    pushing.wait_until_settled()
    assert spared.received == []
