"""``python -m bench.push`` measures how many notifications per second one worker process sends, and how much memory it
needs.

10,000 notifications are pending at once (200 offline users, 50 conversations, one message in each). A push service in a
separate process answers each after 50 ms. One run uses Web Push (encrypted, signed), one uses FCM. The rate is measured
from the first notification to the last. The stack (worker, Postgres, Redis) runs on one core by default.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import create_engine, text

from bench.loop import BenchError
from bench.procfs import cpu_seconds, pss_kib
from bench.stack import Stack

ROOT = Path(__file__).parents[1]
PEOPLE, CONVERSATIONS = 200, 50
# Creates the users, conversations, messages and devices, then all pending pushes at once.
SEED = (
    "INSERT INTO users (username, display_name) SELECT 'person' || n, 'Person' FROM generate_series(0, :people) AS n",
    "INSERT INTO conversations (kind, name, member_count, last_seq) SELECT 'group', 'G', :people + 1, 1"
    " FROM generate_series(1, :conversations)",
    "INSERT INTO members (conversation_id, user_id) SELECT c.id, u.id FROM conversations AS c, users AS u",
    "INSERT INTO messages (conversation_id, seq, id, sender_id, kind, body, version, sent_at)"
    " SELECT id, 1, gen_random_uuid(), (SELECT min(id) FROM users), 'text', repeat('x', 100), id, now()"
    " FROM conversations",
    "INSERT INTO push_targets (user_id, auth_session, platform, host, address, digest, p256dh, auth)"
    " SELECT id, gen_random_uuid(), CAST(:platform AS text), CAST(:host AS text), CAST(:address AS text) || id,"
    " 'd' || id, CAST(:p256dh AS text), CAST(:auth AS text) FROM users ORDER BY id OFFSET 1",
    "UPDATE log_state SET pushing = true",
    "ANALYZE",
    "INSERT INTO push_owed (user_id, conversation_id, seq, due_at)"
    " SELECT u.id, c.id, 1, now() FROM users AS u, conversations AS c WHERE u.id > (SELECT min(id) FROM users)",
)


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def targets(kind: str, port: int) -> dict[str, str | None]:
    if kind == "fcm":
        return {"platform": "android", "host": "fcm", "address": "token-", "p256dh": None, "auth": None}
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    return {
        "platform": "browser",
        "host": "127.0.0.1",
        "address": f"http://127.0.0.1:{port}/push/",
        "p256dh": base64url(point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)),
        "auth": base64url(os.urandom(16)),
    }


def service_account(port: int) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    address = f"http://127.0.0.1:{port}/token"
    account = {"type": "service_account", "project_id": "bench", "private_key": pem, "private_key_id": "1"}
    return json.dumps({**account, "client_email": "bench@example.org", "client_id": "1", "token_uri": address})


def received(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/count")
    count: int = json.loads(connection.getresponse().read())["received"]
    connection.close()
    return count


def measure(kind: str, directory: Path, *, both_cores: bool) -> dict[str, Any]:
    cores = sorted(os.sched_getaffinity(0))
    stack = Stack(directory, set(cores) if both_cores else {cores[0]})
    service = subprocess.Popen(
        [sys.executable, "-m", "bench.push_service"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert service.stdout is not None
        port = int(service.stdout.readline())
        os.sched_setaffinity(service.pid, {cores[-1]})
        env = environment(kind, port, stack)
        subprocess.run([sys.executable, "-m", "alembic", "upgrade", "head"], env=env, cwd=ROOT, check=True)
        engine = create_engine(env["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as connection:
            for statement in SEED:
                values = {"people": PEOPLE, "conversations": CONVERSATIONS, **targets(kind, port)}
                used = {name: value for name, value in values.items() if f":{name}" in statement}
                connection.execute(text(statement), used)
        return run(stack, env, port, engine)
    finally:
        service.terminate()
        service.wait(10)
        stack.stop()


def environment(kind: str, port: int, stack: Stack) -> dict[str, str]:
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env |= {
        "DATABASE_URL": stack.start_postgres(),
        "REDIS_URL": stack.start_redis(append_only=True),
        "PUSH_LOOPBACK": "1",
    }
    env |= {"SECRET_KEY": "bench-bench-bench-bench-bench-bench", "VAPID_PRIVATE_KEY": base64url(os.urandom(32))}
    if kind == "fcm":
        env |= {"FCM_CREDENTIALS": service_account(port), "FCM_BASE_URL": f"http://127.0.0.1:{port}"}
        # google-auth looks up the regions of the account at an address without an option: keep it on this machine.
        env |= {"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "127.0.0.1,localhost"}
    return env


def run(stack: Stack, env: dict[str, str], port: int, engine: Any) -> dict[str, Any]:
    """Measures one worker with one process that serves only the queue ``push``."""
    pending = PEOPLE * CONVERSATIONS
    command = ["celery", "-q", "-A", "tasks", "worker", "-Q", "push", "--concurrency", "1", "--without-gossip"]
    stack.start("worker", [sys.executable, "-m", *command, "--without-mingle", "--without-heartbeat"], env, ROOT)
    subprocess.run(
        [sys.executable, "-c", "from app.task_queue import wake_push; wake_push()"], env=env, cwd=ROOT, check=True
    )
    stack.wait_for("the first notification", lambda: received(port) > 0)
    began, first, cpu = time.monotonic(), received(port), cpu_seconds(stack.roots)
    memory: list[int] = []
    while (count := received(port)) < pending:
        stack.check_alive()
        if count > pending * len(memory) / 5:
            memory.append(pss_kib(stack.roots)["worker"])
        if time.monotonic() - began > 300:
            raise BenchError(f"{count} of {pending} notifications in 300 s\n{stack.log_tails()}")
        time.sleep(0.1)
    seconds = time.monotonic() - began
    memory.append(pss_kib(stack.roots)["worker"])
    spent = {role: used - cpu.get(role, 0.0) for role, used in cpu_seconds(stack.roots).items()}
    time.sleep(2)
    with engine.connect() as connection:
        states = connection.execute(text("SELECT state, count(*) FROM push_deliveries GROUP BY 1")).all()
    engine.dispose()
    return {
        "notifications_per_second": round((pending - first) / seconds),
        "sent_once": received(port) == pending and {str(s): int(n) for s, n in states} == {"sent": pending},
        "worker_cpu_us_each": round(spent["worker"] / (pending - first) * 1e6),
        "postgres_cpu_us_each": round(spent["postgres"] / (pending - first) * 1e6),
        "worker_mib": [round(kib / 1024, 1) for kib in memory],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("webpush", "fcm"), action="append")
    parser.add_argument(
        "--both-cores", action="store_true", help="run the stack on both cores, beside the push service"
    )
    options = parser.parse_args()
    failed = False
    for kind in options.only or ("webpush", "fcm"):
        figures = measure(kind, ROOT / f".data/bench/push-{os.getpid()}", both_cores=options.both_cores)
        print(kind, json.dumps(figures), flush=True)
        failed |= not figures["sent_once"] or figures["notifications_per_second"] < 200
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
