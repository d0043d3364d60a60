"""Test modules that share a server share a test process."""

from __future__ import annotations

import pytest

from tests.support.scheduling import SHARES, TESTS, share_of


@pytest.mark.parametrize("prefix", SHARES)
def test_every_share_has_modules(prefix: str) -> None:
    """A renamed folder would silently start its server once per module."""
    modules = [path.relative_to(TESTS.parent).as_posix() for path in TESTS.glob(f"{prefix}*") if path.suffix == ".py"]
    shares = {share_of(module) for module in modules} - set(modules)
    assert shares
    assert shares <= {f"{prefix} {number}" for number in range(SHARES[prefix])}


def test_modules_with_a_server_of_their_own_are_in_no_share() -> None:
    for module in ("tests/push/test_local_twin.py", "tests/sdk/test_outbox.py"):
        assert share_of(module) == module


def test_second_server_starts_in_one_process_only() -> None:
    modules = [path for path in (TESTS / "contract").glob("test_*.py") if "short_server" in path.read_text()]
    shares = {share_of(path.relative_to(TESTS.parent).as_posix()) for path in modules}
    assert {share for share in shares if share.startswith("contract/ ")} == {"contract/ 0"}
