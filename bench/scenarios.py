"""The scenarios. Each takes a running system and returns figures. A lost message raises BenchError."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Protocol

from bench.ledger import Ledger, Pair
from bench.loop import BenchError, Loop
from bench.procfs import cpu_seconds, pss_kib
from bench.systems import Parley, System

Figures = dict[str, Any]
WARM_UP = 3.0
JOIN_AT_ONCE = 200
SETTLE_SECONDS = 30.0

# The receivers of P5 have never been online before.
STORM_SENDERS, STORM_RECEIVERS, STORM_MESSAGES = 50, 500, 20


@dataclass
class Window:
    """CPU that the stack and the generator used in a span of time."""

    seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    generator: float = 0.0

    def per_message(self, messages: int) -> Figures:
        figures: Figures = {f"cpu_us_{role}": used * 1e6 / messages for role, used in sorted(self.cpu.items())}
        figures["cpu_us"] = sum(self.cpu.values()) * 1e6 / messages
        figures["stack_cores"] = sum(self.cpu.values()) / self.seconds
        figures["generator_core"] = self.generator / self.seconds
        return figures


@contextmanager
def measured(system: System) -> Iterator[Window]:
    window = Window()
    before, own, began = cpu_seconds(system.stack.roots), time.process_time(), time.perf_counter()
    yield window
    window.seconds = time.perf_counter() - began
    window.generator = time.process_time() - own
    after = cpu_seconds(system.stack.roots)
    window.cpu = {role: after[role] - before.get(role, 0.0) for role in after}


@contextmanager
def fresh_loop(system: System) -> Iterator[Loop]:
    """Yields a loop and closes it. Garbage collection is off, because it would add to the latencies."""
    loop = Loop()
    gc.collect()
    gc.disable()
    try:
        yield loop
    finally:
        gc.enable()
        loop.close_all()
        loop.epoll.close()
        system.stack.check_alive()


class Joining(Protocol):
    ready_sessions: int


def join(loop: Loop, ledger: Joining, makers: list[Callable[[], Any]]) -> list[Any]:
    """Opens sessions, JOIN_AT_ONCE at a time, and returns them when all have joined."""
    sessions: list[Any] = []
    before = ledger.ready_sessions

    def joined() -> bool:
        return ledger.ready_sessions - before == len(sessions)

    for start in range(0, len(makers), JOIN_AT_ONCE):
        sessions += [make() for make in makers[start : start + JOIN_AT_ONCE]]
        if not loop.run(joined, SETTLE_SECONDS):
            there = ledger.ready_sessions - before
            raise BenchError(f"{there} of {len(sessions)} sessions joined in {SETTLE_SECONDS} s")
    return sessions


def idle_memory(system: System, sockets: list[int]) -> Figures:
    """P1: KiB of the app's web processes per idle joined session, at each of the given numbers of sessions."""
    with fresh_loop(system) as loop:
        ledger = Ledger()
        join(loop, ledger, [lambda user=user: system.session(loop, user, ledger) for user in range(50)])
        loop.sleep(2)
        base, total = pss_kib(system.stack.roots)["web"], sum(pss_kib(system.stack.roots).values())
        figures: Figures = {"base_stack_mib": total / 1024, "web_mib_50": base / 1024}
        joined = 50
        for count in sockets:
            users = range(joined, count + 50)
            with measured(system) as window:
                join(loop, ledger, [lambda user=user: system.session(loop, user, ledger) for user in users])
            joined = count + 50
            loop.sleep(3)
            memory = pss_kib(system.stack.roots)
            figures[f"web_mib_{joined}"] = memory["web"] / 1024
            figures[f"kib_per_socket_{count}"] = (memory["web"] - base) / count
            figures[f"connect_cpu_us_{count}"] = sum(window.cpu.values()) * 1e6 / len(users)
        with measured(system) as idle:
            loop.sleep(5)
        figures["idle_stack_cores"] = sum(idle.cpu.values()) / idle.seconds
        return figures


def connect_pairs(system: System, loop: Loop, ledger: Ledger, pairs: int, read_by: str) -> list[Pair]:
    numbers = [(2 * number, 2 * number + 1) for number in range(pairs)]
    targets = system.open_conversations(numbers)
    if read_by == "websocket":
        receivers = [lambda user=user: system.session(loop, user, ledger) for _, user in numbers]
    else:
        assert isinstance(system, Parley)
        receivers = [lambda user=user: system.reader(read_by, loop, user, ledger) for _, user in numbers]
    join(loop, ledger, receivers)
    senders = join(loop, ledger, [lambda user=user: system.session(loop, user, ledger) for user, _ in numbers])
    return [Pair(sender, target) for sender, target in zip(senders, targets, strict=True)]


def settle(loop: Loop, ledger: Ledger) -> None:
    if not loop.run(ledger.settled, SETTLE_SECONDS):
        raise BenchError(
            f"{len(ledger.unreceived)} messages not received and {len(ledger.unacked)} not acked "
            f"{SETTLE_SECONDS} s after the last of {ledger.sent} was sent"
        )


