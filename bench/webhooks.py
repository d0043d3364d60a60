"""Measures how many webhooks one worker delivers per second to a receiver that answers after 20 ms.

    python -m bench.webhooks [--events 5000] [--lanes 500] [--seconds 0.02]

The runner is a process of its own, as in a worker; the receiver is another one, and keeps connections open.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import secrets
import time
from collections import Counter
from multiprocessing.connection import Connection

import psutil
import redis
from sqlalchemy import text

from app.clock import now_ms
from app.config import Settings
from app.core.webhook_signature import secret_of
from app.services.webhooks.run_webhooks import WebhookRunner
from app.services.webhooks.webhook_sender import WebhookSender
from app.store.engine import create_engine, reading, writing
from app.store.host_events import NewEvent, insert_events
from app.store.webhooks import add_webhook
from tests.support.private_stack import private_stores
from tests.support.processes import SECRET_KEY, base_env
from tests.support.store_template import own_directory

MESSAGE = (
    b'{"conversationId":%d,"seq":%d,"sentAt":"2026-11-29T12:00:00.000Z","id":"018f2b3c-0000-7000-8000-000000000000",'
    b'"senderId":1,"message":"A text of usual length, as people send it.","kind":"text","attachments":[]}'
)
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


def receive(seconds: float, ready: Connection) -> None:
    """Answers every request after ``seconds``."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(length.partition(b":")[2]))
                await asyncio.sleep(seconds)
                writer.write(ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def deliver(env: dict[str, str], ready: Connection) -> None:
    """Runs a runner until nothing waits. Sends the seconds and its CPU seconds."""
    os.environ.update(env)
    settings = Settings.from_env(env)
    engine = create_engine(settings)
    counted: Counter[str] = Counter()
    client = redis.Redis.from_url(settings.redis_url)

    def waiting() -> int:
        with reading(engine) as conn:
            return int(conn.execute(text("SELECT count(*) FROM webhook_lanes")).scalar_one())

    began = time.monotonic()
    ended = began
    total = int(ready.recv())

    def stopping() -> bool:
        nonlocal ended
        if counted["delivered"] < total:
            ended = time.monotonic()
        return counted["delivered"] >= total and time.monotonic() > ended + 1

    sender = WebhookSender(["127.0.0.1"], connections=100)
    began = time.monotonic()
    WebhookRunner(engine, client, client, sender, stopping=stopping, alive=lambda: None, counted=counted).run()
    ready.send((ended - began, psutil.Process().cpu_times().user + psutil.Process().cpu_times().system, waiting()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--lanes", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=0.02)
    wanted = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with own_directory(), private_stores() as stores:
        env = base_env(DATABASE_URL=stores.postgres.url(), REDIS_URL=stores.valkey.url(), SECRET_KEY=SECRET_KEY)
        port, theirs = context.Pipe()
        receiver = context.Process(target=receive, args=(wanted.seconds, theirs), daemon=True)
        receiver.start()
        engine = create_engine(Settings.from_env(env))
        with writing(engine) as conn:
            url = f"http://127.0.0.1:{port.recv()}/hook"
            add_webhook(conn, url=url, types=None, description="", secret=secret_of(secrets.token_bytes(24)))
        with writing(engine) as conn:
            lanes = [n % wanted.lanes + 1 for n in range(wanted.events)]
            events = [NewEvent(lane, "message.created", MESSAGE % (lane, n), now_ms()) for n, lane in enumerate(lanes)]
            insert_events(conn, events)
        ours, runner_end = context.Pipe()
        runner = context.Process(target=deliver, args=(env, runner_end))
        runner.start()
        ours.send(wanted.events)
        seconds, cpu, waiting = ours.recv()
        runner.join()
        receiver.kill()
        engine.dispose()
    print(f"{wanted.events} webhooks in {seconds:.2f} s: {wanted.events / seconds:.0f}/s")
    print(f"CPU of the runner: {1000 * cpu / wanted.events:.2f} ms each; {waiting} lanes left")


if __name__ == "__main__":
    main()
