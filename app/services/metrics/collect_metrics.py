"""The figures of all processes as Prometheus metrics.

Every counter carries its process: one that ends takes its series with it. A sum over fewer processes would look like a
counter that fell.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from app.services.metrics.metrics_snapshot import Figures
from app.services.metrics.publish_metrics import LogFigures

# Our name -> the published name of the figure, and what it says.
DRAIN_COUNTERS = {
    "batches": "Batches that the drain stored",
    "records": "Records that the drain stored",
    "set_aside": "Records that could not be stored and are in dead_letters",
    "store_failures": "Batches that Postgres did not take; they were tried again",
}
# Counters of the gateway that have a series each; errors and closes have one with a label.
GATEWAY_COUNTERS = {
    "sends": "Messages accepted into the log",
    "slow_readers": "Sessions ended because they read too slowly",
    "pings_unanswered": "Sessions ended because they answered no ping",
    "polls": "Long-polls answered",
    "upload_bytes": "Bytes of files that came as uploads, also of those that were refused in the end",
}
LABELLED = {
    "error": ("errors", "Errors answered, over all transports", ["code"]),
    "close": (
        "closes",
        "Sessions that ended, by WebSocket close code; SSE and long-poll end with the same codes",
        ["code"],
    ),
    "unknown_kind": ("unknown_records", "Records dropped because this release does not know their kind", ["kind"]),
    "upload": ("uploads", "Uploads, by how they come and what became of them", ["way", "outcome"]),
}


class Deployment(Collector):
    """``processes``: process -> its figures. ``log``: None where Redis did not answer."""

    def __init__(self, processes: dict[str, Figures], log: LogFigures | None) -> None:
        self._processes = processes
        self._log = log

    def collect(self) -> Iterator[Metric]:
        yield from self._log_metrics()
        yield from self._gauges()
        yield from self._gateway_counters()
        yield from self._labelled_counters()
        yield from self._drain_counters()
        yield from self._push_metrics()
        yield from self._media_metrics()
        yield self._histogram("ack_seconds", "From a message's acceptance to its ack", "ack_seconds")
        yield self._histogram("drain_batch_records", "Records in a batch of the drain", "drain_sizes")

    def _log_metrics(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("parley_redis_up", "1 where Redis answered; without it there is one process's part only")
        up.add_metric([], 0 if self._log is None else 1)
        yield up
        if self._log is not None:
            yield _gauge("parley_log_records", "Records that are accepted and not stored yet", self._log.records)
            yield _gauge("parley_log_bytes", "Bytes of the log", self._log.bytes)
            yield _gauge("parley_log_age_seconds", "Age of the oldest entry of the log", self._log.age_seconds)

    def _gauges(self) -> Iterator[Metric]:
        sessions = GaugeMetricFamily("parley_sessions", "Joined sessions", labels=["process", "transport"])
        waiting = GaugeMetricFamily("parley_waiting_operations", "Operations that wait", labels=["process", "queue"])
        for process, figures in self._processes.items():
            for name, count in figures.get("sessions", {}).items():
                sessions.add_metric([process, name], count)
            for name, count in figures.get("waiting", {}).items():
                waiting.add_metric([process, name.replace(" ", "_")], count)
        yield sessions
        yield waiting

    def _gateway_counters(self) -> Iterator[Metric]:
        deliveries = _counter("deliveries", "Events handed to sessions")
        for process, figures in self._gateways():
            deliveries.add_metric([process], figures["deliveries"])
        yield deliveries
        for name, help_text in GATEWAY_COUNTERS.items():
            family = _counter(name, help_text)
            for process, figures in self._gateways():
                family.add_metric([process], figures["counters"].get(name, 0))
            yield family

    def _labelled_counters(self) -> Iterator[Metric]:
        for prefix, (name, help_text, labels) in LABELLED.items():
            family = _counter(name, help_text, *labels)
            for process, figures in self._gateways():
                for key, count in figures["counters"].items():
                    kind, *values = key.split(":")
                    if kind == prefix:
                        family.add_metric([process, *values], count)
            yield family

    def _drain_counters(self) -> Iterator[Metric]:
        for name, help_text in DRAIN_COUNTERS.items():
            family = _counter(f"drain_{name}", help_text)
            for process, figures in self._processes.items():
                if "drain" in figures:
                    family.add_metric([process], figures["drain"][name])
            yield family

    def _push_metrics(self) -> Iterator[Metric]:
        for figures in self._processes.values():
            if "push_owed" in figures:
                owed, age_seconds = figures["push_owed"]
                yield _gauge("parley_push_owed", "Notifications to devices that are owed", owed)
                yield _gauge("parley_push_age_seconds", "Age of the oldest of them", age_seconds)
        yield self._counted("push", "Notifications to devices, by what became of them", "provider", "outcome")

    def _media_metrics(self) -> Iterator[Metric]:
        for figures in self._processes.values():
            if "media_waiting" in figures:
                count, age_seconds, staged_bytes = figures["media_waiting"]
                yield _gauge("parley_media_waiting", "Media that are to be processed", count)
                yield _gauge("parley_media_age_seconds", "Age of the oldest of them", age_seconds)
                yield _gauge("parley_media_staged_bytes", "Bytes of files that wait in Postgres", staged_bytes)
        yield self._counted("media", "Media that ended, by kind and what became of them", "kind", "outcome")
        yield self._counted("media_retries", "Media put back to be tried again, by what is to blame", "reason")
        yield self._histogram("media_seconds", "What a worker took for a medium that ended", "media_seconds")

    def _counted(self, name: str, help_text: str, *labels: str) -> Metric:
        """Of a figure that is published as "<value>:<value>" -> how many, a value for each label."""
        family = _counter(name, help_text, *labels)
        for process, figures in self._processes.items():
            for key, count in figures.get(name, {}).items():
                family.add_metric([process, *key.split(":", len(labels) - 1)], count)
        return family

    def _histogram(self, name: str, help_text: str, figure: str) -> Metric:
        family = HistogramMetricFamily(f"parley_{name}", help_text, labels=["process"])
        for process, figures in self._processes.items():
            if figure in figures:
                bounds, counts, total = figures[figure]
                family.add_metric([process], _buckets(bounds, counts), total)
        return family

    def _gateways(self) -> Iterator[tuple[str, Figures]]:
        return ((process, figures) for process, figures in self._processes.items() if "counters" in figures)


def _gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, value=value)


def _counter(name: str, help_text: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"parley_{name}", help_text, labels=["process", *labels])


def _buckets(bounds: list[float], counts: list[int]) -> list[Any]:
    """Prometheus' buckets are cumulative and end with +Inf."""
    names = [*(str(float(bound)) for bound in bounds), "+Inf"]
    return [list(pair) for pair in zip(names, accumulate(counts), strict=True)]


def render(processes: dict[str, Figures], log: LogFigures | None) -> bytes:
    """Prometheus' text format 0.0.4."""
    return generate_latest(Deployment(processes, log))
