"""The server serves client/, and the package keeps its promises."""

from __future__ import annotations

import httpx

from app.web.assets import CLIENT
from tests.e2e.client.conftest import RunNode
from tests.support.processes import Stack


def test_package_is_small_and_has_no_dependencies(run_node: RunNode) -> None:
    run_node("package", "")


def test_modules_are_served_unchanged(server: Stack) -> None:
    with httpx.Client(base_url=server.base_url, trust_env=False) as http:
        for name in ("parley.js", "lib/tab_coordinator.js", "legacy.js"):
            answer = http.get(f"/client/{name}")
            assert answer.status_code == 200
            assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
            assert answer.headers["Content-Encoding"] in ("br", "gzip")
            assert answer.content == (CLIENT / name).read_bytes()
            plain = http.get(f"/client/{name}", headers={"Accept-Encoding": "identity"})
            assert "Content-Encoding" not in plain.headers
            assert plain.content == answer.content


def test_unchanged_module_answers_304(server: Stack) -> None:
    with httpx.Client(base_url=server.base_url, trust_env=False) as http:
        first = http.get("/client/parley.js")
        assert first.headers["Cache-Control"] == "no-cache"
        again = http.get("/client/parley.js", headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_service_worker_is_at_the_root(server: Stack) -> None:
    answer = httpx.get(f"{server.base_url}/sw.js", trust_env=False)
    assert answer.content == (CLIENT / "sw.js").read_bytes()
    assert answer.headers["Content-Type"].startswith("text/javascript")


def test_no_other_files_are_served(server: Stack) -> None:
    with httpx.Client(base_url=server.base_url, trust_env=False, follow_redirects=True) as http:
        for path in (
            "README.md",
            "package.json",
            "../wsgi.py",
            "%2e%2e/wsgi.py",
            "lib/../../wsgi.py",
            "/etc/passwd",
            "",
        ):
            assert http.get(f"/client/{path}").status_code == 404, path
