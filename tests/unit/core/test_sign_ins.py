"""Names of devices and shortened addresses."""

from __future__ import annotations

import pytest

from app.core.sign_ins import device_name_of, shortened


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Safari/604.1", "Safari on iPhone"),
        ("python-httpx/0.28.1", "python-httpx"),
        ("", None),
        ("\u202e<script>", None),
    ],
)
def test_device_names(user_agent: str, name: str | None) -> None:
    assert device_name_of(user_agent) == name


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.x"),
        ("::ffff:203.0.113.7", "203.0.113.x"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("not an address", None),
    ],
)
def test_addresses_are_shortened(address: str, network: str | None) -> None:
    assert shortened(address) == network
