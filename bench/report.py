"""The table of all systems, with each ratio beside its target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

Results = dict[str, dict[str, dict[str, Any]]]  # system → scenario → figure → value
Pick = Callable[[Results], float]


@dataclass(frozen=True)
class Row:
    """``base`` is the divisor of our figure. ``better`` says on which side of the limits the ratio should be."""

    scenario: str
    what: str
    parley: Pick
    base: Pick | None
    must: float | None
    goal: float | None
    better: str
    form: str


def figure(system: str, scenario: str, name: str) -> Pick:
    return lambda results: float(results[system][scenario][name])


def both(what: str, name: str, must: float | None, goal: float | None, better: str = "<", form: str = "{:,.0f}") -> Row:
    """Compares our figure with the peer's. ``what`` starts with the scenario."""
    scenario, _, title = what.partition(": ")
    ours, peers = figure("parley", scenario, name), figure("peer", scenario, name)
    return Row(scenario, title, ours, peers, must, goal, better, form)


def beside_node(what: str, name: str, must: float | None, better: str = "<", form: str = "{:,.0f}") -> Row:
    """Compares our figure with that of Socket.IO on Node."""
    scenario, _, title = what.partition(": ")
    ours, nodes = figure("parley", scenario, name), figure("node", scenario, name)
    return Row(scenario, f"{title}, against Node", ours, nodes, must, None, better, form)


def own(what: str, name: str, of: tuple[str, str], must: float, better: str = "<", form: str = "{:,.0f}") -> Row:
    """Compares our figure with another one of ours; ``of`` is its (scenario, name)."""
    scenario, _, title = what.partition(": ")
    return Row(scenario, title, figure("parley", scenario, name), figure("parley", *of), must, None, better, form)


def uncompared(what: str, name: str, form: str = "{:,.0f}") -> Row:
    """Shows our figure without a comparison."""
    scenario, _, title = what.partition(": ")
    return Row(scenario, title, figure("parley", scenario, name), None, None, None, "<", form)


def _on_two_whole_cores(figures: dict[str, Any]) -> float:
    """Extrapolates to two whole cores, because the generator uses part of the second."""
    return float(figures["messages_per_second"]) * 2 / (2 - float(figures["generator_core"]))


ROWS = [
    both("growth pairs: 1,000 pairs: durable messages/s", "messages_per_second", 8, 13, ">"),
    beside_node("growth pairs: 1,000 pairs: durable messages/s", "messages_per_second", 1, ">"),
    beside_node("growth pairs: 1,000 pairs: stack CPU µs per message", "cpu_us", 1),
    both("P1: MiB of the whole stack at rest, 50 sessions", "base_stack_mib", None, None),
    beside_node("P1: MiB of the whole stack at rest, 50 sessions", "base_stack_mib", None),
    both("P1: CPU µs of a join, 2,000 sessions", "connect_cpu_us_2000", None, None),
    beside_node("P1: CPU µs of a join, 2,000 sessions", "connect_cpu_us_2000", None),
    both("P1: KiB per idle session, 2,000", "kib_per_socket_2000", 0.5, 0.35, form="{:.1f}"),
    own(
        "P1: – at 10,000, against ours at 2,000",
        "kib_per_socket_10000",
        ("P1", "kib_per_socket_2000"),
        1.1,
        form="{:.1f}",
    ),
    both("P2: durable messages/s", "messages_per_second", 8, 13, ">"),
    both("P2: stack CPU µs per message", "cpu_us", 1 / 8, 1 / 13),
    both("P2: send → receive p50 ms", "receive_p50_ms", 1, None, form="{:.1f}"),
    both("P2: send → receive p99 ms", "receive_p99_ms", 1, None, form="{:.1f}"),
    own("P2 sse: stack CPU µs, against our WebSocket", "cpu_us", ("P2", "cpu_us"), 1.3),
    own("P2 longpoll: stack CPU µs, against our WebSocket", "cpu_us", ("P2", "cpu_us"), 2.5),
    beside_node("P2: durable messages/s", "messages_per_second", 1, ">"),
    beside_node("P2: stack CPU µs per message", "cpu_us", 1),
    both("P3: send → receive p50 ms", "receive_p50_ms", 0.5, 0.35, form="{:.2f}"),
    both("P3: send → receive p99 ms", "receive_p99_ms", 0.5, 0.3, form="{:.2f}"),
    both("P3: send → stored ack p99 ms", "ack_p99_ms", 2, 1, form="{:.2f}"),
    both("P3: stack CPU µs per message", "cpu_us", 0.8, 0.5),
    beside_node("P3: stack CPU µs per message", "cpu_us", 0.92),
    beside_node("P4: group of 500: stack CPU µs per delivery", "cpu_us", 0.62, form="{:.1f}"),
    both("P4: group of 500: stack CPU µs per delivery", "cpu_us", 0.4, 0.25, form="{:.1f}"),
    both("P4: send → receive p50 ms", "receive_p50_ms", 1, None, form="{:.1f}"),
    both("P4: send → receive p99 ms", "receive_p99_ms", 0.5, None, form="{:.1f}"),
    both("P4: highest deliveries/s, p99 below 1 s", "max_deliveries_per_second", 1.8, None, ">"),
    both("P5: seconds until 500 × 20 unread messages have arrived", "seconds", 0.6, 0.35, form="{:.2f}"),
    own("growth pairs: stack CPU µs, 1,000 pairs against 50", "cpu_us", ("P2", "cpu_us"), 1.2),
    own(
        "P6: conversations p50 ms, user with 500 against 5",
        "list_much_p50_ms",
        ("P6", "list_little_p50_ms"),
        1.5,
        form="{:.2f}",
    ),
    own("P6: – a page of five", "five_of_much_p50_ms", ("P6", "five_of_little_p50_ms"), 1.5, form="{:.2f}"),
    own(
        "P6: history p50 ms, 1,000,000 messages against 100",
        "history_much_p50_ms",
        ("P6", "history_little_p50_ms"),
        1.5,
        form="{:.2f}",
    ),
    uncompared("P7: 5,000 members, 200 online: CPU µs per message", "cpu_us_per_message"),
    uncompared("P7: stack CPU µs per delivery", "cpu_us", form="{:.1f}"),
    uncompared("P7: send → receive p99 ms", "receive_p99_ms", form="{:.1f}"),
    Row(
        "growth web",
        "messages/s, two web processes on two cores (less the generator's share), against one",
        lambda results: _on_two_whole_cores(results["parley"]["growth web"]),
        figure("parley", "P2", "messages_per_second"),
        1.6,
        None,
        ">",
        "{:,.0f}",
    ),
]


