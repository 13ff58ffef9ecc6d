"""A scheduler that runs already: used and left running, and one sentence for whatever it lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import distributed
import pytest

from alignedcut_viewer.cluster import computing_on, engine
from alignedcut_viewer.errors import ClusterError

from . import tasks


@pytest.fixture
def running() -> Iterator[Any]:
    """A scheduler without workers, as an administrator may have started it."""
    options = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
    with distributed.LocalCluster(
        n_workers=0, threads_per_worker=1, dashboard_address=None, scheduler_kwargs=options
    ) as cluster:
        yield cluster


def all_of(results: Iterator[Any], then: Callable[[], None]) -> None:
    """Take all results, and do something after the second one."""
    for number, _ in enumerate(results):
        if number == 1:
            then()


def test_its_workers_are_used_and_go_on_without_us(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    running.scale(1)
    said: list[str] = []
    with computing_on(scheduler=running.scheduler_address, announce=said.append) as cluster:
        assert cluster is not None
        assert list(cluster.in_order(tasks.refused, "nothing", range(3))) == [0, 1, 2]
    assert said == [f"Computing on 1 worker of {running.scheduler_address}."]
    assert len(running.scheduler.workers) == 1
    monkeypatch.setattr(engine, "_compared", lambda facts: (f"torch {facts['host']['python-bits']} {id(facts)}",))
    with (
        pytest.raises(ClusterError, match="Versions differ: the scheduler has torch"),
        computing_on(scheduler=running.scheduler_address),
    ):
        pass


def test_without_workers_it_says_so(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WORKER_SECONDS", 0.5)
    with (
        pytest.raises(ClusterError, match="has no workers, and none has come"),
        computing_on(scheduler=running.scheduler_address),
    ):
        pass


def test_a_scheduler_that_ends_is_one_sentence(running: Any) -> None:
    running.scale(1)
    with computing_on(scheduler=running.scheduler_address) as cluster:
        assert cluster is not None
        results = cluster.in_order(tasks.refused, "nothing", iter([0] * 100_000))
        with pytest.raises(ClusterError, match="The scheduler does not answer any more"):
            all_of(results, then=running.close)


def test_workers_that_are_gone_for_good_are_one_sentence(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    running.scale(1)
    with computing_on(scheduler=running.scheduler_address) as cluster:
        assert cluster is not None
        monkeypatch.setattr(engine, "WORKER_SECONDS", 1.0)
        results = cluster.in_order(tasks.refused, "nothing", iter([0] * 100_000))
        with pytest.raises(ClusterError, match="No worker is left"):
            all_of(results, then=lambda: running.scale(0))
