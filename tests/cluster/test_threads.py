"""Blocks in threads of this process: order, how far ahead, errors, stopping, and one thread of torch in each."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from alignedcut_viewer.cluster.threads import in_order

pytestmark = pytest.mark.quick

CPU = torch.device("cpu")


@pytest.fixture
def two_threads() -> Iterator[None]:
    """As on a machine of two cores, whatever the tests are started with."""
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(usual)


@pytest.mark.usefixtures("two_threads")
def test_results_keep_the_order_of_the_items_though_two_threads_meet() -> None:
    meeting = threading.Barrier(2, timeout=30)  # passed only where two tasks run at once

    def square(item: int) -> tuple[int, int]:
        meeting.wait()
        return item * item, threading.get_ident()

    found = list(in_order(square, range(40), CPU))
    assert [value for value, _ in found] == [item * item for item in range(40)]
    assert len({thread for _, thread in found} - {threading.get_ident()}) == 2


@pytest.mark.usefixtures("two_threads")
def test_torch_has_one_thread_in_each_worker_and_as_many_as_before_outside() -> None:
    assert set(in_order(lambda _: torch.get_num_threads(), range(8), CPU)) == {1}
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_items_are_taken_a_few_ahead_and_no_more_once_nobody_asks() -> None:
    taken: list[int] = []
    done: list[int] = []
    gate = threading.Event()

    def items() -> Iterator[int]:
        for item in range(1000):
            taken.append(item)
            yield item

    def work(item: int) -> int:
        if item > 0:
            gate.wait(30)
        done.append(item)
        return item

    results = in_order(work, items(), CPU)
    assert next(results) == 0
    assert len(taken) == 6  # two workers, and two blocks that wait for each
    results.close()
    gate.set()
    # Both workers are busy with one item each; those that had not begun are never worked on.
    assert list(in_order(lambda item: item, range(4), CPU)) == [0, 1, 2, 3]
    assert len(taken) == 6
    assert len(done) <= 3


@pytest.mark.usefixtures("two_threads")
def test_an_error_comes_at_its_place_and_the_next_pass_works() -> None:
    def divide(item: int) -> float:
        return 1 / (3 - item)

    results = in_order(divide, range(100), CPU)
    assert [next(results) for _ in range(3)] == [1 / 3, 1 / 2, 1.0]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(in_order(divide, [2], CPU)) == [1.0]


def test_with_one_thread_all_is_done_in_the_calling_one() -> None:
    usual = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert set(in_order(lambda _: threading.get_ident(), range(3), CPU)) == {threading.get_ident()}
    finally:
        torch.set_num_threads(usual)
