"""Metrics as Prometheus text: buckets, labels, and the metrics that remain without Redis."""

from __future__ import annotations

from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.core.errors import TooLarge
from app.core.histogram import ACK_BOUNDS, Histogram, ack_seconds
from app.services.drain.store_records import DrainStats
from app.services.media.media_stats import MediaStats
from app.services.metrics.collect_metrics import render
from app.services.metrics.media_metrics import counting_upload
from app.services.metrics.publish_metrics import LogState

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples_of(text: bytes) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def web(**changes: object) -> dict[str, object]:
    figures = {
        "sessions": {"websocket": 2, "sse": 1},
        "events_delivered": 7,
        "counters": {"sends": 3, "error:invalid": 4, "close:4429": 1, "slow_readers": 1},
        "ack_seconds": ack_seconds().snapshot(),
        "pending": {"append": 5, "unread counts": 0},
    }
    return figures | changes


def test_histogram_bounds_are_inclusive() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 9.0):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1]
    assert histogram.total == 14.0


def test_drain_stats_do_not_grow_with_the_number_of_batches() -> None:
    stats = DrainStats()
    for size in range(10_000):
        stats.sizes.observe(size)
    assert len(stats.sizes.counts) == len(stats.sizes.bounds) + 1


def test_every_process_has_its_own_series() -> None:
    samples = samples_of(render({"web:a": web(), "web:b": web(events_delivered=1)}, LogState(9, 100, 1.5)))
    assert samples["parley_sessions", (("process", "web:a"), ("transport", "websocket"))] == 2
    assert samples["parley_events_delivered_total", (("process", "web:a"),)] == 7
    assert samples["parley_events_delivered_total", (("process", "web:b"),)] == 1
    assert samples["parley_sends_total", (("process", "web:b"),)] == 3
    assert samples["parley_errors_total", (("code", "invalid"), ("process", "web:a"))] == 4
    assert samples["parley_closes_total", (("code", "4429"), ("process", "web:a"))] == 1
    assert samples["parley_waiting_operations", (("process", "web:a"), ("queue", "append"))] == 5
    assert samples["parley_waiting_operations", (("process", "web:a"), ("queue", "unread_counts"))] == 0
    assert samples["parley_log_records", ()] == 9
    assert samples["parley_log_bytes", ()] == 100
    assert samples["parley_log_age_seconds", ()] == 1.5


def test_buckets_are_cumulative_and_end_with_the_total() -> None:
    times = ack_seconds()
    for seconds in (0.001, 0.004, 0.004, 99.0):
        times.observe(seconds)
    samples = samples_of(render({"web:a": web(ack_seconds=times.snapshot())}, None))
    buckets = {labels: value for (name, labels), value in samples.items() if name == "parley_ack_seconds_bucket"}
    assert len(buckets) == len(ACK_BOUNDS) + 1
    assert buckets[("le", "0.002"), ("process", "web:a")] == 1
    assert buckets[("le", "0.005"), ("process", "web:a")] == 3
    assert buckets[("le", "+Inf"), ("process", "web:a")] == 4
    assert samples["parley_ack_seconds_count", (("process", "web:a"),)] == 4


def test_worker_exports_drain_metrics() -> None:
    stats = DrainStats(batches=2, records=30, dead_lettered=1, store_failures=4)
    stats.sizes.observe(10)
    samples = samples_of(render({"worker:x": stats.snapshot()}, None))
    process = (("process", "worker:x"),)
    assert samples["parley_drain_records_total", process] == 30
    assert samples["parley_drain_batches_total", process] == 2
    assert samples["parley_drain_dead_lettered_total", process] == 1
    assert samples["parley_drain_store_failures_total", process] == 4
    assert samples["parley_drain_batch_records_bucket", (("le", "10.0"), *process)] == 1


def test_media_metrics_cover_uploads_outcomes_and_the_queue() -> None:
    stats = MediaStats()
    stats.note_end("image", "ready", 0.2)
    stats.note_end("video", "unavailable", 70.0)
    stats.retries["storage"] += 3
    counted = {"upload:form:begun": 2, "upload:direct:too_large": 1, "upload_bytes": 700}
    processes = {
        "web:a": web(counters=counted),
        "media:x": stats.snapshot(),
        "media-queue": {"pending_media": [4, 1.5, 9000]},
    }
    samples = samples_of(render(processes, None))
    web_a, worker = ("process", "web:a"), ("process", "media:x")
    assert samples["parley_uploads_total", (("outcome", "begun"), web_a, ("way", "form"))] == 2
    assert samples["parley_uploads_total", (("outcome", "too_large"), web_a, ("way", "direct"))] == 1
    assert samples["parley_upload_bytes_total", (web_a,)] == 700
    assert samples["parley_media_total", (("kind", "image"), ("outcome", "ready"), worker)] == 1
    assert samples["parley_media_total", (("kind", "video"), ("outcome", "unavailable"), worker)] == 1
    assert samples["parley_media_retries_total", (worker, ("reason", "storage"))] == 3
    assert samples["parley_media_seconds_bucket", (("le", "0.25"), worker)] == 1
    assert samples["parley_media_seconds_count", (worker,)] == 2
    assert samples["parley_media_waiting", ()] == 4
    assert samples["parley_media_age_seconds", ()] == 1.5
    assert samples["parley_media_staged_bytes", ()] == 9000


def test_search_metrics_show_how_far_the_index_is_behind() -> None:
    samples = samples_of(render({"search-index": {"search_behind": [12, 3.5, 1]}}, None))
    assert samples["parley_search_behind_messages", ()] == 12
    assert samples["parley_search_behind_seconds", ()] == 3.5
    assert samples["parley_search_backfilling", ()] == 1
    assert ("parley_search_behind_messages", ()) not in samples_of(render({}, None))


def test_each_upload_step_is_counted_by_outcome() -> None:
    counters: Counter[str] = Counter()
    with counting_upload(counters, "form", begins=True, ends=True):
        pass
    with counting_upload(counters, "direct", begins=True, ends=False):
        pass
    with pytest.raises(TooLarge), counting_upload(counters, "form", begins=True, ends=True):
        raise TooLarge
    with pytest.raises(ConnectionError), counting_upload(counters, "direct", begins=False, ends=True):
        raise ConnectionError
    assert counters == {
        "upload:form:begun": 2,
        "upload:form:finished": 1,
        "upload:form:too_large": 1,
        "upload:direct:begun": 1,
        "upload:direct:broken": 1,
    }


def test_without_redis_there_are_no_log_metrics() -> None:
    samples = samples_of(render({"web:a": web()}, None))
    assert samples["parley_redis_up", ()] == 0
    assert not [name for name, _ in samples if name.startswith("parley_log")]
