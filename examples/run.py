"""`make shop`, `make support-bot`, `make ai-answer`: start Parley and an example, until Ctrl-C or one of them ends.

python -m examples.run NAME. The environment may set PORT (Parley, 8000), APP_PORT (the example, 8001) and PARLEY_DATA
(the directory of the data, .data/NAME).
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
from parley_sdk import ParleyServer

from dev.embedded import EmbeddedStores
from dev.processes import Guard, StartError, wait_until

ROOT = Path(__file__).parents[1]
READY_SECONDS = 90.0
STOP_SECONDS = 15.0


@dataclass(frozen=True)
class Example:
    """The needs of an example. ``programs`` are modules that run beside its pages; ``hint`` is for its visitors."""

    hint: str
    database: bool = False
    webhook: bool = False
    programs: tuple[str, ...] = ()


EXAMPLES = {
    "shop": Example(
        "Open it in two browsers (or a private window), once as Ann and once as Sam.", database=True, webhook=True
    ),
    "support_bot": Example("You are a visitor there. The desk of your colleague is at /desk.", webhook=True),
    "ai_answer": Example("Ask something. The answer comes word by word.", programs=("examples.ai_answer.bot",)),
}


def main(name: str) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    example = EXAMPLES[name]
    data = Path(os.environ.get("PARLEY_DATA") or ROOT / ".data" / name)
    children: list[subprocess.Popen[bytes]] = []
    stores = EmbeddedStores(data / "own", postgres=example.database, valkey=False)
    try:
        address = start_all(name, data, stores, children)
        print(f"\nThe example: {address}\n{example.hint} Ctrl-C stops everything.\n", flush=True)
        while all(child.poll() is None for child in children):
            time.sleep(0.2)
        return 1
    except StartError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for child in reversed(children):
            child.terminate()
        for child in children:
            child.wait(STOP_SECONDS)
        stores.close()


def start_all(name: str, data: Path, stores: EmbeddedStores, children: list[subprocess.Popen[bytes]]) -> str:
    """Starts Parley and the example, and adds them to ``children``. Returns the address of the example."""
    port, app_port = os.environ.get("PORT") or "8000", os.environ.get("APP_PORT") or "8001"
    chat, address = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{app_port}"
    key = secrets.token_urlsafe(32)
    settings = {"PORT": port, "PARLEY_DATA": str(data / "parley"), "SERVER_API_KEY": key, "ALLOWED_ORIGINS": address}
    children.append(start(["-m", "dev.run"], settings, stores.guard))
    own = {  # Flask reads its settings from variables that begin with FLASK_
        "FLASK_SECRET_KEY": secrets.token_urlsafe(32),
        "FLASK_PARLEY_URL": chat,
        "FLASK_PARLEY_KEY": key,
        "PYTHONPATH": str(ROOT / "sdk" / "python" / "src"),
        "APP_URL": address,
    }
    if EXAMPLES[name].database:
        own["FLASK_SQLALCHEMY_DATABASE_URI"] = stores.start().environment()["DATABASE_URL"]
    wait_ready(f"{chat}/readyz", children)
    if EXAMPLES[name].webhook:
        own["FLASK_PARLEY_WEBHOOK_SECRETS"] = fresh_webhook(chat, key, f"{address}/parley/webhook")
    serve = ["-m", "waitress", f"--listen=127.0.0.1:{app_port}", "--call", f"examples.{name}:create_app"]
    children.append(start(serve, own, stores.guard))
    wait_ready(address, children)
    children += [start(["-m", program], own, stores.guard) for program in EXAMPLES[name].programs]
    return address


def start(arguments: list[str], settings: dict[str, str], guard: Guard) -> subprocess.Popen[bytes]:
    """Starts a Python program in a process group of its own, which does not outlive this process."""
    child = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env={**os.environ, **settings}, process_group=0)
    guard.add(child.pid)
    return child


def wait_ready(url: str, children: list[subprocess.Popen[bytes]]) -> None:
    """Raises StartError if one of the programs ends, or none answers in time."""

    def answers() -> bool:
        if any(child.poll() is not None for child in children):
            raise StartError("a program ended; the lines above show the reason.")
        try:
            return httpx.get(url, timeout=2, follow_redirects=True).status_code == 200
        except httpx.TransportError:
            return False

    wait_until(answers, READY_SECONDS, url)


def fresh_webhook(chat: str, key: str, address: str) -> str:
    """Replaces all webhooks with one to this address. Returns its secret."""
    with ParleyServer(chat, key) as server:
        for webhook in server.webhooks.list()["webhooks"]:
            server.webhooks.delete(webhook["webhookId"])
        return server.webhooks.create(address, types=["message.created"])["secret"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
