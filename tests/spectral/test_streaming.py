"""How blocks of features go to a GPU, recorded on the CPU: the code is real, streams and events are recorders."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from alignedcut_viewer.spectral import streaming

pytestmark = pytest.mark.quick

CPU = torch.device("cpu")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What is asked of CUDA, in order; streams are called copying and computing, events 0 and 1."""
    told: list[tuple[Any, ...]] = []
    real = torch.empty
    events = iter(range(2))

    class Stream:
        def __init__(self, device: torch.device | None = None, name: str = "copying") -> None:
            self.name = name

        def wait_event(self, event: Event) -> None:
            told.append(("wait", self.name, event.name))

    class Event:
        def __init__(self) -> None:
            self.name = next(events)

        def synchronize(self) -> None:
            told.append(("free", self.name))

        def record(self, stream: Stream) -> None:
            told.append(("record", stream.name, self.name))

    @contextlib.contextmanager
    def on(stream: Stream) -> Iterator[None]:
        told.append(("begin", stream.name))
        yield
        told.append(("end", stream.name))

    def empty(*shape: Any, pin_memory: bool = False, **options: Any) -> torch.Tensor:
        told.append(("pinned", pin_memory))
        return real(*shape, **options)

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "stream", on)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream(device, "computing"))
    monkeypatch.setattr(torch, "empty", empty)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda rows, stream: told.append(("kept", stream.name)))
    return told


def blocks(sizes: list[int], dtype: torch.dtype = torch.float16) -> list[tuple[int, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    return [(s, torch.randn(n, 3, generator=generator).to(dtype)) for s, n in zip(starts, sizes, strict=True)]


@pytest.mark.parametrize("sizes", [[5], [5, 5], [5, 5, 5, 5, 2], [2, 5, 5, 7], []])
def test_every_block_arrives_whole_though_two_buffers_take_turns(
    calls: list[tuple[Any, ...]], sizes: list[int]
) -> None:
    """Here a block on the device is the buffer itself, so that one written to too early would be seen."""
    given = blocks(sizes)
    found = [(start, rows.clone()) for start, rows in streaming._to_cuda(iter(given), CPU)]
    assert [start for start, _ in found] == [start for start, _ in given]
    for (_, one), (_, other) in zip(found, given, strict=True):
        assert torch.equal(one, other)
        assert one.dtype == other.dtype, "half precision goes over as half precision"


def test_a_block_is_copied_while_the_one_before_is_worked_on(calls: list[tuple[Any, ...]]) -> None:
    for start, _ in streaming._to_cuda(iter(blocks([4, 4, 4])), CPU):
        calls.append(("work", start))
    copy = [[("begin", "copying"), ("record", "copying", event), ("end", "copying")] for event in (0, 1)]
    arrives = [[("wait", "computing", event), ("kept", "computing")] for event in (0, 1)]
    assert calls == [
        ("free", 0),
        ("pinned", True),
        *copy[0],
        ("free", 1),
        ("pinned", True),
        *copy[1],  # the second block is on its way before the first is worked on
        *arrives[0],
        ("work", 0),
        ("free", 0),  # not before the first buffer's copy has left it
        *copy[0],
        *arrives[1],
        ("work", 4),
        *arrives[0],
        ("work", 8),
    ]


def test_a_buffer_is_made_anew_only_for_more_rows_or_another_type(calls: list[tuple[Any, ...]]) -> None:
    given = [*blocks([4, 4, 2, 3, 6, 4]), (23, torch.ones(4, 3, dtype=torch.float32))]
    assert len([rows for _, rows in streaming._to_cuda(iter(given), CPU)]) == 7
    assert calls.count(("pinned", True)) == 4, "two to begin with, one for six rows, one for float32"
    assert ("pinned", False) not in calls
