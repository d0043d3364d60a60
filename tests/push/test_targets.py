"""Push targets (browsers and devices): registered, moved between accounts, removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dev.processes import wait_until
from tests.contract.expect import refused
from tests.push.conftest import Person, Pushing
from tests.support.patience import PATIENCE

MakePerson = Callable[..., Person]


def targets(pushing: Pushing, who: Person) -> list[str]:
    rows = pushing.rows("SELECT address FROM push_targets WHERE user_id = :u ORDER BY id", u=who.id)
    return [address for (address,) in rows]


def test_registering_again_is_idempotent_and_a_new_token_replaces_the_old(pushing: Pushing, person: MakePerson) -> None:
    ben, browser = person(), pushing.web.browser()
    assert ben.subscribe(browser) == ben.subscribe(browser)
    first = ben.device("ios", deviceId="phone")
    second = ben.device("ios", deviceId="phone")
    assert targets(pushing, ben) == [browser.endpoint, second]
    assert first != second


def test_token_registered_by_another_account_leaves_the_first(pushing: Pushing, person: MakePerson) -> None:
    ann, ben, cyd = person("Ann"), person(), person()
    browser = pushing.web.browser()
    ben.subscribe(browser)
    ann.rest.send(receiver_id=ben.id, message="to ben")
    wait_until(lambda: browser.received, PATIENCE, "ben's")
    cyd.subscribe(browser)
    assert targets(pushing, ben) == []
    assert targets(pushing, cyd) == [browser.endpoint]
    ann.rest.send(receiver_id=ben.id, message="to ben again")
    ann.rest.send(receiver_id=cyd.id, message="to cyd")
    wait_until(lambda: len(browser.received) > 1, PATIENCE, "cyd's")
    pushing.wait_until_settled()
    assert [payload["body"] for payload in browser.received] == ["to ben", "to cyd"]


def test_logout_removes_the_targets_of_the_session(pushing: Pushing, person: MakePerson) -> None:
    ben = person()
    browser = pushing.web.browser()
    login = {"username": ben.account.username, "password": ben.account.password}
    other = ben.rest.json("POST", "/auth/login", json=login, token="")["accessToken"]
    ben.rest.request("POST", "/push/subscriptions", json=browser.subscription(), token=other)
    token = ben.device()
    ben.rest.request("POST", "/auth/logout", token=other)
    assert targets(pushing, ben) == [token]


def test_removal_is_idempotent_and_only_for_ones_own_targets(pushing: Pushing, person: MakePerson) -> None:
    ben, eve = person(), person()
    browser = pushing.web.browser()
    one = ben.subscribe(browser)
    token = ben.device()
    for path, options in (
        ("/push/subscriptions", {"json": {"endpoint": browser.endpoint}}),
        ("/push/devices", {"params": {"token": token}}),
        (f"/push/subscriptions/{one}", {}),
        (f"/push/devices/{one}", {}),
    ):
        assert eve.rest.request("DELETE", path, **options).status_code == 204
    assert targets(pushing, ben) == [browser.endpoint, token]
    ben.rest.request("DELETE", f"/push/devices/{one}")  # this id is a subscription, not a device
    assert targets(pushing, ben) == [browser.endpoint, token]
    for _ in range(2):
        ben.rest.request("DELETE", "/push/subscriptions", params={"endpoint": browser.endpoint})
        ben.rest.request("DELETE", "/push/devices", json={"token": token})
    assert targets(pushing, ben) == []


def test_a_user_has_at_most_twenty_targets(pushing: Pushing, person: MakePerson) -> None:
    ben = person()
    tokens = [ben.device() for _ in range(22)]
    assert targets(pushing, ben) == tokens[2:]


WRONG: dict[str, Any] = {
    "http": {"endpoint": "http://fcm.googleapis.com/x/y"},
    "port": {"endpoint": "https://fcm.googleapis.com:8443/x"},
    "unknown host": {"endpoint": "https://example.org/push"},
    "user": {"endpoint": "https://me@fcm.googleapis.com/x"},
    "metadata": {"endpoint": "https://169.254.169.254/latest"},
    "suffix": {"endpoint": "https://evilpush.services.mozilla.com.example.org/x"},
    "no keys": {"keys": None},
    "bad key": {"keys": {"p256dh": "A" * 87, "auth": "A" * 22}},
    "short secret": {"keys": {"p256dh": "BA" + "A" * 85, "auth": "A" * 20}},
    "bad time": {"expirationTime": -1},
}


@pytest.mark.parametrize("what", sorted(WRONG))
def test_malformed_subscription_is_refused(pushing: Pushing, person: MakePerson, what: str) -> None:
    ben = person()
    with refused("invalid"):
        ben.rest.json("POST", "/push/subscriptions", json={**pushing.web.browser().subscription(), **WRONG[what]})
    assert targets(pushing, ben) == []


def test_settings_are_stored_and_absent_fields_stay(person: MakePerson) -> None:
    ben = person()
    assert ben.rest.json("GET", "/push/settings") == {"preview": "full", "doNotDisturb": None, "whileActive": False}
    hours = {"from": "22:30", "to": "06:05", "timeZone": "America/St_Johns"}
    ben.rest.json("PATCH", "/push/settings", json={"doNotDisturb": hours, "preview": "none"})
    now = ben.rest.json("PATCH", "/push/settings", json={"whileActive": True})
    assert (
        now == {"preview": "none", "doNotDisturb": hours, "whileActive": True} == ben.rest.json("GET", "/push/settings")
    )
    assert ben.rest.json("PATCH", "/push/settings", json={"doNotDisturb": None})["doNotDisturb"] is None
    for wrong in (
        {"preview": "half"},
        {"doNotDisturb": {"from": "24:00", "to": "07:00", "timeZone": "UTC"}},
        {"doNotDisturb": {"from": "22:00", "to": "07:00", "timeZone": "Mars/Olympus"}},
        {"doNotDisturb": {"from": "22:00", "to": "07:00", "timeZone": "../../etc/passwd"}},
    ):
        with refused("invalid"):
            ben.rest.json("PATCH", "/push/settings", json=wrong)


def test_key_comes_from_the_environment_and_needs_a_token(pushing: Pushing, person: MakePerson) -> None:
    ben = person()
    assert ben.rest.json("GET", "/push/vapid-key") == {"publicKey": pushing.web.public_key}
    with refused("unauthorized"):
        ben.rest.json("GET", "/push/vapid-key", token="")
