"""A few of the kills and bad disks of ``make torture``, which does hundreds."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.torture.harness import Bench, Disk, stage

if os.name != "posix":
    pytest.skip("needs signals that kill and processes that are forked from a server", allow_module_level=True)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    return Bench(tmp_path_factory.mktemp("torture") / "bench")


@pytest.mark.parametrize("name", ["extract", "cut", "concepts", "segment", "session"])
def test_a_stage_that_is_stopped_loses_nothing_and_goes_on(bench: Bench, name: str) -> None:
    rng = np.random.default_rng(len(name))
    for how in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        assert bench.trial(stage(name), how, rng).faults == []


@pytest.mark.parametrize("how", ["disk full", "read-only", "vanished"])
def test_a_bad_disk_is_one_sentence_and_loses_nothing(bench: Bench, how: str, tmp_path: Path) -> None:
    (tmp_path / "mount").mkdir()
    if not Disk.possible(tmp_path / "mount"):
        pytest.skip("needs the right to mount a small disk, which this process does not have")
    rng = np.random.default_rng(0)
    for name in ("extract", "cut"):
        assert bench.trial_of_disk(stage(name), how, rng).faults == []


def test_a_loss_would_be_seen(bench: Bench) -> None:
    """What the trials look for: a study of which a file is damaged is told from one that is whole."""
    cut = stage("cut")
    wanted, _, _ = bench.known(cut)
    folder = bench.begin(cut, "trial", "broken")
    assert bench._look(cut, folder, wanted) == []
    (chunk,) = (folder / "study").rglob("rgb/c/0/0")
    chunk.write_bytes(chunk.read_bytes()[:-1])
    assert "cannot be read" in bench._look(cut, folder, wanted)[0]
    (folder / "study" / "cuts" / "zarr.json").write_text("{")
    assert bench._look(cut, folder, wanted)
    (folder / "out").mkdir()
    (folder / "out" / "half.png").write_text("half")
    assert "out/half.png is half-written" in bench._look(cut, folder, wanted)
