"""The client's types match the contract and work in applications that install the package."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from app.api.client_files import CLIENT
from app.api.documents.asyncapi import asyncapi
from app.api.documents.openapi import openapi
from dev.node import node, node_tools
from tests.e2e.client.conftest import RunNode

# Commands resolve to these events; handlers never get them.
ANSWERS = {"ack", "pong"}
USE = """
import { Parley, type EventMap, type Message } from "parley-client";
const parley = new Parley({ url: "https://chat.example.com" });
parley.on("message_read", ({ seq }) => seq.toFixed());
export const messages: Promise<Message[]> = parley.history(1).then((page) => page.messages);
export type Seq = EventMap["receive_message"]["seq"];
"""
MISUSE = {
    'parley.on("no_such_event", () => {});': "no_such_event",
    'parley.on("typing", ({ text }) => text);': "'text'",
    "export const wrong: Promise<string> = parley.openDirect(2);": "Promise<Conversation>",
}
SETTINGS = {"strict": True, "noEmit": True, "module": "NodeNext", "target": "ES2022", "types": []}


def test_types_match_the_contract(run_node: RunNode, tmp_path: Path) -> None:
    stream, rest = asyncapi()["components"], openapi()["components"]
    data = {
        name.removeprefix("event."): message["payload"]["properties"]["data"]
        for name, message in stream["messages"].items()
        if name.startswith("event.")
    }
    events = {name: data[name]["$ref"].rpartition("/")[2] for name in data.keys() - ANSWERS}
    documents = tmp_path / "documents.json"
    documents.write_text(json.dumps({"schemas": {**stream["schemas"], **rest["schemas"]}, "events": events}))
    run_node("types", "", str(documents))


def test_application_that_installs_the_package_gets_its_types(tmp_path: Path) -> None:
    _install_package(tmp_path)
    compiled = _compile(tmp_path, USE)
    assert compiled.returncode == 0, compiled.stdout
    wrong = _compile(tmp_path, USE + "\n".join(MISUSE))
    assert wrong.returncode != 0
    assert len(re.findall(r"error TS", wrong.stdout)) == len(MISUSE), wrong.stdout
    for complaint in MISUSE.values():
        assert complaint in wrong.stdout


def test_installed_package_works(tmp_path: Path) -> None:
    _install_package(tmp_path)
    (tmp_path / "use.mjs").write_text('import { Parley } from "parley-client"; console.log(typeof Parley);')
    ran = subprocess.run([node(), "use.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout == "function\n"


def _install_package(project: Path) -> None:
    """Copies exactly the files that npm would put into the package."""
    npm = shutil.which("npm")
    assert npm is not None
    command = [npm, "pack", str(CLIENT), "--json", "--dry-run"]
    packed: list[dict[str, Any]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    for file in packed[0]["files"]:
        installed = project / "node_modules" / "parley-client" / file["path"]
        installed.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(CLIENT / file["path"], installed)


def _compile(project: Path, program: str) -> subprocess.CompletedProcess[str]:
    (project / "use.mts").write_text(program)
    (project / "tsconfig.json").write_text(json.dumps({"compilerOptions": SETTINGS, "files": ["use.mts"]}))
    command = [str(node_tools() / ".bin" / "tsc"), "--project", str(project)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
