"""Extraction and segments on a real cluster of two processes: the bits of one process, whatever happens to a worker."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from alignedcut_viewer import cli, pipeline
from alignedcut_viewer.backbones import load_backbone
from alignedcut_viewer.backbones.elsewhere import load_requested, request_for
from alignedcut_viewer.cluster import computing_on, current_cluster
from alignedcut_viewer.errors import Cancelled, CheckpointError, InputError
from alignedcut_viewer.pipeline.cut_segments import CutSegmentSettings, segment_cut
from alignedcut_viewer.pipeline.layered_settings import LayeredSettings
from alignedcut_viewer.pipeline.segment_stage import SegmentSettings, segment
from alignedcut_viewer.pipeline.settings import AlignSettings, ColourSettings, CutSettings, ExtractSettings
from alignedcut_viewer.progress import ProgressCallback
from alignedcut_viewer.segmentation import SegmentChoice
from alignedcut_viewer.study import Study
from tests.planted import noise_pictures

NETWORK = "random:vit_tiny_patch16_224"
EXTRACT = ExtractSettings((NETWORK,), (0, 2), tap=("attention", "v"), input_size=96, batch_size=4, device="cpu")
N_PICTURES = 22


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two worker processes and their scheduler, on this machine only."""
    distributed = pytest.importorskip("distributed", reason="needs the extra `cluster`")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, memory_limit=0, silence_logs=40
    ) as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of a disc on a ground; one of the files is no picture."""
    folder = tmp_path_factory.mktemp("on-workers") / "pictures"
    folder.mkdir()
    y, x = np.mgrid[:80, :60]
    for number in range(N_PICTURES):
        rng = np.random.default_rng(number)
        disc = (y - rng.integers(25, 55)) ** 2 + (x - rng.integers(20, 40)) ** 2 < rng.integers(10, 18) ** 2
        pixels = np.where(disc[..., None], rng.integers(0, 256, 3), rng.integers(0, 256, 3)) + rng.normal(
            0, 8, (80, 60, 3)
        )
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / f"p{number}.png")
    (folder / "p5.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    return folder


def extract(folder: Path, path: Path, settings: ExtractSettings = EXTRACT, **options: Any) -> Study:
    study, _ = pipeline.open_study(path, folder)
    with study:
        pipeline.extract(study, settings, **options)
    return study


@pytest.fixture(scope="module")
def alone(folder: Path) -> Path:
    """The study of one process."""
    assert current_cluster() is None
    return extract(folder, folder.parent / "alone").path


@pytest.fixture(scope="module")
def with_cut(alone: Path) -> Path:
    """The same with a joint cut."""
    path = alone.parent / "with-cut"
    shutil.copytree(alone, path)
    colour = ColourSettings(perplexity=5, n_landmarks=60, device="cpu")
    cut = LayeredSettings(n_components=4, n_inside=10, n_across=10, device="cpu", colour=colour, map=None)
    with Study.open(path, writable=True) as study:
        pipeline.layered_cut(study, cut, "what")
    return path


def content(study: Path, *rooms: str) -> dict[str, str]:
    """Digest of every file of some rooms of a study."""
    files = [file for room in rooms for file in sorted((study / room).rglob("*")) if file.is_file()]
    assert files
    return {str(file.relative_to(study)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


class At:
    """A progress callback that does something once so many steps are done."""

    def __init__(self, step: int, act: Callable[[], None]) -> None:
        self.step, self._act, self.happened = step, act, False

    def __call__(self, done: int, total: int, text: str) -> None:
        if not self.happened and done >= self.step and total > 1:
            self.happened = True
            self._act()


def kill_a_worker(cluster: Any) -> Callable[[], None]:
    """What kills one of two running workers; the one that was killed before is replaced by then."""
    cluster.wait_for_workers(2, timeout=100)

    def act() -> None:
        nannies = cluster.workers.values()
        os.kill(next(nanny.pid for nanny in nannies if nanny.status.name == "running"), signal.SIGKILL)

    return act


def cancel() -> None:
    raise Cancelled


def test_features_are_those_of_one_process_to_the_bit(cluster: Any, folder: Path, alone: Path, tmp_path: Path) -> None:
    told: list[str] = []
    with computing_on(scheduler=cluster.scheduler_address):
        study = extract(folder, tmp_path / "study", announce=told.append)
    assert content(study.path, "features") == content(alone, "features")
    known = [(one.name, one.digest, one.height, one.width, one.reason) for one in study.pictures]
    assert known == [(one.name, one.digest, one.height, one.width, one.reason) for one in Study.open(alone).pictures]
    assert list(study.skipped) == [5]
    assert [line for line in told if line.startswith("Skipped")] == [f"Skipped: {study.skipped[5]}"]
    assert sum("random weights" in line for line in told) == 1  # the workers load them, too, and say nothing


def test_what_alignments_are_trained_on_is_too(cluster: Any, folder: Path, tmp_path: Path) -> None:
    settings = replace(EXTRACT, tap=("attention",), for_alignment=True)
    extract(folder, tmp_path / "one", settings)
    with computing_on(scheduler=cluster.scheduler_address):
        extract(folder, tmp_path / "many", settings)
    assert content(tmp_path / "one", "pooled") == content(tmp_path / "many", "pooled")


def test_threads_do_not_change_features(folder: Path) -> None:
    """Workers compute with one thread of torch's, one process with as many as it likes."""
    backbone = load_backbone(NETWORK, input_size=96, device="cpu")
    batch = torch.randn((3, 3, 96, 96), generator=torch.Generator().manual_seed(0))
    usual = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(backbone.features_at(batch, [(0, "attention"), (11, "block")]))
    finally:
        torch.set_num_threads(usual)
    for other in found[1:]:
        assert all(torch.equal(one, same) for one, same in zip(found[0], other, strict=True))


