"""The progress contract."""

from __future__ import annotations

import pytest

from alignedcut_viewer.progress import Cancelled, report, span

pytestmark = pytest.mark.quick


def test_span_maps_a_stage_onto_its_part() -> None:
    seen: list[tuple[int, int, str]] = []
    stage = span(lambda *step: seen.append(step), 0.25, 0.75)
    stage(0, 4, "a")
    stage(2, 4, "b")
    stage(4, 4, "c")
    stage(0, 0, "nothing to do")
    assert seen == [(250, 1000, "a"), (500, 1000, "b"), (750, 1000, "c"), (750, 1000, "nothing to do")]


def test_cancellation_passes_through() -> None:
    def cancel(done: int, total: int, text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        span(cancel, 0.0, 1.0)(1, 2, "work")
    with pytest.raises(Cancelled):
        report(cancel, 1, 2, "work")


def test_silence_is_allowed() -> None:
    span(None, 0.0, 1.0)(1, 2, "work")
    report(None, 1, 2, "work")
