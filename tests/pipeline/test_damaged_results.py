"""Results that are not what was written: never read, and computed again with the same numbers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from alignedcut_viewer import pipeline
from alignedcut_viewer.cli import main
from alignedcut_viewer.errors import DamagedError
from alignedcut_viewer.figures import all_figures, mosaic
from alignedcut_viewer.pipeline.settings import (
    AlignSettings,
    ColourSettings,
    CutSettings,
    ExtractSettings,
    MapSettings,
)
from alignedcut_viewer.study import Cut, Study
from tests.planted import noise_pictures

EXTRACT = ExtractSettings(("random:vit_tiny_patch16_224",), (2, 5), input_size=32, batch_size=4, device="cpu")
ALIGN = AlignSettings("hyperalignment", device="cpu")
CUT = CutSettings(
    n_components=4,
    device="cpu",
    colour=ColourSettings(n_landmarks=40, perplexity=5, device="cpu"),
    map=MapSettings(n_landmarks=40, perplexity=5, device="cpu"),
)
ARRAYS = ("alignment", "eigenvectors", "eigenvalues", "embedding", "rgb", "places", "labels")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damaged")
    pictures = noise_pictures(folder / "pictures", 6, (32, 32))
    pipeline.run(pictures, folder / "study", EXTRACT, ALIGN, CUT)
    with Study.open(folder / "study", writable=True) as study:
        study.cut().segments(2)
    return folder


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy" / "study"


def chunk(path: Path, array: str) -> Path:
    name = "safetensors" if array == "alignment" else array
    (folder,) = [found for found in path.rglob(name) if (found / "zarr.json").exists()]
    return next(file for file in (folder / "c").rglob("*") if file.is_file())


def delete(file: Path) -> None:
    file.unlink()


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-3])


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 16
    file.write_bytes(data)


def remove(file: Path) -> None:
    shutil.rmtree(next(parent for parent in file.parents if (parent / "zarr.json").exists()))


def describe_half(file: Path) -> None:
    described = next(parent for parent in file.parents if (parent / "zarr.json").exists()) / "zarr.json"
    described.write_bytes(described.read_bytes()[:-40])


def describe_as_another_type(file: Path) -> None:
    """Of the same size, so that nothing but the numbers would differ."""
    described = next(parent for parent in file.parents if (parent / "zarr.json").exists()) / "zarr.json"
    content = json.loads(described.read_text())
    name = content["data_type"]
    bits = name.lstrip("abcdefghijklmnopqrstuvwxyz")
    content["data_type"] = ("uint" if name.startswith("int") else "int") + bits
    described.write_text(json.dumps(content))


DAMAGES = (delete, truncate, flip, remove, describe_half, describe_as_another_type)


def read(cut: Cut, array: str, study: Study) -> object:
    if array == "alignment":
        return pipeline.load_alignment(study, cut.recipe["cut"]["alignment"])
    return cut.map2d if array == "places" else getattr(cut, array)


@pytest.mark.parametrize(
    ("array", "damage"),
    [(array, DAMAGES[(i + j) % len(DAMAGES)]) for i, array in enumerate(ARRAYS) for j in (0, 3)],
)
def test_what_is_damaged_is_never_read_and_is_computed_again_to_the_bit(path: Path, array: str, damage) -> None:  # type: ignore[no-untyped-def]
    file = chunk(path, array)
    wanted = file.read_bytes()
    damage(file)
    if array != "labels":
        study = Study.open(path)
        with pytest.raises(DamagedError, match=r"check .* --repair"):
            read(study.cut(), array, study)
    with Study.open(path, writable=True) as study:
        again = pipeline.cut(study, CUT, align=ALIGN)
        again.segments(2)
    assert chunk(path, array).read_bytes() == wanted
    for name in ARRAYS[1:-1]:
        assert np.asarray(read(Study.open(path).cut(), name, study)).size


@pytest.mark.parametrize("array", ["rgb", "eigenvectors"])
@pytest.mark.parametrize("damage", [delete, truncate, flip, describe_half, describe_as_another_type])
def test_no_figure_is_drawn_of_damaged_results(
    path: Path,
    array: str,
    damage,
    capsys: pytest.CaptureFixture[str],  # type: ignore[no-untyped-def]
) -> None:
    damage(chunk(path, array))
    study = Study.open(path)
    if array == "rgb":
        with pytest.raises(DamagedError):
            mosaic(study)
        assert main(["figures", str(path), "--out", str(path.parent / "mosaic.png")]) == 2
        assert "rgb is " in capsys.readouterr().err
        assert not (path.parent / "mosaic.png").exists()
    with pytest.raises(DamagedError):
        all_figures(study)


def test_what_is_computed_again_differently_takes_what_was_made_of_it_along(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alignedcut_viewer.spectral import NormalizedCut

    with Study.open(path) as study:
        before = np.array(study.cut().rgb)
    chunk(path, "eigenvectors").unlink()
    real = NormalizedCut.fit_transform

    def other_machine(self, *args, **options):  # type: ignore[no-untyped-def]
        return real(self, *args, **options)[:, ::-1].copy()

    monkeypatch.setattr(NormalizedCut, "fit_transform", other_machine)
    with Study.open(path, writable=True) as study:
        again = pipeline.cut(study, CUT, align=ALIGN)
        assert not np.array_equal(again.rgb, before)
        assert not [part for part in study.store.groups(f"cuts/{again.group}") if part.startswith("segments")]


def test_damage_while_the_study_is_written_again_leaves_no_trace(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is stopped while it mends leaves damage, not nonsense; the next one mends it."""
    file = chunk(path, "rgb")
    wanted = file.read_bytes()
    flip(file)
    from alignedcut_viewer.store import Store

    real = Store.save_array

    def stopped(self, name, values):  # type: ignore[no-untyped-def]
        real(self, name, values)
        if name.endswith("embedding"):
            raise KeyboardInterrupt

    monkeypatch.setattr(Store, "save_array", stopped)
    with Study.open(path, writable=True) as study, pytest.raises(KeyboardInterrupt):
        pipeline.cut(study, CUT, align=ALIGN)
    monkeypatch.undo()
    with pytest.raises(DamagedError):
        Study.open(path).cut().rgb  # noqa: B018
    with Study.open(path, writable=True) as study:
        pipeline.cut(study, CUT, align=ALIGN)
    assert chunk(path, "rgb").read_bytes() == wanted
