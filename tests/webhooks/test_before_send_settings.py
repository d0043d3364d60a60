"""The hook before sending as a function of an installed package, and its settings."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.added_package import install
from tests.support.clients import Refused, RestClient, register
from tests.support.private_stack import private_stack
from tests.support.processes import ROOT, SECRET_KEY, base_env, procfile


def entry_point(target: str) -> str:
    return f"[parley.before_send]\nhook = {target}\n"


def test_function_of_an_installed_package_decides_and_a_failure_refuses(tmp_path: Path, opened: list[Any]) -> None:
    site = install(tmp_path / "site", entry_point("parley_words:decide"))
    env = {"PYTHONPATH": str(site), "BEFORE_SEND_FAILURE": "reject", "BEFORE_SEND_TIMEOUT": "0.5"}
    with private_stack(web=1, workers=1, env=env) as stack:
        ann, ben = register(stack.base_url), register(stack.base_url)
        opened.append(client := RestClient(stack.base_url, ann.access_token))
        assert client.send(receiver_id=ben.user_id, message="hello")["seq"] == 1
        unavailable = [(text, "unavailable") for text in ("raise", "broken text", "wait")]
        for text, reason in [("buy", "by the package"), *unavailable]:
            with pytest.raises(Refused) as error:
                client.send(receiver_id=ben.user_id, message=text)
            assert (error.value.code, error.value.data["reason"]) == ("rejected", reason)


@pytest.mark.parametrize(
    ("env", "target", "words"),
    [
        ({"BEFORE_SEND_URL": "https://x.example/"}, "parley_words:decide", "keep one of them"),
        ({}, "parley_words:nothing", "cannot be loaded"),
        ({}, "parley_words:NO_FUNCTION", "is not a function"),
        ({"BEFORE_SEND_URL": "x.example"}, "", "BEFORE_SEND_URL must begin"),
        ({"BEFORE_SEND_SECRET": "whsec_short"}, "", "BEFORE_SEND_SECRET must be"),
        ({"BEFORE_SEND_TIMEOUT": "0"}, "", "BEFORE_SEND_TIMEOUT must be"),
        ({"BEFORE_SEND_TIMEOUT": "11"}, "", "BEFORE_SEND_TIMEOUT must be"),
        ({"BEFORE_SEND_FAILURE": "ignore"}, "", "BEFORE_SEND_FAILURE must be"),
    ],
)
def test_wrong_configuration_stops_the_server(tmp_path: Path, env: dict[str, str], target: str, words: str) -> None:
    if target:
        env = {**env, "PYTHONPATH": str(install(tmp_path / "site", entry_point(target)))}
    assert words in start_web(tmp_path, env)


def start_web(directory: Path, env: dict[str, str]) -> str:
    """Returns the output of a web process that ends by itself."""
    urls = {"DATABASE_URL": "postgres://nowhere/x", "REDIS_URL": "redis://127.0.0.1:1", "SECRET_KEY": SECRET_KEY}
    whole = base_env(**urls, **env, PORT="0", HOST="127.0.0.1")
    done = subprocess.run(
        ["/bin/sh", "-c", procfile()["web"]],
        env=whole,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 3, done.stderr
    return done.stdout + done.stderr
