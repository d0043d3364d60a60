"""Renders the metrics of all processes for Prometheus.

Every counter has a ``process`` label, so the series of a process ends with it. If we published a sum over all processes
instead, it would fall when a process ends, which counters must not do.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from app.services.metrics.metrics_snapshot import Snapshot
from app.services.metrics.publish_metrics import LogState

# Published name -> help text.
DRAIN_COUNTERS = {
    "batches": "Batches that the drain stored",
    "records": "Records that the drain stored",
    "dead_lettered": "Records that could not be stored and are in dead_letters",
    "store_failures": "Batches that Postgres did not accept; they were retried",
}
# Counters of the gateway that have a metric each. LABELLED has those with further labels.
GATEWAY_COUNTERS = {
    "sends": "Messages accepted into the log",
    "slow_readers": "Sessions closed because they read too slowly",
    "pings_unanswered": "Sessions closed because they did not answer a ping",
    "polls": "Long-polls answered",
    "upload_bytes": "Bytes of uploaded files, including uploads that were refused",
}
LABELLED = {
    "error": ("errors", "Errors sent to clients, over all transports", ["code"]),
    "close": (
        "closes",
        "Sessions that ended, by WebSocket close code; SSE and long-poll use the same codes",
        ["code"],
    ),
    "before_send": ("before_send", "Messages and edits that the hook before sending was asked about", ["outcome"]),
    "replica": ("replica_reads", "Reads that a replica may answer, by outcome", ["outcome"]),
    "unknown_kind": ("unknown_records", "Records dropped because this release does not know their kind", ["kind"]),
    "upload": ("uploads", "Uploads, by way and outcome", ["way", "outcome"]),
}


class Deployment(Collector):
    """``processes`` maps each process to its snapshot. ``log`` is None if Redis did not answer."""

    def __init__(self, processes: dict[str, Snapshot], log: LogState | None) -> None:
        self._processes = processes
        self._log = log

    def collect(self) -> Iterator[Metric]:
        yield from self._log_metrics()
        yield from self._gauges()
        yield from self._gateway_counters()
        yield from self._labelled_counters()
        yield from self._drain_counters()
        yield from self._push_metrics()
        yield from self._webhook_metrics()
        yield from self._media_metrics()
        yield from self._search_metrics()
        yield self._histogram("ack_seconds", "Time from the acceptance of a message to its ack", "ack_seconds")
        yield self._histogram("drain_batch_records", "Records per batch of the drain", "drain_sizes")

    def _log_metrics(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("parley_redis_up", "1 if Redis answered; if 0, only this process is shown")
        up.add_metric([], 0 if self._log is None else 1)
        yield up
        if self._log is not None:
            yield _gauge("parley_log_records", "Records that are accepted but not stored yet", self._log.records)
            yield _gauge("parley_log_bytes", "Bytes of the log", self._log.bytes)
            yield _gauge(
                "parley_log_age_seconds", "Age of the oldest record that is not stored yet", self._log.age_seconds
            )

    def _gauges(self) -> Iterator[Metric]:
        sessions = GaugeMetricFamily("parley_sessions", "Joined sessions", labels=["process", "transport"])
        waiting = GaugeMetricFamily("parley_waiting_operations", "Pending operations", labels=["process", "queue"])
        for process, snapshot in self._processes.items():
            for name, count in snapshot.get("sessions", {}).items():
                sessions.add_metric([process, name], count)
            for name, count in snapshot.get("pending", {}).items():
                waiting.add_metric([process, name.replace(" ", "_")], count)
        yield sessions
        yield waiting

    def _gateway_counters(self) -> Iterator[Metric]:
        delivered = _counter("events_delivered", "Events delivered to sessions")
        for process, snapshot in self._gateways():
            delivered.add_metric([process], snapshot.get("events_delivered", 0))
        yield delivered
        for name, help_text in GATEWAY_COUNTERS.items():
            family = _counter(name, help_text)
            for process, snapshot in self._gateways():
                family.add_metric([process], snapshot["counters"].get(name, 0))
            yield family

    def _labelled_counters(self) -> Iterator[Metric]:
        for prefix, (name, help_text, labels) in LABELLED.items():
            family = _counter(name, help_text, *labels)
            for process, snapshot in self._gateways():
                for key, count in snapshot["counters"].items():
                    kind, *values = key.split(":")
                    if kind == prefix:
                        family.add_metric([process, *values], count)
            yield family

    def _drain_counters(self) -> Iterator[Metric]:
        for name, help_text in DRAIN_COUNTERS.items():
            family = _counter(f"drain_{name}", help_text)
            for process, snapshot in self._processes.items():
                if "drain" in snapshot:
                    family.add_metric([process], snapshot["drain"].get(name, 0))
            yield family

    def _push_metrics(self) -> Iterator[Metric]:
        for snapshot in self._processes.values():
            if "pending_pushes" in snapshot:
                count, age_seconds = snapshot["pending_pushes"]
                yield _gauge("parley_push_owed", "Pending notifications to devices", count)
                yield _gauge("parley_push_age_seconds", "Age of the oldest of them", age_seconds)
        yield self._counted("push", "Notifications to devices, by outcome", "provider", "outcome")

    def _webhook_metrics(self) -> Iterator[Metric]:
        for snapshot in self._processes.values():
            if "pending_webhooks" in snapshot:
                pending, retrying, off = snapshot["pending_webhooks"]
                yield _gauge("parley_webhooks_pending", "Deliveries to webhooks that wait", pending)
                yield _gauge("parley_webhooks_retrying", "Conversations and users whose next delivery failed", retrying)
                yield _gauge("parley_webhooks_off", "Webhooks that are switched off", off)
        yield self._counted("webhooks", "Attempts to deliver to webhooks, by outcome", "outcome")

    def _media_metrics(self) -> Iterator[Metric]:
        for snapshot in self._processes.values():
            if "pending_media" in snapshot:
                count, age_seconds, staged_bytes = snapshot["pending_media"]
                yield _gauge("parley_media_waiting", "Media that wait to be processed", count)
                yield _gauge("parley_media_age_seconds", "Age of the oldest of them", age_seconds)
                yield _gauge("parley_media_staged_bytes", "Bytes of files that are staged in Postgres", staged_bytes)
        yield self._counted("media", "Media that reached a final state, by kind and outcome", "kind", "outcome")
        yield self._counted("media_retries", "Media requeued for a retry, by cause", "reason")
        yield self._histogram("media_seconds", "Processing time of media that reached a final state", "media_seconds")

    def _search_metrics(self) -> Iterator[Metric]:
        for snapshot in self._processes.values():
            if "search_behind" in snapshot:
                count, age_seconds, backfilling = snapshot["search_behind"]
                yield _gauge("parley_search_behind_messages", "New and changed messages that are not indexed", count)
                yield _gauge("parley_search_behind_seconds", "How long the first of them has waited", age_seconds)
                yield _gauge("parley_search_backfilling", "1 while older messages are being indexed", backfilling)

    def _counted(self, name: str, help_text: str, *labels: str) -> Metric:
        """Counter that is published as "<value>:<value>" -> count, with one value for each label."""
        family = _counter(name, help_text, *labels)
        for process, snapshot in self._processes.items():
            for key, count in snapshot.get(name, {}).items():
                family.add_metric([process, *key.split(":", len(labels) - 1)], count)
        return family

    def _histogram(self, name: str, help_text: str, key: str) -> Metric:
        family = HistogramMetricFamily(f"parley_{name}", help_text, labels=["process"])
        for process, snapshot in self._processes.items():
            if key in snapshot:
                bounds, counts, total = snapshot[key]
                family.add_metric([process], _buckets(bounds, counts), total)
        return family

    def _gateways(self) -> Iterator[tuple[str, Snapshot]]:
        return ((process, snapshot) for process, snapshot in self._processes.items() if "counters" in snapshot)


def _gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, value=value)


def _counter(name: str, help_text: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"parley_{name}", help_text, labels=["process", *labels])


def _buckets(bounds: list[float], counts: list[int]) -> list[Any]:
    """Returns cumulative buckets that end with +Inf, as Prometheus requires."""
    names = [*(str(float(bound)) for bound in bounds), "+Inf"]
    return [list(pair) for pair in zip(names, accumulate(counts), strict=True)]


def render(processes: dict[str, Snapshot], log: LogState | None) -> bytes:
    """Returns Prometheus' text format 0.0.4."""
    return generate_latest(Deployment(processes, log))
