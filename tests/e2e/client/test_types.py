"""The client's types match the contract and work in applications that install the package."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.api.documents.asyncapi import asyncapi
from app.api.documents.openapi import openapi
from app.web.assets import CLIENT
from dev.node import node, node_tools
from tests.e2e.client.conftest import RunNode

# Commands resolve to these events; handlers never get them.
ANSWERS = {"ack", "pong"}
USE = """
import { Parley, type EventMap, type Message } from "parley-client";
import { useConversations, useMessages } from "parley-client/react";
import { openStorage, type AsyncStore } from "parley-client/react-native.js";
import { Store } from "parley-client/state/store.js";
import { ParleyChat } from "parley-client/widget.js";
export const names = (): string[] => useConversations().conversations.map((one) => one.name ?? "");
export const send = (text: string): string => useMessages(1).send(text).id;
export const storage = (disk: AsyncStore) => openStorage(disk).then((kept) => kept.getItem("a"));
export const open = (chat: ParleyChat): boolean => (chat.conversation = "order-1", chat.open);
const parley = new Parley({ url: "https://chat.example.com" });
parley.on("message_read", ({ seq }) => seq.toFixed());
export const messages: Promise<Message[]> = parley.history(1).then((page) => page.messages);
export const store: Store = new Store(parley);
export type Seq = EventMap["receive_message"]["seq"];
"""
PAGE = """
import { createRoot } from "react-dom/client";
import { ParleyProvider, useMessages, useUser } from "parley-client/react";
import { Store } from "parley-client/state/store.js";
import { Parley, type ShownMessage } from "parley-client";
function Row({ message }: { message: ShownMessage }) {
  return <li data-seq={message.seq}>{useUser(message.senderId).displayName}: {message.message}</li>;
}
export function Chat({ id }: { id: number }) {
  const { messages, send } = useMessages(id);
  const hello = () => send("Hello", { metadata: { order: 4711 } }).sentAt;
  const rows = messages.map((one) => <Row key={one.id} message={one} />);
  return <><ol>{rows}</ol><button onClick={hello}>Hello</button></>;
}
const unread = (event: CustomEvent<{ count: number }>) => event.detail.count.toFixed();
const chat = document.createElement("parley-chat");
chat.conversation = "order-1";
chat.addEventListener("parley-ready", ({ detail }) => detail.userId.toFixed());
document.addEventListener("parley-message", ({ detail }) => detail.message.id);
const store = new Store(new Parley());
const bubble = <parley-chat token-url="/token" recipient={7} launcher theme="dark" onparley-unread={unread} />;
createRoot(document.body).render(<ParleyProvider store={store}><Chat id={7} />{bubble}</ParleyProvider>);
"""
WRONG_PAGE = {
    'export const wrong = <parley-chat theme="blue" />;': '"blue"',
    "export const text: string = chat.open;": "boolean",
    'chat.addEventListener("parley-unread", ({ detail }) => detail.number);': "'number'",
    "export const Bad = () => <p>{useMessages(1).messages[0].text}</p>;": "'text'",
}
MISUSE = {
    'parley.on("no_such_event", () => {});': "no_such_event",
    'parley.on("typing", ({ text }) => text);': "'text'",
    "export const wrong: Promise<string> = parley.openDirect(2);": "Promise<Conversation>",
    "export const list: string = useConversations().conversations;": "Conversation[]",
    "export const chat: string = new ParleyChat().open;": "boolean",
}
SETTINGS = {
    "strict": True,
    "noEmit": True,
    "module": "NodeNext",
    "target": "ES2022",
    "jsx": "react-jsx",
    "types": [],
}


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


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An application that has installed the package."""
    made = tmp_path_factory.mktemp("application")
    _install_package(made)
    return made


@pytest.fixture(scope="module")
def complaints(project: Path) -> dict[str, list[str]]:
    """The compiler's errors in each program, all compiled at once: a start of the compiler takes 5 s."""
    pages = {"page.tsx": PAGE, "wrong_page.tsx": PAGE + "\n".join(WRONG_PAGE)}
    return _compile(project, {"use.mts": USE, "wrong_use.mts": USE + "\n".join(MISUSE), **pages})


def test_application_that_installs_the_package_gets_its_types(complaints: dict[str, list[str]]) -> None:
    assert complaints["use.mts"] == []
    _assert_each(MISUSE, complaints["wrong_use.mts"])


def test_application_in_react_gets_the_types_of_the_element(complaints: dict[str, list[str]]) -> None:
    assert complaints["page.tsx"] == []
    _assert_each(WRONG_PAGE, complaints["wrong_page.tsx"])


def _assert_each(wrong: dict[str, str], errors: list[str]) -> None:
    assert len(errors) == len(wrong), errors
    for complaint in wrong.values():
        assert any(complaint in error for error in errors), errors


def test_installed_package_works(project: Path) -> None:
    use = 'import { Parley } from "parley-client"; import "parley-client/widget.js"; console.log(typeof Parley);'
    (project / "use.mjs").write_text(use)  # servers that render pages import the widget as well
    ran = subprocess.run([node(), "use.mjs"], cwd=project, capture_output=True, text=True, check=True)
    assert ran.stdout == "function\n"


def test_every_module_of_the_package_is_packed(project: Path) -> None:
    modules = {path.relative_to(CLIENT) for path in CLIENT.rglob("*.js")}
    installed = project / "node_modules" / "parley-client"
    assert {path.relative_to(installed) for path in installed.rglob("*.js")} == modules


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
    for name in ("@types", "csstype"):  # React's types, which an application with the hooks has
        (project / "node_modules" / name).symlink_to(node_tools() / name)


def _compile(project: Path, programs: dict[str, str]) -> dict[str, list[str]]:
    for name, program in programs.items():
        (project / name).write_text(program)
    (project / "package.json").write_text('{"type": "module"}')
    (project / "tsconfig.json").write_text(json.dumps({"compilerOptions": SETTINGS, "files": [*programs]}))
    command = [str(node_tools() / ".bin" / "tsc"), "--project", str(project), "--pretty", "false"]
    printed = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False).stdout
    errors: dict[str, list[str]] = {name: [] for name in programs}
    for error in re.split(r"\n(?=\S)", printed.strip()):  # the lines that explain an error are indented
        place, _, text = error.partition("(")
        assert place in errors, printed
        errors[place].append(text)
    return errors