def verdict(row: Row, ratio: float) -> str:
    if row.must is None:
        return ""

    def holds(limit: float) -> bool:
        return ratio <= limit if row.better == "<" else ratio >= limit

    if not holds(row.must):
        return "MISS"
    if row.goal is None:
        return "ok"
    return "goal" if holds(row.goal) else "ok"


def _value(pick: Pick | None, results: Results) -> float | None:
    if pick is None:
        return None
    try:
        return pick(results)
    except KeyError:
        return None  # this run did not include the scenario or the system


def _limit(row: Row, limit: float | None) -> str:
    if limit is None:
        return ""
    return ("≤" if row.better == "<" else "≥") + f"{limit:.3g}×"


def _times(ratio: float | None) -> str:
    if ratio is None:
        return "–"
    return f"{ratio:.3f}×" if ratio < 1 else f"{ratio:.1f}×"


def compare(results: Results) -> list[dict[str, Any]]:
    """Returns every row with at least one measured side, as data."""
    rows = []
    for row in ROWS:
        ours, base = _value(row.parley, results), _value(row.base, results)
        if ours is None and base is None:
            continue
        ratio = ours / base if ours is not None and base else None
        rows.append(
            {
                "scenario": row.scenario,
                "figure": row.what,
                "parley": ours,
                "beside": base,
                "ratio": ratio,
                "verdict": verdict(row, ratio) if ratio is not None else "",
                "shown": [row.form.format(value) if value is not None else "–" for value in (ours, base)],
                "limits": [_limit(row, row.must), _limit(row, row.goal)],
            }
        )
    return rows


HEAD = ("", "figure", "parley", "beside", "ratio", "must", "goal", "")
RIGHT = {2, 3, 4, 5, 6}


def table(rows: list[dict[str, Any]]) -> str:
    lines = [HEAD]
    for row in rows:
        ratio = _times(row["ratio"])
        lines.append((row["scenario"], row["figure"], *row["shown"], ratio, *row["limits"], row["verdict"]))
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = (
        cell.rjust(width) if column in RIGHT else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(padded).rstrip()


def median_of(rounds: list[Results]) -> Results:
    """Returns the median of each figure over the rounds."""
    merged: Results = {}
    for system, scenarios in rounds[0].items():
        merged[system] = {
            scenario: {name: median(one[system][scenario][name] for one in rounds) for name in figures}
            for scenario, figures in scenarios.items()
        }
    return merged
