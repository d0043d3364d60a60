"""A push provider and a media storage of another package, found by their entry points, serve a running deployment."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from dev.processes import wait_until
from tests.contract.expect import refused
from tests.support.added_package import install
from tests.support.clients import RestClient, register
from tests.support.media_files import image_bytes
from tests.support.patience import PATIENCE
from tests.support.private_stack import private_stack
from tests.support.processes import ROOT, SECRET_KEY, Stack, base_env

SHELF_URL = "https://shelf.example"


@dataclass
class Deployment:
    stack: Stack
    shelf: Path
    pages: Path

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        engine = create_engine(self.stack.stores.postgres.url(scheme="postgresql+psycopg"))
        with engine.connect() as connection:
            found = [tuple(row) for row in connection.execute(text(query))]
        engine.dispose()
        return found

    def client(self) -> RestClient:
        return RestClient(self.stack.base_url, register(self.stack.base_url).access_token)


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    directory = Path(tempfile.mkdtemp(prefix="parley-added-"))
    shelf, pages = directory / "shelf", directory / "pages.jsonl"
    shelf.mkdir()
    env = {
        "PYTHONPATH": str(install(directory / "site")),
        "SHELF_DIR": str(shelf),
        "SHELF_URL": SHELF_URL,
        "PAGER_FILE": str(pages),
    }
    try:
        with private_stack(web=1, workers=1, env=env) as stack:
            yield Deployment(stack, shelf, pages)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def test_notification_goes_through_the_added_provider(deployment: Deployment) -> None:
    ann, ben = deployment.client(), deployment.client()
    ben.json("POST", "/push/devices", json={"token": "pager-number-7", "platform": "pager"})
    sent = ann.send(receiver_id=ben.json("GET", "/me")["id"], message="hello")
    wait_until(deployment.pages.exists, PATIENCE, "a page")
    (page,) = [json.loads(line) for line in deployment.pages.read_text().splitlines()]
    assert page == {"address": "pager-number-7", "tag": f"conversation-{sent['conversationId']}"}
    query = "SELECT provider, state FROM push_deliveries"
    wait_until(lambda: deployment.rows(query) == [("pager", "sent")], PATIENCE, "the outcome")
    with refused("invalid"):
        ben.json("POST", "/push/devices", json={"token": "number-of-a-fax", "platform": "fax"})
    with refused("invalid"):
        ben.json("POST", "/push/devices", json={"token": "an-endpoint", "platform": "browser"})
    ann.close(), ben.close()


def test_upload_goes_to_the_added_storage(deployment: Deployment) -> None:
    ann = deployment.client()
    group = int(ann.group()["id"])
    media_id = ann.upload(group, image_bytes())["mediaId"]
    ann.send(conversation_id=group, message="look", attachments=[{"mediaId": media_id}])
    wait_until(
        lambda: deployment.rows("SELECT storage, state FROM media") == [("shelf", "ready")], PATIENCE, "the medium"
    )
    assert {path.name for path in deployment.shelf.iterdir()} == {media_id, f"{media_id}.jpg"}
    address = ann.json("GET", f"/media/{media_id}/url")
    assert address["url"] == f"{SHELF_URL}/{media_id}?expires={address['expiresAt']}"
    begun = ann.json(
        "POST", "/media/direct", json={"filename": "a", "contentType": "", "bytes": 5, "conversationId": group}
    )
    assert begun["url"] == f"{SHELF_URL}/{begun['mediaId']}"
    (deployment.shelf / begun["mediaId"]).write_bytes(b"hello")
    assert ann.json("POST", f"/media/{begun['mediaId']}/complete")["status"] == "processing"
    ann.close()


WRONG = {
    "unknown storage": ({"MEDIA_STORAGE": "attic"}, "MEDIA_STORAGE names 'attic', which is not installed. Installed:"),
    "storage without configuration": ({"MEDIA_STORAGE": "shelf"}, "MEDIA_STORAGE is 'shelf', but that storage is not"),
    "two storages": (
        {"CLOUDINARY_URL": "cloudinary://key:secret@cloud", "SHELF_DIR": "/x", "SHELF_URL": "x"},
        "cloudinary and shelf are both configured: set MEDIA_STORAGE to one of them.",
    ),
    "unknown provider": ({"PUSH_PROVIDERS": "pager,pigeon"}, "PUSH_PROVIDERS names 'pigeon', which is not installed."),
}


@pytest.mark.parametrize("program", ["import wsgi", "worker"])
@pytest.mark.parametrize("case", WRONG)
def test_wrong_names_end_the_process_at_its_start(tmp_path: Path, case: str, program: str) -> None:
    settings, message = WRONG[case]
    code, output = start(program, install(tmp_path / "site"), settings)
    assert code != 0
    assert f"parley: {message}" in output


BROKEN = {
    "missing module": ("[parley.media_storages]\nx = no_such_module:X\n", "no_such_module:X cannot be loaded"),
    "wrong type": ("[parley.media_storages]\nx = parley_pager:PAGER\n", "parley_pager:PAGER is not a StorageKind"),
    "two policies": (
        "[parley.policy]\nx = parley_rules:RULES\ny = parley_rules:OTHER_RULES\n",
        "parley.policy: several policies are installed (other-rules, rules)",
    ),
    "no policy": ("[parley.policy]\nx = parley_pager:PAGER\n", "parley_pager:PAGER is not a Policy"),
    "taken name": (
        "[parley.push_providers]\nx = parley_pager:PAGER\ny = parley_pager:PAGER\n",
        "two installed packages define 'pager'",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_entry_points_end_the_process_at_its_start(tmp_path: Path, case: str) -> None:
    entry_points, message = BROKEN[case]
    code, output = start("import wsgi", install(tmp_path / "site", entry_points), {})
    assert code != 0
    assert message in output


def start(program: str, site: Path, settings: dict[str, str]) -> tuple[int, str]:
    """Starts a web process or a worker whose stores do not exist, and returns its status and output."""
    stores = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "SECRET_KEY": SECRET_KEY,
    }
    command = ["-m", "celery", "-A", "tasks", "worker"] if program == "worker" else ["-c", program]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=base_env(PYTHONPATH=str(site), **stores, **settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr
