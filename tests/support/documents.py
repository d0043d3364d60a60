"""Checks real answers against the documents of the server that sent them."""

from __future__ import annotations

import copy
import re
from typing import Any

import httpx
from jsonschema import Draft202012Validator

from tests.support.clients import Event

Schema = dict[str, Any]


def strict(document: Schema) -> Schema:
    """Returns a copy in which objects may contain only members that the document names."""
    document = copy.deepcopy(document)
    for schema in document["components"]["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return document


class Documents:
    """The server's own documents. ``seen`` holds the checked items: (method, path, status) and the names of events."""

    def __init__(self, base_url: str) -> None:
        self.rest = strict(httpx.get(f"{base_url}/api/v1/openapi.json", trust_env=False).json())
        self.stream = strict(httpx.get(f"{base_url}/asyncapi.json", trust_env=False).json())
        self.seen: set[tuple[str, str, int] | str] = set()

    def check_answer(self, answer: httpx.Response) -> httpx.Response:
        """Checks the status, media type and body of a REST answer."""
        # As it was sent: an id may have an encoded slash.
        sent = answer.request.url.raw_path.decode().partition("?")[0]
        method, path = answer.request.method, self._template(sent)
        responses = self.rest["paths"][path][method.lower()]["responses"]
        assert str(answer.status_code) in responses, (method, path, answer.status_code, answer.text)
        response = self._resolve(responses[str(answer.status_code)])
        self.seen.add((method, path, answer.status_code))
        if "content" not in response:
            assert answer.content == b""
            return answer
        ((media_type, content),) = response["content"].items()
        assert answer.headers["content-type"].split(";")[0] == media_type
        if media_type.endswith("json"):
            self._validate(content["schema"], self.rest, answer.json())
        return answer

    def check_event(self, event: Event) -> Event:
        """Checks an event from any transport."""
        frame = {"event": event.name, "data": event.data, "cursor": event.cursor, "ref": event.ref}
        message = self.stream["components"]["messages"][f"event.{event.name}"]
        self._validate(message["payload"], self.stream, {k: v for k, v in frame.items() if v is not None})
        self.seen.add(event.name)
        return event

    def check_command(self, name: str, data: Schema) -> None:
        message = self.stream["components"]["messages"][f"command.{name}"]
        self._validate(message["payload"], self.stream, {"event": name, "data": data})

    def successes(self) -> set[tuple[str, str, int]]:
        """Returns every success answer in the document."""
        return {
            (method.upper(), path, int(status))
            for path, methods in self.rest["paths"].items()
            for method, operation in methods.items()
            for status in operation["responses"]
            if status < "300"
        }

    def unconfirmed(self) -> set[tuple[str, str, int]]:
        """Returns the 202 of every operation that has another success answer, for a change that is stored in time."""
        successes = self.successes()
        others = {(method, path) for method, path, status in successes if status != 202}
        return {done for done in successes if done[2] == 202 and done[:2] in others}

    def events(self) -> set[str]:
        names = self.stream["components"]["messages"]
        return {name.removeprefix("event.") for name in names if name.startswith("event.")}

    def _template(self, path: str) -> str:
        if path in self.rest["paths"]:
            return path
        found = [t for t in self.rest["paths"] if re.fullmatch(re.sub(r"{\w+}", "[^/]+", t), path)]
        assert len(found) == 1, f"{path} is not in the document"
        return found[0]

    def _resolve(self, response: Schema) -> Schema:
        name = response.get("$ref", "").rpartition("/")[2]
        return self.rest["components"]["responses"][name] if name else response

    @staticmethod
    def _validate(schema: Schema, document: Schema, value: Any) -> None:
        Draft202012Validator({**schema, "components": document["components"]}).validate(value)
