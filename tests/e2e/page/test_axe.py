"""axe-core finds no moderate, serious or critical problem in any state of the page, light or dark, wide or narrow."""

from __future__ import annotations

import pytest

from tests.e2e.page.axe import violations
from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People
from tests.e2e.page.states import build, check_all, signed_in, signed_out

MIN_STATES = 43


@pytest.mark.parametrize(("scheme", "width"), [("light", 1180), ("dark", 390)])
def test_axe_finds_no_problem_in_any_state(window: OpenWindow, people: People, scheme: str, width: int) -> None:
    here = window(color_scheme=scheme, reduced_motion="reduce")
    here.page.set_viewport_size({"width": width, "height": 760})
    check = lambda: violations(here.page)  # noqa: E731
    found = check_all(signed_out(here), check)
    inside = check_all(signed_in(build(people, here)), check)
    count = found.pop("count") + inside.pop("count")
    assert {**found, **inside} == {}
    assert count >= MIN_STATES
