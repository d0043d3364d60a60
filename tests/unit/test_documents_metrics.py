"""Every metric that a document names exists."""

from __future__ import annotations

import re
from pathlib import Path

from app.services.metrics.collect_metrics import Deployment
from app.services.metrics.publish_metrics import LogState

ROOT = Path(__file__).parents[2]


def test_metrics_in_documents_exist():
    histogram = [[1.0], [0, 0], 0.0]
    snapshot = {
        "counters": {},
        "drain": {},
        "ack_seconds": histogram,
        "drain_sizes": histogram,
        "media_seconds": histogram,
        "pending_pushes": [0, 0.0],
        "pending_media": [0, 0.0, 0],
        "pending_webhooks": [0, 0, 0],
        "search_behind": [0, 0.0, 0],
    }
    published = {metric.name for metric in Deployment({"web:a": snapshot}, LogState(0, 0, 0.0)).collect()}
    texts = "".join(path.read_text() for path in ROOT.glob("docs/**/*.md"))
    named = {name.removesuffix("_total") for name in re.findall(r"parley_[a-z_]+", texts)}
    # Packages, and a table of the SDK.
    others = {"parley_demo", "parley_pager", "parley_shelf", "parley_rules", "parley_sdk", "parley_outbox"}
    assert named - others <= published
