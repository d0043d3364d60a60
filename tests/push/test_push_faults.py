"""Failures of push services and workers: every user is still notified."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from sqlalchemy import text

from dev.processes import wait_until
from tests.push.conftest import Person, Pushing
from tests.support.fcm_server import error
from tests.support.patience import PATIENCE
from tests.support.web_push_service import Answer, Request

MakePerson = Callable[..., Person]

# The long form of the fault tests uses the promised number of pending pushes; the short form uses fewer to save time.
PENDING = 10_000 if os.environ.get("PARLEY_FAULT_RUNS") else 1_500


def states(pushing: Pushing, who: Person) -> list[tuple[str, str | None]]:
    query = "SELECT state, reason FROM push_deliveries WHERE user_id = :u ORDER BY id"
    return [(state, reason) for state, reason in pushing.rows(query, u=who.id)]


def test_killed_worker_leaves_nobody_without_a_notification(pushing: Pushing, person: MakePerson) -> None:
    """Deliveries that it had started are sent twice, under one tag."""
    ann, people = person("Ann"), [person() for _ in range(40)]
    browsers = [pushing.web.browser() for _ in people]
    for who, browser in zip(people, browsers, strict=True):
        who.subscribe(browser)
    group = ann.rest.group(members=[who.id for who in people])["id"]
    pushing.web.delay = 1.0
    ann.rest.send(conversation_id=group, message="To all")
    wait_until(
        lambda: 3 < len([b for b in browsers if b.received]) < len(browsers), PATIENCE, "some of them", every=0.01
    )
    pushing.stack.kill_worker(0)
    pushing.web.delay = 0.0
    pushing.stack.start_worker(0)
    wait_until(lambda: all(browser.received for browser in browsers), 60, "all of them")
    pushing.wait_until_settled(60)
    assert all(len(browser.shown) == 1 for browser in browsers)
    assert all(1 <= len(browser.received) <= 2 for browser in browsers)
    assert {state for who in people for state, _ in states(pushing, who)} == {"sent"}


def test_hanging_service_does_not_delay_the_others(pushing: Pushing, person: MakePerson) -> None:
    ann = person("Ann")
    stuck, fine, phone = person(), person(), person()
    hanging = [pushing.web.browser() for _ in range(20)]
    for browser in hanging:
        stuck.subscribe(browser)
    other = pushing.web.browser("localhost")  # another host, by name
    fine.subscribe(other)
    token = phone.device()
    names = {browser.name for browser in hanging}
    go_on = threading.Event()

    def answer(request: Request) -> Answer | None:
        if request.path.rsplit("/", 1)[1] in names:
            go_on.wait(PATIENCE)
        return None

    pushing.web.answer = answer
    for first in (stuck, fine, phone):
        ann.rest.send(receiver_id=first.id, message="Quick")
    try:
        wait_until(lambda: other.received and pushing.fcm.to(token), PATIENCE, "the others")
        assert not any(browser.received for browser in hanging)
    finally:
        go_on.set()
    wait_until(lambda: all(browser.received for browser in hanging), 40, "the deliveries to the hanging service")
    pushing.wait_until_settled()


def test_service_that_was_down_gets_everything_later(pushing: Pushing, person: MakePerson) -> None:
    ann, people = person("Ann"), [person() for _ in range(10)]
    browsers = [pushing.web.browser() for _ in people]
    for who, browser in zip(people, browsers, strict=True):
        who.subscribe(browser)
    token = people[0].device()
    pushing.web.answer = lambda _: (503, {"Retry-After": "1"})
    before = len(pushing.web.requests)
    for who in people:
        ann.rest.send(receiver_id=who.id, message="one")
        ann.rest.send(receiver_id=who.id, message="two")
    wait_until(lambda: pushing.fcm.to(token), PATIENCE, "the other service")
    wait_until(lambda: retried(pushing.web.requests[before:]), PATIENCE, "the end of the first pause")
    requests = len(pushing.web.requests) - before
    assert not any(browser.received for browser in browsers)
    people[1].rest.read(people[1].rest.direct(ann.id)["id"], 2)
    pushing.web.answer = lambda _: None
    wait_until(lambda: all(b.received for n, b in enumerate(browsers) if n != 1), 60, "all of them")
    pushing.wait_until_settled(60)
    assert requests < 60, "the service must get few requests while it is down"
    assert browsers[1].received == [], "read during the outage"
    assert all(
        b.received[-1]["body"] == "two" and b.received[-1]["unread"] == 2 for n, b in enumerate(browsers) if n != 1
    )


def retried(requests: list[Request]) -> bool:
    """Returns whether a pause of the host, which is at least a second, is over."""
    return bool(requests) and requests[-1].at - requests[0].at > 1.5


def test_answers_of_the_services_decide_the_state_of_targets_and_deliveries(
    pushing: Pushing, person: MakePerson
) -> None:
    ann = person("Ann")
    gone, refused, waits, unregistered, invalid = (person() for _ in range(5))
    web = {who.id: pushing.web.browser() for who in (gone, refused, waits)}
    for who in (gone, refused, waits):
        who.subscribe(web[who.id])
    tokens = {unregistered.device(): "UNREGISTERED", invalid.device(): "INVALID_ARGUMENT"}
    statuses = {web[gone.id].name: 410, web[refused.id].name: 403}
    attempts: list[float] = []

    def answer(request: Request) -> Answer | None:
        name = request.path.rsplit("/", 1)[1]
        if name == web[waits.id].name:
            attempts.append(request.at)
            return (429, {"Retry-After": "2"}) if len(attempts) == 1 else None
        return (statuses[name], {}) if name in statuses else None

    pushing.web.answer = answer
    pushing.fcm.answer = lambda m: error(404 if tokens[m["token"]] == "UNREGISTERED" else 400, tokens[m["token"]])
    for who in (gone, refused, waits, unregistered, invalid):
        ann.rest.send(receiver_id=who.id, message="Hello")
    wait_until(lambda: web[waits.id].received, PATIENCE, "the delivery that was deferred")
    assert attempts[1] - attempts[0] >= 1.9
    pushing.wait_until_settled()
    assert states(pushing, gone) == [("gone", "410")]
    assert states(pushing, refused) == [("refused", "403")]
    assert states(pushing, waits) == [("sent", None)]
    assert states(pushing, unregistered) == [("gone", "UNREGISTERED")]
    assert states(pushing, invalid) == [("refused", "INVALID_ARGUMENT")]
    left = {user for (user,) in pushing.rows("SELECT user_id FROM push_targets")}
    assert left & {who.id for who in (gone, refused, waits, unregistered, invalid)} == {
        refused.id,
        waits.id,
        invalid.id,
    }


PEOPLE = """
    WITH made AS (
        INSERT INTO users (username, display_name) SELECT 'many' || n, 'Many' FROM generate_series(1, :n) AS n
        RETURNING id
    ), joined AS (
        INSERT INTO members (conversation_id, user_id) SELECT c, id FROM made, unnest(CAST(:c AS bigint[])) AS c
    )
    INSERT INTO push_targets (user_id, auth_session, platform, host, address, digest)
    SELECT id, gen_random_uuid(), 'android', 'fcm', 'many-' || id, 'many-' || id FROM made
"""


def test_many_simultaneous_pushes_are_each_sent_once(pushing: Pushing, person: MakePerson) -> None:
    """Offline members of many groups, with one message in each group."""
    ann = person("Ann")
    members = 250
    groups = [ann.rest.group(members=[])["id"] for _ in range(PENDING // members)]
    with pushing.engine.begin() as connection:
        connection.execute(text(PEOPLE), {"n": members, "c": "{" + ",".join(map(str, groups)) + "}"})
    before = len(pushing.fcm.messages)
    for group in groups:
        ann.rest.send(conversation_id=group, message="To everybody")
    wait_until(lambda: len(pushing.fcm.messages) - before >= PENDING, 120, "all of them")
    pushing.wait_until_settled(60)
    sent = [(m["token"], m["data"]["conversationId"]) for m in pushing.fcm.messages[before:]]
    assert len(sent) == len(set(sent)) == PENDING
