"""The release's layout, and every way it can be broken: each fault named with its file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alignedcut_viewer.brain import check_algonauts, open_algonauts, open_brain_data
from alignedcut_viewer.brain.algonauts import responses_file
from alignedcut_viewer.errors import InputError

N_PICTURES, N_VERTICES = 24, (150, 160)  # of the fixture


def test_a_sound_subject(simulated_folder: Path) -> None:
    assert check_algonauts(simulated_folder) == []
    dataset = open_algonauts(simulated_folder)
    assert (dataset.n_pictures, dataset.n_voxels) == (N_PICTURES, sum(N_VERTICES))
    assert dataset.pictures.names[0] == "train-0001_nsd-00000.png"
    assert (dataset.hemisphere == "lh").sum() == N_VERTICES[0]
    left = np.load(responses_file(simulated_folder, "lh"))
    assert np.array_equal(dataset.read(voxels=slice(0, N_VERTICES[0])), left)
    assert dataset.simulated
    assert dataset.title == "subj01 (simulated)"
    assert dataset.describe()["simulated"] is True
    assert isinstance(open_brain_data(simulated_folder), type(dataset))


def test_regions_come_from_labels_and_mapping(simulated_folder: Path) -> None:
    dataset = open_algonauts(simulated_folder)
    left = np.load(simulated_folder / "roi_masks" / "lh.prf-visualrois_challenge_space.npy")
    assert np.array_equal(dataset.rois.mask("V1d")[: N_VERTICES[0]], left == 2)
    merged = dataset.rois.merged()
    assert merged.counts()["V1"] == dataset.rois.counts()["V1v"] + dataset.rois.counts()["V1d"]
    streams = ("early", "midventral", "midlateral", "midparietal", "ventral", "lateral", "parietal")
    assert sum(dataset.rois.counts().get(name, 0) for name in streams) == dataset.n_voxels


def test_vertices_agree_with_labels_in_fsaverage_space(simulated_folder: Path) -> None:
    dataset = open_algonauts(simulated_folder)
    everywhere = np.load(simulated_folder / "roi_masks" / "rh.floc-places_fsaverage_space.npy")
    right = dataset.select(hemisphere="rh")
    assert right.fsaverage_vertex is not None
    assert np.array_equal(everywhere[right.fsaverage_vertex] == 2, right.rois.mask("PPA"))


def test_a_release_without_our_description_is_not_simulated(spoilt_folder: Path) -> None:
    (spoilt_folder / "simulated.json").unlink()
    dataset = open_algonauts(spoilt_folder)
    assert not dataset.simulated
    assert "Algonauts 2023" in dataset.source


def _resave(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    np.save(path, change(np.load(path)))


def _drop_picture(folder: Path) -> None:
    sorted((folder / "training_split" / "training_images").iterdir())[-1].unlink()


def _drop_middle_picture(folder: Path) -> None:
    sorted((folder / "training_split" / "training_images").iterdir())[4].unlink()


def _strange_picture(folder: Path) -> None:
    first = sorted((folder / "training_split" / "training_images").iterdir())[0]
    first.rename(first.with_name("holiday.png"))


def _set(folder: Path, rows: object, column: int, value: float) -> None:
    def change(values: np.ndarray) -> np.ndarray:
        values[rows, column] = value
        return values

    _resave(responses_file(folder, "rh"), change)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-64])


def _roi(folder: Path, name: str) -> Path:
    return folder / "roi_masks" / name


FAULTS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "images and responses differ": (_drop_picture, "lh_training_fmri.npy", "responses to 24 pictures.*holds 23"),
    "a picture is missing in between": (_drop_middle_picture, "training_images", "picture number 5 is missing"),
    "a picture of another name": (_strange_picture, "holiday.png", "not named like train-0001"),
    "pictures missing": (
        lambda f: shutil.rmtree(f / "training_split" / "training_images"),
        "training_images",
        "folder of training pictures is missing",
    ),
    "NaN voxel": (lambda f: _set(f, 3, 17, np.nan), "rh_training_fmri.npy", "voxel 17 has NaN"),
    "all-zero voxel": (
        lambda f: _set(f, slice(None), 21, 0),
        "rh_training_fmri.npy",
        "voxel 21 has a response of zero",
    ),
    "constant voxel": (lambda f: _set(f, slice(None), 22, 2), "rh_training_fmri.npy", "voxel 22 has the same response"),
    "ROI file of the other hemisphere": (
        lambda f: shutil.copy(
            _roi(f, "rh.floc-faces_challenge_space.npy"), _roi(f, "lh.floc-faces_challenge_space.npy")
        ),
        "lh.floc-faces_challenge_space.npy",
        r"labels 160 vertices.*\(rh\).*ROI file of the other hemisphere",
    ),
    "ROI file of a wrong length": (
        lambda f: _resave(_roi(f, "rh.streams_challenge_space.npy"), lambda v: v[:-5]),
        "rh.streams_challenge_space.npy",
        "labels 155 vertices, but the responses of rh have 160",
    ),
    "all-vertices of the other hemisphere": (
        lambda f: shutil.copy(
            _roi(f, "lh.all-vertices_fsaverage_space.npy"), _roi(f, "rh.all-vertices_fsaverage_space.npy")
        ),
        "rh.all-vertices_fsaverage_space.npy",
        "marks 150 vertices.*other hemisphere",
    ),
    "truncated responses": (
        lambda f: _truncate(responses_file(f, "lh")),
        "lh_training_fmri.npy",
        "truncated: its header promises 24 × 150",
    ),
    "truncated ROI file": (
        lambda f: _truncate(_roi(f, "lh.floc-words_challenge_space.npy")),
        "lh.floc-words_challenge_space.npy",
        "truncated",
    ),
    "responses missing": (lambda f: responses_file(f, "rh").unlink(), "rh_training_fmri.npy", "missing"),
    "responses of one dimension": (
        lambda f: _resave(responses_file(f, "rh"), lambda v: v.ravel()),
        "rh_training_fmri.npy",
        "images × vertices, but holds float32",
    ),
    "mapping missing": (lambda f: _roi(f, "mapping_streams.npy").unlink(), "mapping_streams.npy", "missing"),
    "label without a name": (
        lambda f: _resave(_roi(f, "lh.floc-places_challenge_space.npy"), lambda v: v + 40),
        "lh.floc-places_challenge_space.npy",
        "label 40 has no name in .*mapping_floc-places.npy",
    ),
    "no pictures in their folder": (
        lambda f: [path.unlink() for path in (f / "training_split" / "training_images").iterdir()],
        "training_images",
        "it holds no training pictures",
    ),
    "damaged description": (
        lambda f: (f / "simulated.json").write_text("{"),
        "simulated.json",
        "description of the simulated data cannot be read",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named_with_their_file(spoilt_folder: Path, fault: str) -> None:
    spoil, file, message = FAULTS[fault]
    spoil(spoilt_folder)
    problems = [problem for problem in check_algonauts(spoilt_folder) if problem.fatal]
    assert any(Path(problem.file).name == file for problem in problems)
    with pytest.raises(InputError, match=f"(?s){file}.*{message}") as caught:
        open_algonauts(spoilt_folder)
    assert str(spoilt_folder) in str(caught.value)


def test_several_faults_are_told_at_once(spoilt_folder: Path) -> None:
    responses_file(spoilt_folder, "rh").unlink()
    _roi(spoilt_folder, "mapping_streams.npy").unlink()
    with pytest.raises(InputError) as caught:
        open_algonauts(spoilt_folder)
    assert str(caught.value).count("missing") == 2


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        open_algonauts(tmp_path / "subj09")


def test_faults_of_fsaverage_space_do_not_stop_the_reader(spoilt_folder: Path) -> None:
    _roi(spoilt_folder, "lh.floc-faces_fsaverage_space.npy").unlink()
    problems = check_algonauts(spoilt_folder)
    assert [problem.fatal for problem in problems] == [False]
    assert open_algonauts(spoilt_folder).n_voxels == sum(N_VERTICES)


def test_unusable_voxels_can_be_left_out(spoilt_folder: Path) -> None:
    _set(spoilt_folder, 3, 17, np.nan)
    _set(spoilt_folder, slice(None), 21, 0)
    whole = open_algonauts(spoilt_folder, unusable="keep")
    dataset = open_algonauts(spoilt_folder, unusable="drop")
    kept = np.setdiff1d(np.arange(sum(N_VERTICES)), [150 + 17, 150 + 21])
    assert np.array_equal(dataset.read(), whole.read()[:, kept])
    assert np.array_equal(dataset.voxel, whole.voxel[kept])
    assert whole.fsaverage_vertex is not None
    assert np.array_equal(dataset.fsaverage_vertex, whole.fsaverage_vertex[kept])
    assert dataset.rois.n_voxels == len(kept)


def test_some_families_only(spoilt_folder: Path) -> None:
    _roi(spoilt_folder, "mapping_streams.npy").unlink()
    dataset = open_algonauts(spoilt_folder, families=("floc-places",))
    assert set(dataset.rois.names) == {"OPA", "PPA", "RSC"}
