"""Measures the duration of an import, and the acks of a chat beside it.

    python -m bench.imports [--messages 1000000] [--conversations 10000] [--users 2000] [--rate 20] [--rounds 1]

One web process, one worker and the stores share the machine with this process. Two people chat all the time. Each round
has a quiet time and then its own import. So the chat is measured in turns with and without an import, on the same
machine. At the end the last import is repeated, which must change nothing.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from bench.ledger import percentile
from tests.support.clients import Account, HostClient, WsClient, register
from tests.support.private_stack import private_stack
from tests.support.store_template import own_directory

KEY = "a-key-of-a-host-for-measurements-of-imports"
MEMBERS = 3
BEGAN_MS = 1_500_000_000_000
STEP_MS = 60_000
BLOCK_LINES = 1000
BLOCK_BYTES = 256 * 1024
WARM_UP_SECONDS = 5.0
QUIET_SECONDS = 20.0
POLL_SECONDS = 0.25
ALONE, BESIDE = "alone", ("receiving", "checking", "writing")
TEXT = "A text of usual length, as people send it to each other."


Size = tuple[int, int, int]


def lines(messages: int, conversations: int, users: int, part: int = 0) -> Iterator[dict[str, Any]]:
    """Yields the lines of an import. Imports of different parts have nothing in common."""
    for n in range(users):
        yield {"type": "user", "externalId": f"u{part}-{n}", "displayName": f"User {n}"}
    for n in range(conversations):
        members = [f"u{part}-{(n + k * 7) % users}" for k in range(MEMBERS)]
        name = {"externalId": f"c{part}-{n}", "name": f"Room {n}"}
        yield {"type": "conversation", "kind": "group", "members": members, **name}
    for n in range(messages):
        where, at = n % conversations, BEGAN_MS + n // conversations * STEP_MS
        sent = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at / 1000))
        yield {
            "type": "message",
            "id": str(uuid.UUID(int=(part << 40) + n + 1, version=4)),
            "conversation": f"c{part}-{where}",
            "sender": f"u{part}-{(where + n // conversations % MEMBERS * 7) % users}",
            "message": f"{TEXT} {n}",
            "sentAt": f"{sent}.{at % 1000:03d}Z",
        }


def body(which: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    block: list[str] = []
    for line in which:
        block.append(json.dumps(line))
        if len(block) == BLOCK_LINES:
            yield ("\n".join(block) + "\n").encode()
            block = []
    yield "\n".join(block).encode()


class Chat:
    """Two people who chat at a constant rate. ``waits`` are the ack times of each phase, which ``phase`` names."""

    def __init__(self, address: str, rate: float) -> None:
        self._ann, self._ben = register(address), register(address)
        self._client = _joined(address, self._ann)
        self._rate = rate
        self.phase = "start"
        self.waits: dict[str, list[float]] = defaultdict(list)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def report(self) -> None:
        for phase, waits in self.waits.items():
            print(f"chat {phase:>16}: {_summary(waits)}")
        alone = self.waits[ALONE]
        beside = [wait for phase in BESIDE for wait in self.waits[phase]]
        print(f"chat {'beside imports':>16}: {_summary(beside)}")
        times = [percentile(sorted(beside), part) / percentile(sorted(alone), part) for part in (0.5, 0.99)]
        print(f"beside imports: p50 {times[0]:.2f} times, p99 {times[1]:.2f} times that of the chat alone", flush=True)

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()
        self._client.finish()

    def _run(self) -> None:
        while not self._ended.wait(1 / self._rate):
            phase, began = self.phase, time.perf_counter()
            self._client.send("live", receiver_id=self._ben.user_id)
            self.waits[phase].append(time.perf_counter() - began)


def _summary(waits: Sequence[float]) -> str:
    if not waits:
        return "no messages"
    ordered = sorted(waits)
    p50, p99 = (percentile(ordered, part) * 1000 for part in (0.5, 0.99))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {ordered[-1] * 1000:.0f} ms of {len(waits)}"


def _joined(address: str, account: Account) -> WsClient:
    client = WsClient(address, account)
    client.join()
    return client


def write_body(path: Path, which: Iterator[dict[str, Any]]) -> None:
    """Writes a body beforehand: making it while it is sent would slow down the chat, which is in this process."""
    with path.open("wb") as file:
        file.writelines(body(which))


def blocks(file: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: file.read(BLOCK_BYTES), b"")


def run(host: HostClient, body_path: Path, chat: Chat) -> None:
    chat.phase = ALONE
    time.sleep(QUIET_SECONDS)
    began = time.monotonic()
    chat.phase = "receiving"
    with body_path.open("rb") as file:
        headers = {"Content-Type": "application/x-ndjson"}
        answer = host.call("POST", "/imports", content=blocks(file), headers=headers)
    path = f"/imports/{answer.json()['importId']}"
    marks = {"received": time.monotonic()}
    while True:
        view = host.answer("GET", path)
        marks.setdefault(view["status"], time.monotonic())
        if view["status"] in ("done", "failed"):
            break
        chat.phase = "writing" if view["status"] == "running" else "checking"
        time.sleep(POLL_SECONDS)
    chat.phase = "between"
    seconds = marks[view["status"]] - began
    print(", ".join(f"{name} after {at - began:.1f} s" for name, at in marks.items()))
    print(f"{view['status']}: {view['done']} of {view['total']} lines, {view['total'] / seconds:.0f} per second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--conversations", type=int, default=10_000)
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--rate", type=float, default=20.0, help="messages per second of the chat beside it")
    parser.add_argument("--rounds", type=int, default=1, help="imports, which share the messages and conversations")
    args = parser.parse_args()
    size = args.messages // args.rounds, args.conversations // args.rounds, args.users // args.rounds
    with own_directory():
        measure(args.rate, size, args.rounds)


def measure(rate: float, size: Size, rounds: int) -> None:
    with private_stack(web=1, workers=1, env={"SERVER_API_KEY": KEY}) as stack:
        host, chat = HostClient(stack.base_url, KEY, timeout=600), Chat(stack.base_url, rate)
        try:
            time.sleep(WARM_UP_SECONDS)
            path = stack.log_dir / "body"
            for part in range(rounds):
                write_body(path, lines(*size, part))
                run(host, path, chat)
            print("the same again:", flush=True)
            run(host, path, chat)
            chat.report()
        finally:
            chat.stop()
            host.close()


if __name__ == "__main__":
    main()
