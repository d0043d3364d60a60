"""The media metrics: uploads, pending media, and retries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from tests.contract.expect import eventually, refused
from tests.support.cloudinary import FakeCloudinary
from tests.support.media_files import bomb_png, image_bytes
from tests.support.media_person import LONG, Person
from tests.support.processes import Stack
from tests.unit.test_metrics import Samples, samples_of


def scrape(server: Stack) -> Samples:
    return samples_of(httpx.get(f"{server.base_url}/metrics", trust_env=False, timeout=20).content)


def total(server: Stack, name: str, **labels: str) -> float:
    found: dict[Any, float] = scrape(server)
    wanted = set(labels.items())
    return sum(value for (metric, have), value in found.items() if metric == name and wanted <= set(have))


def grows(server: Stack, name: str, by: float, **labels: str) -> Callable[[], bool]:
    before = total(server, name, **labels)
    return lambda: total(server, name, **labels) >= before + by


def test_metrics_count_uploads_pending_media_and_retries(
    ann: Person, server: Stack, cloudinary: FakeCloudinary
) -> None:
    picture = image_bytes()
    changes = [
        (grows(server, "parley_uploads_total", 2, way="form", outcome="begun"), "begun"),
        (grows(server, "parley_uploads_total", 1, way="form", outcome="finished"), "finished"),
        (grows(server, "parley_uploads_total", 1, way="form", outcome="too_large"), "refused"),
        (grows(server, "parley_uploads_total", 1, way="direct", outcome="invalid"), "a refused direct upload"),
        (grows(server, "parley_upload_bytes_total", len(picture)), "the uploaded bytes"),
        (grows(server, "parley_media_total", 1, kind="image", outcome="ready"), "a processed picture"),
        (grows(server, "parley_media_seconds_count", 1), "the processing time"),
    ]
    retried = grows(server, "parley_media_retries_total", 1, reason="storage")
    cloudinary.down = True
    _, message_id = ann.share(picture)
    with refused("too_large"):
        ann.rest.upload(ann.group, bomb_png())
    with refused("invalid"):
        ann.begin_direct(0)
    eventually(lambda: total(server, "parley_media_waiting") == 1, "pending media", LONG)
    eventually(lambda: total(server, "parley_media_staged_bytes") == len(picture), "staged bytes in Postgres", LONG)
    eventually(retried, "a retry", LONG)
    cloudinary.down = False
    for has_grown, what in changes:
        eventually(has_grown, what, LONG)
    assert ann.status(message_id) == "ready"
    eventually(lambda: total(server, "parley_media_staged_bytes") == 0, "an empty table of pending media", LONG)
