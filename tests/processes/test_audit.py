"""`make audit` fails for a vulnerable package, and reports it if the data of vulnerabilities cannot be reached."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from dev import audit
from tests.support.processes import ROOT, base_env


class Osv(BaseHTTPRequestHandler):
    """OSV's API: ``answers`` holds the answer of each package; None breaks the connection."""

    answers: ClassVar[dict[str, dict[str, Any] | None]] = {}

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = self.answers[asked["package"]["name"]]
        self.send_response(200 if answer is not None else 503)
        body = json.dumps(answer or {}).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Prints nothing."""


def vulnerability(package: str) -> dict[str, Any]:
    affected = {"package": {"name": package, "ecosystem": "PyPI"}}
    affected |= {"versions": ["1.0"], "ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "1.1"}]}]}
    return {"vulns": [{"id": "PYSEC-0000-1", "summary": "a hole", "affected": [affected]}]}


@pytest.fixture
def osv() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Osv)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    thread.join()
    server.server_close()


def run(tmp_path: Path, url: str, lock: str = "one==1.0\ntwo==2.0\n") -> tuple[int, str]:
    path = tmp_path / "requirements.txt"
    path.write_text(lock)
    command = [sys.executable, "-m", "dev.audit", str(path)]
    env = base_env(OSV_URL=url, NO_PROXY="*")
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout


def test_packages_without_vulnerabilities_pass(tmp_path: Path, osv: str) -> None:
    Osv.answers = {"one": {}, "two": {}}
    assert run(tmp_path, osv) == (0, "audit: ok, 2 packages without a known vulnerability\n")


def test_vulnerable_package_fails(tmp_path: Path, osv: str) -> None:
    Osv.answers = {"one": vulnerability("one"), "two": {}}
    status, output = run(tmp_path, osv)
    assert status == audit.VULNERABLE
    assert output.startswith("one 1.0: PYSEC-0000-1, fixed in 1.1\n")


def test_unreachable_data_are_said_and_do_not_pass(tmp_path: Path) -> None:
    status, output = run(tmp_path, "http://127.0.0.1:1/v1/query")
    assert status == audit.NOT_AUDITED
    assert output.startswith("audit: NOT AUDITED: ")
    assert "refused" in output


def test_data_that_end_half_way_are_said_and_do_not_pass(tmp_path: Path, osv: str) -> None:
    Osv.answers = {"one": {}, "two": None}
    status, output = run(tmp_path, osv)
    assert (status, output[:19]) == (audit.NOT_AUDITED, "audit: NOT AUDITED:")


def test_empty_lock_file_does_not_pass(tmp_path: Path, osv: str) -> None:
    assert run(tmp_path, osv, "# nothing\n")[0] == audit.NOT_AUDITED


class Registry(BaseHTTPRequestHandler):
    """npm's registry: ``advisories`` holds those of each package; None breaks the connection."""

    advisories: ClassVar[dict[str, Any] | None] = {}

    def do_POST(self) -> None:
        assert self.path == "/-/npm/v1/security/advisories/bulk"
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        asked = gzip.decompress(asked) if self.headers["Content-Encoding"] == "gzip" else asked
        assert json.loads(asked) == {"one": ["1.0.0"]}
        self.send_response(200 if self.advisories is not None else 503)
        body = json.dumps(self.advisories or {}).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """npm reads the versions of a vulnerable package, to say which one to take."""
        versions = {number: {"name": "one", "version": number} for number in ("1.0.0", "1.1.0")}
        body = json.dumps({"name": "one", "versions": versions, "dist-tags": {"latest": "1.1.0"}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Prints nothing."""


@pytest.mark.parametrize(
    ("advisories", "status", "says"),
    [
        ({}, 0, "audit: ok, 1 packages"),
        (
            {"one": [{"id": 1, "title": "a hole", "url": "u", "severity": "high", "vulnerable_versions": "<1.1.0"}]},
            audit.VULNERABLE,
            "one: a hole, u\naudit: FAILED",
        ),
        (None, audit.NOT_AUDITED, "audit: NOT AUDITED: package-lock.json: "),
    ],
)
def test_lock_of_npm(tmp_path: Path, advisories: dict[str, Any] | None, status: int, says: str) -> None:
    Registry.advisories = advisories
    package = {"name": "checks", "version": "1.0.0", "devDependencies": {"one": "1.0.0"}}
    one = {"version": "1.0.0", "dev": True, "resolved": "https://registry.invalid/one-1.0.0.tgz"}
    lock = {**package, "lockfileVersion": 3, "packages": {"": package, "node_modules/one": one}}
    (tmp_path / "package.json").write_text(json.dumps(package))
    (tmp_path / "package-lock.json").write_text(json.dumps(lock))
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        env = base_env(npm_config_registry=f"http://127.0.0.1:{server.server_port}/", NO_PROXY="*")
        command = [sys.executable, "-m", "dev.audit", str(tmp_path / "package-lock.json")]
        result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        server.shutdown()
    assert (result.returncode, result.stdout[: len(says)]) == (status, says)


def test_locks_of_the_audit_exist() -> None:
    assert all((ROOT / name).is_file() for name in audit.LOCKS)


@pytest.mark.parametrize(
    ("audited", "unreachable", "status", "says"),
    [
        (0, "warn", 0, "audited"),
        (audit.NOT_AUDITED, "warn", 0, "NOT AUDITED"),
        (audit.NOT_AUDITED, "fail", 1, "NOT AUDITED"),
        (audit.VULNERABLE, "warn", 1, "FAILED: audit"),
    ],
)
def test_last_line_of_ci_shows_the_audit(
    tmp_path: Path, audited: int, unreachable: str, status: int, says: str
) -> None:
    """Runs .ci/run with a make that passes, and with an audit that ends with this status."""
    for path, ends in ((".venv/bin/python", audited), ("bin/make", 0)):
        program = tmp_path / path
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\nexit {ends}\n")
        program.chmod(0o755)
    script = tmp_path / ".ci/run"
    script.parent.mkdir()
    script.write_text((ROOT / ".ci/run").read_text())
    env = base_env(AUDIT_UNREACHABLE=unreachable, PATH=f"{tmp_path / 'bin'}:/usr/bin:/bin")
    result = subprocess.run(["sh", str(script)], env=env, capture_output=True, text=True, check=False)
    assert result.returncode == status
    assert says in result.stdout.splitlines()[-1]
