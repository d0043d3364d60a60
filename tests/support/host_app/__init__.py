"""A host's own Flask application that mounts Parley, started the way a host would start it: through gunicorn, with
Parley's gunicorn.conf.py, in a directory of its own.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from app.config import Settings, variable_of
from tests.support.processes import ROOT, Child, Stack, base_env

SOURCES = Path(__file__).parent / "shop"
PREFIX = "/chat"
SECOND_PREFIX = "/support"
TOKEN_SECRET = "a secret of the shop and of its chat"
# The shop has variables of the same names as Parley. They must not reach it.
OWN_ENV = {
    "SECRET_KEY": "the shop's own key for its cookies",
    "JWT_SECRET_KEY": "the shop's own key for other tokens",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/not-parleys",
    "REDIS_URL": "redis://127.0.0.1:9/0",
}
IDENTITY = {
    "JWT_SHARED_SECRET": TOKEN_SECRET,
    "JWT_ISSUER": "https://shop.example",
    "JWT_AUDIENCE": "parley",
    "LOCAL_ACCOUNTS": "true",
}


class MountedStack(Stack):
    """A Stack whose gateway is mounted in the shop. ``shop_url`` is the shop's address, ``base_url`` Parley's below it.

    ``shop_worker`` runs the shop's own Celery tasks.
    """

    def __init__(self, stores: Any, log_dir: Path, **options: Any) -> None:
        options["env"] = {**IDENTITY, **options.pop("env", {})}
        super().__init__(stores, log_dir, **options)
        directory = log_dir / "deployed"
        shutil.copytree(SOURCES, directory / "shop")
        for child in self.web:
            port = {"PORT": child.env["PORT"], "HOST": "127.0.0.1"}
            child.env = {**self._shop_env(directory), **port, **_prefixed(self.env)}
            child.command = f"cd {directory} && exec gunicorn -c {ROOT / 'gunicorn.conf.py'} shop.wsgi:app"
        worker = f"cd {directory} && exec celery --quiet -A shop.jobs worker --pool solo --loglevel WARNING"
        env = {**self._shop_env(directory), **_prefixed(self.env)}
        self.shop_worker = Child("shop_worker", worker, env, log_dir / "shop_worker.log", stores.guard)

    @property
    def base_urls(self) -> list[str]:
        return [url + PREFIX for url in super().base_urls]

    @property
    def shop_url(self) -> str:
        return self.base_url.removesuffix(PREFIX)

    @property
    def children(self) -> list[Child]:
        return [*super().children, self.shop_worker]

    def _shop_env(self, directory: Path) -> dict[str, str]:
        own = {"SHOP_DATABASE": f"sqlite:///{directory / 'shop.db'}", "SHOP_BROKER": self.stores.valkey.broker_url(9)}
        return base_env(PYTHONPATH=f"{directory}:{ROOT}", **OWN_ENV, **own)


def _prefixed(env: dict[str, str]) -> dict[str, str]:
    """Returns Parley's settings as the shop has them in its environment."""
    known = {variable_of(name) for name in Settings.__dataclass_fields__}
    return {f"PARLEY_{name}": value for name, value in env.items() if name in known}