def test_a_worker_killed_during_extraction_costs_nothing(
    cluster: Any, folder: Path, alone: Path, tmp_path: Path
) -> None:
    killer = At(1, kill_a_worker(cluster))
    with computing_on(scheduler=cluster.scheduler_address):
        study = extract(folder, tmp_path / "study", progress=killer)
    assert killer.happened
    assert content(study.path, "features") == content(alone, "features")


def test_after_a_cancelled_run_one_process_goes_on(cluster: Any, folder: Path, alone: Path, tmp_path: Path) -> None:
    with computing_on(scheduler=cluster.scheduler_address), pytest.raises(Cancelled):
        extract(folder, tmp_path / "study", progress=At(300, cancel))
    done = Study.open(tmp_path / "study").status.count("done")
    assert 0 < done < N_PICTURES - 1
    study = extract(folder, tmp_path / "study")
    assert content(study.path, "features") == content(alone, "features")


def test_other_weights_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    torch.save(load_backbone(NETWORK, device="cpu").model.state_dict(), file)
    backbone = load_backbone("timm:vit_tiny_patch16_224", weights=file, input_size=96, device="cpu")
    request = request_for(backbone)
    again = load_requested(request)
    assert again.digest == backbone.digest
    assert load_requested(request) is again  # kept by the process
    state = torch.load(file, weights_only=True)
    torch.save({name: value + 0.5 for name, value in state.items()}, file)
    with pytest.raises(CheckpointError, match=r"has other weights of .*--weights .*=FILE"):
        load_requested(replace(request, precision="bfloat16"))  # not the one that is kept
    backbone.loaded_with = None
    with pytest.raises(InputError, match="that load_backbone loaded"):
        request_for(backbone)


PICTURES = SegmentSettings(choice=SegmentChoice(segments=3), device="cpu")
WAYS: dict[str, Callable[[Study, ProgressCallback | None], object]] = {
    "alone": lambda study, progress: segment(study, PICTURES, progress=progress),
    "together": lambda study, progress: segment(study, replace(PICTURES, scope="joint"), progress=progress),
    "regions": lambda study, progress: segment_cut(study, "what", CutSegmentSettings("regions"), progress=progress),
    "instances": lambda study, progress: segment_cut(study, "what", CutSegmentSettings("instances"), progress=progress),
    "semantics": lambda study, progress: segment_cut(
        study, "what", CutSegmentSettings("semantics", segments=3), progress=progress
    ),
}


def segments(study: Path, path: Path, way: str, progress: ProgressCallback | None = None) -> dict[str, str]:
    """Digests of the files of segments that are made in a copy of a study."""
    shutil.copytree(study, path)
    with Study.open(path, writable=True) as opened:
        WAYS[way](opened, progress)
    return content(path, "segmentations")


