"""The embedded stores: recovery after a kill, one holder per directory, and their refusal in production."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from dev.embedded import EmbeddedStores, StartError
from dev.embedded_postgres import BIN, locale_options, major_version
from dev.processes import Guard, wait_until
from tests.support.processes import ROOT, base_env


@pytest.fixture
def directory(work_dir: Path) -> Path:
    return work_dir / f"embedded-{os.urandom(4).hex()}"


@pytest.fixture
def running(directory: Path) -> Iterator[EmbeddedStores]:
    """The stores as `make run` starts them: unix sockets, fsync on."""
    with EmbeddedStores(directory) as stores:
        yield stores


def write(stores: EmbeddedStores) -> None:
    with stores.postgres.connect("parley") as connection:
        connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
    with stores.valkey.client() as client:
        client.set("kept", 1)


def assert_kept(stores: EmbeddedStores) -> None:
    with stores.postgres.connect("parley") as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]
    with stores.valkey.client() as client:
        assert client.get("kept") == b"1"


def test_durable_data_is_synced_to_disk(running: EmbeddedStores) -> None:
    with running.postgres.connect("parley") as connection:
        settings = "fsync", "synchronous_commit", "full_page_writes"
        values = [connection.execute("SELECT current_setting(%s)", (name,)).fetchone() for name in settings]
    assert values == [("on",), ("on",), ("on",)]
    with running.valkey.client() as client:
        assert client.config_get("appendonly", "appendfsync", "maxmemory-policy") == {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
        }


def test_killing_both_stores_loses_nothing(running: EmbeddedStores) -> None:
    write(running)
    running.postgres.kill()
    running.valkey.kill()
    running.postgres.start()
    running.valkey.start()
    assert_kept(running)


def test_wiped_valkey_is_empty(running: EmbeddedStores) -> None:
    write(running)
    running.valkey.kill()
    running.valkey.wipe()
    running.valkey.start()
    with running.valkey.client() as client:
        assert client.dbsize() == 0


def test_stale_pid_file_does_not_prevent_the_start(running: EmbeddedStores) -> None:
    write(running)
    pid_file = running.directory / "postgres" / "postmaster.pid"
    running.postgres.kill()
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    running.postgres.start()
    with running.postgres.connect("parley") as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]


def test_directory_has_one_holder(running: EmbeddedStores) -> None:
    second = EmbeddedStores(running.directory)
    with pytest.raises(StartError, match=f"in use by another copy .process {os.getpid()}"):
        second.start()
    second.guard.close()
    assert running.postgres.running()


def test_path_too_long_for_a_socket_works(work_dir: Path) -> None:
    with EmbeddedStores(work_dir / ("long-" * 20)) as stores:
        write(stores)
        assert_kept(stores)


def test_frozen_stores_answer_again_after_the_thaw(running: EmbeddedStores) -> None:
    write(running)
    running.postgres.freeze()
    running.valkey.freeze()
    try:
        frozen = psutil.Process(running.postgres.pid)
        wait_until(lambda: frozen.status() == psutil.STATUS_STOPPED, 30, "the signal on a busy machine")
    finally:  # nothing could end a frozen store
        running.valkey.thaw()
        running.postgres.thaw()
    assert_kept(running)


def test_stores_end_with_the_process_that_started_them(directory: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from dev.embedded import EmbeddedStores\n"
        "stores = EmbeddedStores(Path(sys.argv[1])).start()\n"
        "print(stores.postgres.pid, stores.valkey.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(directory)]
    with subprocess.Popen(command, cwd=ROOT, env=base_env(), stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        pids = [int(pid) for pid in holder.stdout.readline().split()]
        holder.send_signal(signal.SIGKILL)
    assert len(pids) == 2
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids), 30, "the end of the stores")


def test_guard_kills_a_process_that_ignores_sigterm() -> None:
    guard = Guard()
    deaf = subprocess.Popen(
        ["/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"],
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    assert deaf.stdout is not None
    deaf.stdout.readline()
    guard.add(deaf.pid)
    started = time.monotonic()
    guard.close()
    assert deaf.wait(10) == -signal.SIGKILL
    assert time.monotonic() - started < 60
    deaf.stdout.close()


def test_production_refuses_embedded_stores(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    monkeypatch.setenv("APP_ENV", "production")
    with pytest.raises(StartError, match="APP_ENV=production"):
        EmbeddedStores(directory)


def test_another_postgres_can_be_chosen(directory: Path) -> None:
    """Its programs are in PARLEY_POSTGRES_BIN. Here they are links to those of this run."""
    directory.mkdir()
    for name in ("postgres", "initdb"):
        (directory / name).symlink_to(BIN / name)
    show = "from dev.embedded_postgres import BIN, major_version; print(BIN, major_version())"
    env = base_env(PARLEY_POSTGRES_BIN=str(directory))
    shown = subprocess.run([sys.executable, "-c", show], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert shown.stdout.split() == [str(directory), str(major_version())]
    assert locale_options(16) == ["--locale=C.UTF-8"]
    assert "--locale-provider=builtin" in locale_options(17)
