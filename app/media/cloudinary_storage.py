"""Stores media at Cloudinary. Its SDK builds and signs the URLs; we send the requests ourselves.

The SDK's own requests have no timeout by default, report errors without status and ``Retry-After``, and read a whole
file into one body. Files larger than ``CHUNK`` are sent in parts.

Every asset is of type ``authenticated``. Addresses are those of the download call: only these expire without a paid
add-on (a signed delivery URL never expires).

Cloudinary accepts a signature for one hour after its timestamp. Direct uploads expire sooner, so their timestamp lies
in the past.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import cloudinary
import cloudinary.utils as sdk
import urllib3
from urllib3.exceptions import HTTPError

from app.media.storage import Asset, DirectUpload, Fields, StorageError, Stored, is_shown

log = logging.getLogger(__name__)

# Cloudinary requires parts of at least 5 MB. Memory holds one part, twice: the bytes and the encoded form.
CHUNK = 6 * 1024 * 1024
FOLDER = "parley"
CONNECT_SECONDS, READ_SECONDS = 5.0, 45.0
SIGNATURE_SECONDS = 3600
_RESOURCE = {"image": "image", "audio": "video", "video": "video", "file": "raw"}
# The same request may succeed later: rate limits, timeouts, and credentials that an operator corrects.
_RETRYABLE = {401, 403, 408, 409, 420, 425, 429}
# The download call may redirect to the address of the bytes.
_FOLLOW_REDIRECTS = urllib3.Retry(total=3, connect=0, read=0, redirect=3)
DEFAULT_RETRY, CREDENTIALS_RETRY, MAX_RETRY = 2.0, 60.0, 3600.0
_EXTENSION = {"image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/webp": "webp"}
_ALLOWED = {**_EXTENSION, "image/heic": "heic", "image/avif": "avif"}


class CloudinaryStorage:
    name = "cloudinary"

    def __init__(self, url: str) -> None:
        """``url`` is ``cloudinary://key:secret@cloud``. It may have the SDK's options ``upload_prefix`` (another
        address of the API) and ``timeout`` (seconds) as query parameters."""
        parts = urlsplit(url)
        options = parse_qs(parts.query)
        prefix = options.get("upload_prefix", [None])[0]
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=float(options.get("timeout", [READ_SECONDS])[0]))
        self._account: Fields = {
            "cloud_name": parts.hostname,
            "api_key": unquote(parts.username or ""),
            "api_secret": unquote(parts.password or ""),
            **({"upload_prefix": prefix} if prefix else {}),
        }
        # No redirects: a response must not send us to another host. No retries: the task does them.
        self._http = urllib3.PoolManager(maxsize=4, retries=False, timeout=timeout, **cloudinary.CERT_KWARGS)

    def put(self, asset: Asset, path: str, *, replace: bool, alive: Callable[[], None]) -> Stored:
        params = {"public_id": _public_id(asset), "type": "authenticated", "overwrite": replace}
        size = os.path.getsize(path)
        answer: Fields = {}
        upload = secrets.token_hex(16)
        with open(path, "rb") as file:
            at = 0
            while at < size or not answer:
                alive()
                part = file.read(CHUNK)
                headers = {"X-Unique-Upload-Id": upload, "Content-Range": f"bytes {at}-{at + len(part) - 1}/{size}"}
                answer = self._upload(asset, params, part, headers if size > CHUNK else {})
                at += len(part)
        return _stored(answer)

    def put_thumbnail(self, asset: Asset, data: bytes) -> None:
        thumbnail = _thumbnail(asset)
        params = {"public_id": _public_id(thumbnail), "type": "authenticated", "overwrite": True}
        self._upload(thumbnail, params, data, {})

    def describe(self, asset: Asset) -> Stored | None:
        place = ["resources", _RESOURCE[asset.kind], "authenticated", _public_id(asset)]
        url = sdk.base_api_url(place, **self._account)
        account = urllib3.make_headers(basic_auth=f"{self._account['api_key']}:{self._account['api_secret']}")
        answer = self._request("GET", url, headers=account, may_be_absent=True)
        return None if answer is None else _stored(answer)

    def read(self, asset: Asset) -> Iterator[bytes]:
        url = self.address(asset, thumbnail=False, expires_at=int(time.time()) + 600)
        try:
            response = self._http.request("GET", url, preload_content=False, retries=_FOLLOW_REDIRECTS)
            with contextlib.closing(response):
                if response.status != 200:
                    raise _storage_error(response.status, response.headers, "download")
                yield from response.stream(256 * 1024)
        except HTTPError as error:
            raise StorageError(type(error).__name__, DEFAULT_RETRY) from error

    def remove(self, asset: Asset) -> None:
        for one in (asset, _thumbnail(asset)):
            params = {"public_id": _public_id(one), "type": "authenticated", "invalidate": True}
            self._request("POST", self._url(one, "destroy"), fields=self._signed(params), may_be_absent=True)

    def address(self, asset: Asset, *, thumbnail: bool, expires_at: int) -> str:
        if thumbnail:
            asset = _thumbnail(asset)
        extension = _EXTENSION.get(asset.content_type, "")
        attachment = None if is_shown(asset.kind) else True
        options = {"resource_type": _RESOURCE[asset.kind], "type": "authenticated", "attachment": attachment}
        url = sdk.private_download_url(_public_id(asset), extension, expires_at=expires_at, **options, **self._account)
        return cast(str, url)

    def direct_upload(self, asset: Asset, *, user_id: int, conversation_id: int, expires_at: int) -> DirectUpload:
        params: Fields = {
            "public_id": _public_id(asset),
            "type": "authenticated",
            "overwrite": "false",  # makes the signature valid for one file only
            "context": f"user={user_id}|conversation={conversation_id}|bytes={asset.bytes}",
            "timestamp": expires_at - SIGNATURE_SECONDS,
        }
        if asset.content_type in _ALLOWED:
            params["allowed_formats"] = _ALLOWED[asset.content_type]
        fields = sdk.sign_request(params, self._account)
        return DirectUpload(self._url(asset, "upload"), {name: str(value) for name, value in fields.items()})

    def close(self) -> None:
        self._http.clear()

    def _url(self, asset: Asset, action: str) -> str:
        return cast(str, sdk.cloudinary_api_url(action, resource_type=_RESOURCE[asset.kind], **self._account))

    def _signed(self, params: Fields) -> Fields:
        texts = {name: str(value).lower() if isinstance(value, bool) else value for name, value in params.items()}
        return cast(Fields, sdk.sign_request({**texts, "timestamp": int(time.time())}, self._account))

    def _upload(self, asset: Asset, params: Fields, data: bytes, headers: Fields) -> Fields:
        fields = {**self._signed(params), "file": (asset.id, data, asset.content_type)}
        return self._request("POST", self._url(asset, "upload"), fields=fields, headers=headers) or {}

    def _request(self, method: str, url: str, *, may_be_absent: bool = False, **options: Any) -> Fields | None:
        """Sends a request and returns the parsed answer. With ``may_be_absent``, returns None on status 404."""
        try:
            response = self._http.request(method, url, **options)
        except HTTPError as error:
            raise StorageError(type(error).__name__, DEFAULT_RETRY) from error
        if response.status == 404 and may_be_absent:
            return None
        if response.status != 200:
            raise _storage_error(response.status, response.headers, method)
        try:
            answer = json.loads(response.data)
        except ValueError as error:
            raise StorageError("not JSON", DEFAULT_RETRY) from error
        return cast(Fields, answer)


def _public_id(asset: Asset) -> str:
    return f"{FOLDER}/{asset.id}"


def _thumbnail(asset: Asset) -> Asset:
    return Asset(f"{asset.id}-thumbnail", "image", "image/jpeg", 0, None)


def _stored(answer: Fields) -> Stored:
    return Stored(int(answer.get("bytes") or 0), str(answer.get("format") or ""))


def _storage_error(status: int, headers: Any, what: str) -> StorageError:
    if status in (401, 403):
        log.error("Cloudinary rejects the account (%d): check CLOUDINARY_URL", status)
        return StorageError(f"{what}: {status}", CREDENTIALS_RETRY)
    if status in _RETRYABLE or status >= 500:
        return StorageError(f"{what}: {status}", retry_after(headers.get("Retry-After"), time.time()))
    return StorageError(f"{what}: {status}", None)


def retry_after(header: str | None, now: float) -> float:
    """Returns the seconds of a Retry-After header in either form (RFC 9110, 10.2.3).

    Returns ``DEFAULT_RETRY`` if the header is absent or malformed.
    """
    try:
        if header is None:
            return DEFAULT_RETRY
        seconds = float(header) if header.strip().isdigit() else parsedate_to_datetime(header).timestamp() - now
    except (ValueError, OverflowError):
        return DEFAULT_RETRY
    return min(max(seconds, 1.0), MAX_RETRY)