@pytest.mark.parametrize("way", list(WAYS))
def test_segments_are_those_of_one_process_to_the_bit(cluster: Any, with_cut: Path, tmp_path: Path, way: str) -> None:
    expected = segments(with_cut, tmp_path / "one", way)
    with computing_on(scheduler=cluster.scheduler_address):
        assert segments(with_cut, tmp_path / "many", way) == expected


def test_a_worker_killed_during_segmentation_costs_nothing(cluster: Any, with_cut: Path, tmp_path: Path) -> None:
    expected = segments(with_cut, tmp_path / "one", "alone")
    killer = At(2, kill_a_worker(cluster))
    with computing_on(scheduler=cluster.scheduler_address):
        assert segments(with_cut, tmp_path / "many", "alone", killer) == expected
    assert killer.happened


def test_pictures_that_join_a_cut_are_placed_as_in_one_process(cluster: Any, alone: Path, tmp_path: Path) -> None:
    colour = ColourSettings(n_landmarks=60, perplexity=5, n_neighbors=4, device="cpu")
    cut = CutSettings(n_components=4, device="cpu", colour=colour, map=None)
    new = noise_pictures(tmp_path / "new", 10)
    shutil.copytree(alone, tmp_path / "one")
    with Study.open(tmp_path / "one", writable=True) as study:
        pipeline.cut(study, cut, align=AlignSettings("none"))
    shutil.copytree(tmp_path / "one", tmp_path / "many")

    def add(path: Path) -> tuple[dict[str, str], list[bytes], Any]:
        with Study.open(path, writable=True) as study:
            added = pipeline.add_pictures(study, new, device="cpu")
        arrays = [array[:].tobytes() for array in (added.cut.eigenvectors, added.cut.embedding, added.cut.rgb)]
        return content(path, "features"), arrays, added.placed

    expected = add(tmp_path / "one")
    with computing_on(scheduler=cluster.scheduler_address):
        assert add(tmp_path / "many") == expected
    assert len(expected[2]) == 10


def test_cancelled_segments_leave_the_study_as_it_was(cluster: Any, with_cut: Path, tmp_path: Path) -> None:
    with computing_on(scheduler=cluster.scheduler_address), pytest.raises(Cancelled):
        segments(with_cut, tmp_path / "many", "alone", At(5, cancel))
    with Study.open(tmp_path / "many", writable=True) as study:
        assert study.segmentations == ()
        segment(study, PICTURES)
    assert content(tmp_path / "many", "segmentations") == segments(with_cut, tmp_path / "one", "alone")


def test_the_command_line_from_pictures_to_masks(cluster: Any, folder: Path, tmp_path: Path) -> None:
    def run(place: Path, workers: Sequence[str], scheduler: Sequence[str]) -> dict[str, str]:
        place.mkdir()
        study, few = str(place / "study"), [str(folder / f"p{number}.png") for number in range(6)]
        network = ["--networks", NETWORK, "--layers", "0", "2", "--size", "96", "--device", "cpu"]
        assert cli.main(["extract", *few, "--study", study, *network, *scheduler]) == 0
        aligned = str(place / "maps.safetensors")
        assert cli.main(["align", study, "--out", aligned, "--samples", "100", "--device", "cpu", *scheduler]) == 0
        cut = ["--alignment", aligned, "--eigenvectors", "5", "--device", "cpu"]
        assert cli.main(["cut", study, *cut, *scheduler]) == 0
        masks = ["--segments", "3", "--out", str(place / "masks"), "--device", "cpu"]
        assert cli.main(["segment", study, *masks, *workers]) == 0
        opened = Study.open(study)
        found = content(place / "study", "features", "segmentations") | content(place, "masks")
        arrays = {"cut": opened.cut().eigenvectors[:].tobytes(), "maps": Path(aligned).read_bytes()}
        return found | {name: hashlib.sha256(data).hexdigest() for name, data in arrays.items()}

    many = run(tmp_path / "many", ["--workers", "2"], ["--scheduler", cluster.scheduler_address])
    assert many == run(tmp_path / "one", [], [])
    assert current_cluster() is None


def test_wrong_addresses_are_told_in_a_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["extract", str(folder), "--study", str(tmp_path / "study"), "--workers", "2"]
    assert cli.main([*words, "--scheduler", "tcp://127.0.0.1:1"]) == 2
    assert "not both" in capsys.readouterr().err
    assert cli.main([*words[:4], "--scheduler", "nonsense"]) == 2
    error = capsys.readouterr().err
    assert "nonsense" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "study").exists()
