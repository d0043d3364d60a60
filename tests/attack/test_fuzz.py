"""Every REST operation, called with valid and invalid input made by schemathesis from our own OpenAPI document.

No answer is a 5xx, has a status or a media type that the document does not name, or another body than it describes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.attack.conftest import rounds
from tests.attack.honest import People
from tests.support.clients import Account, register
from tests.support.private_stack import private_stack
from tests.support.processes import ROOT, Stack, base_env

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "ignored_auth",
)
STREAM = "streamEvents"  # its answer does not end; it has a test of its own
SERVER_KEY = "psk_the-key-of-the-host-in-the-fuzz-test-0"
EXAMPLES = 2  # of each operation for each round


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Without limits, because a fuzzer that is refused finds nothing. Mails are written into a folder, and webhooks
    call this machine.
    """
    outbox = tmp_path_factory.mktemp("outbox").as_uri()
    mails = {"MAIL_URL": outbox, "MAIL_FROM": "chat@chat.example", "PUBLIC_URL": "https://chat.example"}
    of_hosts = {"SERVER_API_KEY": SERVER_KEY, "SERVER_REQUESTS_PER_MINUTE": "0", "WEBHOOK_PRIVATE_HOSTS": "127.0.0.1"}
    with private_stack(env={**mails, **of_hosts, "MAILS_PER_HOUR": "0"}) as stack:
        yield stack


@pytest.fixture(scope="module")
def everyone(server: Stack) -> Iterator[People]:
    people = People(server.base_url)
    yield people
    people.finish()


def test_fuzz(server: Stack, people: People, tmp_path: Path) -> None:
    report, document = tmp_path / "fuzz.txt", tmp_path / "openapi.json"
    document.write_text(httpx.get(f"{server.base_url}/api/v1/openapi.json", trust_env=False).text)
    with report.open("wb") as output:
        fuzzer = subprocess.Popen(
            command(document, server.base_url),
            cwd=tmp_path,
            env=base_env(
                PARLEY_ATTACK_URL=server.base_url,
                PARLEY_ATTACK_KEY=SERVER_KEY,
                SCHEMATHESIS_HOOKS="tests.attack.fuzz_hooks",
                PYTHONPATH=str(ROOT),
                PYTHONWARNINGS="ignore",
            ),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            people.talk(rounds(), while_=lambda: fuzzer.poll() is None)
        finally:
            fuzzer.kill()
            fuzzer.wait()
    text = report.read_text()
    assert fuzzer.returncode == 0, text[-20_000:]
    operations = [one for path in json.loads(document.read_text())["paths"].values() for one in path.values()]
    assert re.search(rf"Tested:\s+{len(operations) - 1}\b", text), text[-3_000:]


def command(document: Path, base_url: str) -> list[str]:
    """Reads the document from a file: by its address, schemathesis would leave out the operation that serves it."""
    return [
        str(Path(sys.executable).parent / "schemathesis"),
        "run",
        str(document),
        f"--url={base_url}",
        f"--exclude-operation-id={STREAM}",
        f"--checks={','.join(CHECKS)}",
        f"--max-examples={EXAMPLES * rounds()}",
        "--phases=examples,coverage,fuzzing",
        "--continue-on-failure",
        "--generation-database=none",
        "--request-timeout=30",
        "--warnings=off",
        "--no-color",
        f"--seed={os.environ.get('PARLEY_ATTACK_SEED') or 1}",
    ]


ODD = ("", "1", "-1", "a", "\0", "0" * 300, "ü", "a b", "1-0", "null", "[]", "%00")


@pytest.mark.parametrize("name", ["cursor", "ticket", "ack", "deviceId"])
def test_fuzz_of_the_event_stream(server: Stack, people: People, name: str) -> None:
    account = register(server.base_url)
    documented = documented_statuses(server.base_url)
    for value in ODD:
        with stream(server.base_url, account, {name: value}) as answer:
            assert answer.status_code in documented, (value, answer.status_code)
            assert answer.status_code < 500, (value, answer.status_code)
    people.talk(rounds())


def stream(base_url: str, account: Account, query: dict[str, str]):
    headers = {"Authorization": f"Bearer {account.access_token}"}
    return httpx.stream("GET", f"{base_url}/api/v1/events", params=query, headers=headers, trust_env=False, timeout=30)


def documented_statuses(base_url: str) -> set[int]:
    document = httpx.get(f"{base_url}/api/v1/openapi.json", trust_env=False).json()
    return {int(status) for status in document["paths"]["/api/v1/events"]["get"]["responses"]}