def throughput(
    system: System,
    seconds: float,
    pairs: int = 50,
    outstanding: int = 200,
    read_by: str = "websocket",
    within: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Figures:
    """P2: the highest throughput with ``outstanding`` messages in progress. All of them are sent inside of ``within``,
    which is entered when the pairs have joined.
    """
    with fresh_loop(system) as loop, ExitStack() as stack:
        ledger = Ledger()
        connected = connect_pairs(system, loop, ledger, pairs, read_by)
        stack.enter_context(within())
        sending = True
        in_turn = cycle(connected)

        def again(pair: Pair) -> None:
            if sending:
                ledger.send(pair if outstanding % pairs == 0 else next(in_turn))

        ledger.on_receipt = again
        for _ in range(outstanding):
            ledger.send(next(in_turn))
        loop.sleep(WARM_UP)
        ledger.forget_times()
        with measured(system) as window:
            loop.sleep(seconds)
        acked, received, times = len(ledger.ack_seconds), len(ledger.receive_seconds), ledger.times()
        sending = False
        settle(loop, ledger)
        return {
            "messages_per_second": acked / window.seconds,
            "received_per_second": received / window.seconds,
            "sent": ledger.sent,
            **times,
            **window.per_message(acked),
        }


def paced(ledger: Ledger, in_turn: Iterator[Pair], rate: float) -> Callable[[float], float]:
    """Returns a tick for ``Loop.run`` that sends ``rate`` messages per second in all, without waiting for answers."""
    due = time.perf_counter()

    def tick(now: float) -> float:
        nonlocal due
        if now >= due:
            ledger.send(next(in_turn))
            due += random.uniform(0.5, 1.5) / rate  # jitter, so that sends do not align with a timer of the server
        return due - now

    return tick


def steady(system: System, seconds: float, pairs: int = 50, rate: float = 200.0) -> Figures:
    """P3: open loop, ``rate`` messages per second in all, without waiting for answers."""
    with fresh_loop(system) as loop:
        ledger = Ledger()
        tick = paced(ledger, cycle(connect_pairs(system, loop, ledger, pairs, "websocket")), rate)
        loop.run(lambda: False, WARM_UP, tick)
        ledger.forget_times()
        with measured(system) as window:
            loop.run(lambda: False, seconds, tick)
        acked = len(ledger.ack_seconds)
        settle(loop, ledger)
        return {"messages_per_second": acked / window.seconds, **ledger.times(), **window.per_message(acked)}


def reconnect_storm(system: System, first_user: int) -> Figures:
    """P5: all users connect at once and fetch their unread messages. Measures the time until all are there."""
    senders = range(first_user, first_user + STORM_SENDERS)
    receivers = range(first_user + STORM_SENDERS, first_user + STORM_SENDERS + STORM_RECEIVERS)
    expected = _store_unread(system, senders, receivers)
    with fresh_loop(system) as loop:
        ledgers = {user: Ledger() for user in receivers}
        all_there = len(receivers) * STORM_MESSAGES

        def there() -> bool:
            return sum(len(ledger.unread_ids) for ledger in ledgers.values()) >= all_there

        with measured(system) as window:
            for user in receivers:
                system.session(loop, user, ledgers[user], True)
            in_time = loop.run(there, 60)
        for user, ledger in ledgers.items():
            got = ledger.unread_ids
            if sorted(got) != sorted(expected[user]):
                raise BenchError(
                    f"user {user} got {len(got)} messages, {len(set(got))} distinct, of "
                    f"{len(expected[user])} unread ones; all in time: {in_time}"
                )
        return {"seconds": window.seconds, "cpu_us": sum(window.cpu.values()) * 1e6 / len(receivers)}


def _store_unread(system: System, senders: range, receivers: range) -> dict[int, list[str]]:
    """Stores STORM_MESSAGES acked messages for each offline receiver. Returns their ids by user."""
    share = len(receivers) // len(senders)
    numbers = [(senders[index // share], receiver) for index, receiver in enumerate(receivers)]
    targets = system.open_conversations(numbers)
    expected: dict[int, list[str]] = {receiver: [] for receiver in receivers}
    with fresh_loop(system) as loop:
        ledger = Ledger()
        sessions = join(loop, ledger, [lambda user=user: system.session(loop, user, ledger) for user in senders])
        todo = [
            (receiver, Pair(sessions[index // share], target))
            for _ in range(STORM_MESSAGES)
            for index, ((_, receiver), target) in enumerate(zip(numbers, targets, strict=True))
        ]
        for receiver, pair in todo:
            loop.run(lambda: len(ledger.unacked) < 200, SETTLE_SECONDS)
            ledger.send(pair)
            expected[receiver].append(next(reversed(ledger.unacked)))
        if not loop.run(lambda: not ledger.unacked, SETTLE_SECONDS):
            raise BenchError(f"{len(ledger.unacked)} messages to offline users were never acked")
    return expected
