"""A primary and a replica of Valkey with three Sentinels, on loopback."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from dev.embedded_valkey import EmbeddedValkey, server_program
from dev.processes import Guard, free_port, signal_group, wait_until
from tests.support.patience import PATIENCE

SERVICE = "parley"
# A machine that runs other tests may hold a server up for a second, and that is no failure.
DOWN_AFTER_MS = 2000


class Sentinels:
    """``servers`` are the two Valkeys; ``primary`` is the one that the Sentinels name now."""

    def __init__(self, directory: Path, guard: Guard) -> None:
        self.servers = [EmbeddedValkey(directory / name, guard=guard, tcp=True) for name in ("first", "second")]
        self.ports = [free_port() for _ in range(3)]
        self._directory, self._guard = directory, guard
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"redis+sentinel://{hosts}/{SERVICE}"

    def start(self) -> Sentinels:
        first, second = self.servers
        first.start()
        second.start()
        with second.client() as client:
            client.replicaof("127.0.0.1", first.port)
        for port in self.ports:
            self._start_sentinel(port)
        wait_until(self.is_whole, PATIENCE, "a replica, and Sentinels that know each other", every=0.1)
        return self

    def stop(self) -> None:
        for process in self._processes:
            signal_group(process.pid, signal.SIGKILL)
            process.wait()
            self._guard.drop(process.pid)
        for server in self.servers:
            server.stop()

    def heal(self) -> None:
        """Starts a dead server again, as a platform does, and waits until it is the replica."""
        for server in self.servers:
            if not server.running():
                server.start()
        wait_until(self.is_whole, PATIENCE, "a replica", every=0.1)

    def primary(self) -> EmbeddedValkey:
        """Returns the server that the first Sentinel names."""
        with self.sentinel() as client:
            found = client.sentinel_get_master_addr_by_name(SERVICE)
        assert found is not None
        return next(server for server in self.servers if server.port == int(found[1]))

    def other(self) -> EmbeddedValkey:
        primary = self.primary()
        return next(server for server in self.servers if server is not primary)

    def fail_over(self) -> None:
        """Makes the Sentinels promote the replica. The old primary accepts writes for about ten more seconds."""
        replica = self.other()
        with self.sentinel() as client:
            client.execute_command("SENTINEL", "FAILOVER", SERVICE)
        self.wait_for(replica)

    def kill_primary(self) -> EmbeddedValkey:
        """Kills the primary and returns once the replica has taken its place. Returns the dead server."""
        dead, replica = self.primary(), self.other()
        dead.kill()
        self.wait_for(replica)
        return dead

    def wait_for(self, server: EmbeddedValkey) -> None:
        """Waits until the failover to this server is complete: the other one, if it lives, is a replica."""
        rest = [other for other in self.servers if other is not server]

        def is_over() -> bool:
            try:
                demoted = not any(other.running() and is_primary(other) for other in rest)
                return self._named() == {server.port} and is_primary(server) and demoted
            except redis.ConnectionError:  # a server closes its connections when its role changes
                return False

        wait_until(is_over, PATIENCE, "a failover", every=0.1)

    def is_whole(self) -> bool:
        """Returns whether the primary has its replica and each Sentinel knows both and the two other Sentinels."""
        for port in self.ports:
            with self.sentinel(port) as client:
                state = client.sentinel_master(SERVICE)
            if (state["num-slaves"], state["num-other-sentinels"], state["flags"]) != (1, 2, "master"):
                return False
        with self.primary().client() as client:
            return bool(client.info("replication").get("connected_slaves"))

    def sentinel(self, port: int | None = None) -> redis.Redis:
        return redis.Redis("127.0.0.1", port or self.ports[0], socket_timeout=5, decode_responses=True)

    def _named(self) -> set[int]:
        named = set()
        for port in self.ports:
            with self.sentinel(port) as client:
                found = client.sentinel_get_master_addr_by_name(SERVICE)
            named.add(int(found[1]) if found else 0)
        return named

    def _start_sentinel(self, port: int) -> None:
        file = self._directory / f"sentinel-{port}.conf"
        monitored = f"{SERVICE} 127.0.0.1 {self.servers[0].port} 2"
        file.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {self._directory}\n"
            f"sentinel monitor {monitored}\n"
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {SERVICE} 10000\n"
        )
        with file.with_suffix(".log").open("ab") as log:
            process = subprocess.Popen(
                [server_program(), str(file), "--sentinel"], stdout=log, stderr=log, start_new_session=True
            )
        self._guard.add(process.pid)
        self._processes.append(process)
        wait_until(lambda: answers(port), PATIENCE, "a Sentinel", every=0.02)


def answers(port: int) -> bool:
    try:
        with redis.Redis("127.0.0.1", port, socket_timeout=5) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def is_primary(server: EmbeddedValkey) -> bool:
    with server.client() as client:
        return bool(client.info("replication")["role"] == "master")


@contextmanager
def running_sentinels(directory: Path) -> Iterator[Sentinels]:
    directory.mkdir(parents=True, exist_ok=True)
    guard = Guard()
    made = Sentinels(directory, guard)
    try:
        yield made.start()
    finally:
        made.stop()
        guard.close()
