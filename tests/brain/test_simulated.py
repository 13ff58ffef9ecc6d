from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer.brain import brain_score, open_algonauts, read_true_map, write_simulated_subject
from alignedcut_viewer.brain.algonauts import responses_file
from alignedcut_viewer.errors import InputError, PictureError
from alignedcut_viewer.progress import Cancelled


def test_layout_and_description(simulated_folder: Path) -> None:
    description = json.loads((simulated_folder / "simulated.json").read_text())
    assert description["simulated"] is True
    assert "simulated" in description["source"]
    pictures = sorted((simulated_folder / "training_split" / "training_images").iterdir())
    assert pictures[0].name == "train-0001_nsd-00000.png"
    with Image.open(pictures[3]) as picture:
        assert picture.size == (16, 16)
    assert not list(simulated_folder.parent.glob("*.partial*"))
    assert np.load(responses_file(simulated_folder, "lh")).dtype == np.float32


def test_responses_are_the_known_map_with_the_known_noise(
    tmp_path: Path, picture_files: list[Path], rng: np.random.Generator
) -> None:
    """With many pictures the true map scores what its noise allows, in every voxel."""
    features = rng.standard_normal((2000, 10)) * np.arange(1, 11) + 4
    folder = write_simulated_subject(
        tmp_path / "subj01",
        [picture_files[0]] * 2000,
        features,
        n_vertices=(60, 70),
        explained=(0.1, 0.8),
        picture_size=1,
    )
    dataset, truth = open_algonauts(folder), read_true_map(folder)
    score = brain_score(dataset.responses, truth.predict(features), noise_ceiling=dataset.noise_ceiling)
    assert np.abs(score.r2 - truth.r2).max() < 0.08
    assert np.abs(score.r2 - truth.r2).mean() < 0.02
    assert np.allclose(dataset.read().var(axis=0), 1, atol=0.15)
    assert np.allclose(dataset.read().mean(axis=0), 0, atol=0.1)
    assert score.rois["all"].r2_normalised == pytest.approx(1, abs=0.03)
    assert dataset.noise_ceiling is not None
    assert np.allclose(dataset.noise_ceiling, 100 * truth.r2)
    # a region's voxels respond alike, those of different regions do not
    similar = np.corrcoef(truth.predict(features).T)
    eba, ppa = dataset.rois.voxels("EBA"), dataset.rois.voxels("PPA")
    assert similar[np.ix_(eba, eba)].mean() > 0.5
    assert similar[np.ix_(eba, eba)].mean() > np.abs(similar[np.ix_(eba, ppa)]).mean() + 0.2


def test_a_planted_direction(tmp_path: Path, picture_files: list[Path], features: np.ndarray) -> None:
    direction = np.zeros(12)
    direction[3] = -1
    folder = write_simulated_subject(
        tmp_path / "s", picture_files, features, roi_directions={"FFA": direction}, shared=1.0, picture_size=8
    )
    beta = read_true_map(folder).beta[:, open_algonauts(folder).rois.merged().mask("FFA")]
    assert (beta[3] < 0).all()
    assert np.allclose(np.delete(beta, 3, axis=0), 0, atol=1e-6)


def test_seed_decides_and_blocks_do_not_matter(
    tmp_path: Path, picture_files: list[Path], features: np.ndarray, simulated_folder: Path
) -> None:
    settings = {"n_vertices": (150, 160), "picture_size": 16}
    same = write_simulated_subject(tmp_path / "a", picture_files, features, memory=4000, **settings)  # type: ignore[arg-type]
    other = write_simulated_subject(tmp_path / "b", picture_files, features, seed=1, **settings)  # type: ignore[arg-type]
    first = np.load(responses_file(simulated_folder, "rh"))
    assert np.allclose(np.load(responses_file(same, "rh")), first, atol=1e-5)
    assert not np.allclose(np.load(responses_file(other, "rh")), first, atol=0.1)


def test_nothing_is_overwritten(simulated_folder: Path, picture_files: list[Path], features: np.ndarray) -> None:
    before = (simulated_folder / "simulated.json").stat().st_mtime_ns
    with pytest.raises(InputError, match="exists already"):
        write_simulated_subject(simulated_folder, picture_files, features)
    assert (simulated_folder / "simulated.json").stat().st_mtime_ns == before


def test_a_cancelled_or_failed_run_leaves_nothing(
    tmp_path: Path, picture_files: list[Path], features: np.ndarray
) -> None:
    def cancel(done: int, total: int, text: str) -> None:
        if "pictures" in text:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_simulated_subject(tmp_path / "s", picture_files, features, progress=cancel)
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    with pytest.raises(PictureError, match=r"bad\.png"):
        write_simulated_subject(tmp_path / "s", [*picture_files[:-1], bad], features)
    assert list(tmp_path.iterdir()) == [bad]


def test_bad_settings_are_named(tmp_path: Path, picture_files: list[Path], features: np.ndarray) -> None:
    with pytest.raises(InputError, match="24 pictures, but features of shape"):
        write_simulated_subject(tmp_path / "s", picture_files, features[:5])
    with pytest.raises(InputError, match="finite"):
        write_simulated_subject(tmp_path / "s", picture_files, features * np.nan)
    with pytest.raises(InputError, match="shares between 0 and 1"):
        write_simulated_subject(tmp_path / "s", picture_files, features, explained=1.5)
    with pytest.raises(InputError, match="5 channels, the features 12"):
        write_simulated_subject(tmp_path / "s", picture_files, features, roi_directions={"V1": np.ones(5)})
    with pytest.raises(InputError, match="no readable true map"):
        read_true_map(tmp_path)
    assert list(tmp_path.iterdir()) == []
