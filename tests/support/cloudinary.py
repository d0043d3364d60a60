"""A stand-in for Cloudinary on loopback: upload (whole and in parts), destroy, resource details, and signed download.

It verifies requests as Cloudinary does, keeps the uploads that it accepted, and misbehaves on request.

Signatures: every parameter but ``file``, ``api_key``, ``signature``, ``cloud_name`` and ``resource_type``, sorted and
joined as ``name=value`` with ``&`` (a ``&`` inside is ``%26``), the secret appended, SHA-1. A signature is valid for an
hour.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

CLOUD, KEY, SECRET = "test-cloud", "314159", "a secret & more"
UNSIGNED = {"file", "api_key", "signature", "cloud_name", "resource_type"}
LEAST_PART = 5_000_000
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_FORMS = {b"\xff\xd8\xff": "jpg", b"\x89PNG": "png", b"GIF8": "gif", b"RIFF": "webp"}

Place = tuple[str, str, str]  # resource type, type, public id


@dataclass
class Fault:
    """A failure instead of an answer, or before it.

    ``late``: the request is carried out, and the answer comes too late.
    """

    status: int = 0
    retry_after: str = ""
    stall: float = 0.0
    late: float = 0.0
    drop: bool = False


class RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Part:
    data: bytearray = field(default_factory=bytearray)


class FakeCloudinary:
    """``url`` is a CLOUDINARY_URL. ``assets`` holds the current assets, ``created`` every asset ever made."""

    def __init__(self, *, timeout: float = 2.0) -> None:
        self.assets: dict[Place, bytes] = {}
        self.created: list[Place] = []
        self.calls: list[str] = []
        self.refusals: list[str] = []
        self.down = False
        self.gate = threading.Event()  # uploads wait for this event
        self.gate.set()
        self._faults: dict[str, deque[Fault]] = {}
        self._parts: dict[str, Part] = {}
        self._lock = threading.Lock()
        self._server = make_server("127.0.0.1", 0, self._app, threaded=True, request_handler=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.prefix = f"http://127.0.0.1:{self._server.port}"
        quoted = SECRET.replace("%", "%25").replace(" ", "%20").replace("&", "%26")
        self.url = f"cloudinary://{KEY}:{quoted}@{CLOUD}?upload_prefix={self.prefix}&timeout={timeout}"

    def __enter__(self) -> FakeCloudinary:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fail(self, action: str, *faults: Fault) -> None:
        """Queues faults for an action (upload, destroy, resource, download). Each call uses up one, in this order."""
        self._faults.setdefault(action, deque()).extend(faults)

    def of(self, media_id: str) -> dict[str, bytes]:
        """Returns the stored bytes of a medium by public id."""
        with self._lock:
            return {place[2]: data for place, data in self.assets.items() if media_id in place[2]}

    # -- serving --------------------

    def _app(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        with Request(environ) as request:
            request.max_form_memory_size = None
            response = self._answer(request)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        try:
            action, values = _ROUTES.bind_to_environ(request.environ).match()
        except HTTPException as error:
            return _error(404, str(error))
        fault = self._next_fault(action)
        request.get_data(parse_form_data=True)  # reads the body first; otherwise the client cannot send all of it
        self.calls.append(action)
        if self.down or fault.drop:
            raise ConnectionAbortedError
        time.sleep(fault.stall)
        if fault.status:
            headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            return _error(fault.status, "injected fault", headers)
        try:
            response: Response = getattr(self, f"_{action}")(request, **values)
        except RefusedError as error:
            self.refusals.append(f"{action}: {error}")
            response = _error(error.status, str(error))
        time.sleep(fault.late)
        return response

    def _next_fault(self, action: str) -> Fault:
        with self._lock:
            waiting = self._faults.get(action)
            return waiting.popleft() if waiting else Fault()

    def _upload(self, request: Request, kind: str) -> Response:
        form = request.form.to_dict()
        _verify(form)
        self.gate.wait(60)
        data = request.files["file"].read()
        if "Content-Range" in request.headers:
            whole = self._part(request, data)
            if whole is None:
                return _json({"done": False, "public_id": form["public_id"]})
            data = whole
        return self._take(kind, form, data)

    def _part(self, request: Request, data: bytes) -> bytes | None:
        """Returns the complete upload once its last part has arrived."""
        match = _RANGE.fullmatch(request.headers["Content-Range"])
        if match is None or not request.headers.get("X-Unique-Upload-Id"):
            raise RefusedError(400, "a part without its range")
        first, last, total = map(int, match.groups())
        with self._lock:
            part = self._parts.setdefault(request.headers["X-Unique-Upload-Id"], Part())
            if first != len(part.data) or last - first + 1 != len(data):
                raise RefusedError(400, f"part {first}-{last} does not follow {len(part.data)}")
            if last + 1 < total and len(data) < LEAST_PART:
                raise RefusedError(400, "a part of less than 5 MB")
            part.data += data
            return bytes(part.data) if last + 1 == total else None

    def _take(self, kind: str, form: dict[str, str], data: bytes) -> Response:
        if not data:
            raise RefusedError(400, "Empty file")
        place = kind, form.get("type", "upload"), form["public_id"]
        allowed = form.get("allowed_formats")
        if allowed and _form_of(data) not in allowed.split(","):
            raise RefusedError(400, f"not of the formats {allowed}")
        with self._lock:
            existing = place in self.assets and form.get("overwrite", "true") in ("false", "0")
            if not existing:
                if place not in self.assets:
                    self.created.append(place)
                self.assets[place] = data
        return _json({**self._describe(place), **({"existing": True} if existing else {})})

    def _describe(self, place: Place) -> dict[str, Any]:
        kind, type_, public_id = place
        data = self.assets[place]
        form = _form_of(data) if kind == "image" else "mp4" if kind == "video" else ""
        described = {"public_id": public_id, "resource_type": kind, "type": type_, "bytes": len(data)}
        return {**described, **({"format": form} if form else {})}

    def _destroy(self, request: Request, kind: str) -> Response:
        form = request.form.to_dict()
        _verify(form)
        with self._lock:
            gone = self.assets.pop((kind, form.get("type", "upload"), form["public_id"]), None)
        return _json({"result": "not found" if gone is None else "ok"})

    def _resource(self, request: Request, kind: str, type: str, public_id: str) -> Response:
        given = request.authorization
        if given is None or (given.username, given.password) != (KEY, SECRET):
            raise RefusedError(401, "unknown api_key")
        place = kind, type, public_id
        if place not in self.assets:
            return _error(404, f"Resource not found - {public_id}")
        return _json(self._describe(place))

    def _download(self, request: Request, kind: str) -> Response:
        query = request.args.to_dict()
        _verify(query)
        if int(query.get("expires_at", 2**40)) <= time.time():
            raise RefusedError(401, "the address has expired")
        data = self.assets.get((kind, query.get("type", "upload"), query["public_id"]))
        if data is None:
            raise RefusedError(404, "no such asset")
        headers = {"Content-Disposition": "attachment"} if query.get("attachment") else {}
        return Response(data, headers=headers, content_type="application/octet-stream")


_ROUTES = Map(
    [
        Rule(f"/v1_1/{CLOUD}/<kind>/upload", endpoint="upload", methods=["POST"]),
        Rule(f"/v1_1/{CLOUD}/<kind>/destroy", endpoint="destroy", methods=["POST"]),
        Rule(f"/v1_1/{CLOUD}/<kind>/download", endpoint="download", methods=["GET"]),
        Rule(f"/v1_1/{CLOUD}/resources/<kind>/<type>/<path:public_id>", endpoint="resource", methods=["GET"]),
    ]
)


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Logs nothing: ``calls`` is the log."""


def signature_of(params: dict[str, str]) -> str:
    signed = sorted(f"{k}={v}".replace("&", "%26") for k, v in params.items() if k not in UNSIGNED and v != "")
    return hashlib.sha1(("&".join(signed) + SECRET).encode()).hexdigest()


def _verify(params: dict[str, str]) -> None:
    if params.get("api_key") != KEY:
        raise RefusedError(401, "unknown api_key")
    if params.get("signature") != signature_of(params):
        raise RefusedError(401, "Invalid Signature")
    age = time.time() - int(params.get("timestamp", 0))
    if not -3600 < age < 3600:
        raise RefusedError(400, "Stale request")


def _form_of(data: bytes) -> str:
    if data[4:12] in (b"ftypheic", b"ftypavif"):
        return data[8:12].decode()
    return next((form for magic, form in _FORMS.items() if data.startswith(magic)), "")


def _json(body: dict[str, Any]) -> Response:
    import json

    return Response(json.dumps(body), content_type="application/json")


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    response = _json({"error": {"message": message}})
    response.status_code = status
    response.headers.update(headers or {})
    return response
