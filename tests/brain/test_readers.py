from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from alignedcut_viewer.brain import open_brain_data
from alignedcut_viewer.brain.arrays import map_npy
from alignedcut_viewer.brain.readers import says_simulated
from alignedcut_viewer.errors import InputError


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Two people, four pictures, in the plain layout."""
    root = tmp_path / "mine"
    (root / "pictures").mkdir(parents=True)
    names = [f"{letter}.png" for letter in "abcd"]
    for name in names:
        (root / "pictures" / name).write_bytes(b"picture")
    (root / "pictures.csv").write_text("number,picture\n" + "".join(f"{n},{x}\n" for n, x in enumerate(names)))
    np.save(root / "responses_ann.npy", rng.standard_normal((4, 3)).astype(np.float32))
    np.save(root / "responses_bob.npy", rng.standard_normal((4, 2)).astype(np.float32))
    (root / "voxels_ann.csv").write_text(
        "roi,hemisphere,noise_ceiling,fsaverage_vertex\nV1,lh,30,7\nV1;EVC,rh,20,9\n,rh,10,11\n"
    )
    (root / "dataset.json").write_text(json.dumps({"name": "My study", "simulated": True, "source": "my scanner"}))
    return root


@pytest.mark.quick
def test_folder_of_two_people(folder: Path) -> None:
    dataset = open_brain_data(folder)
    assert dataset.title == "My study (simulated)"
    assert dataset.subject.tolist() == ["ann"] * 3 + ["bob"] * 2
    assert dataset.voxel.tolist() == [0, 1, 2, 0, 1]
    assert dataset.rois.counts() == {"V1": 2, "EVC": 1}
    assert dataset.hemisphere.tolist() == ["lh", "rh", "rh", "", ""]
    assert dataset.noise_ceiling is not None
    assert dataset.noise_ceiling[:3].tolist() == [30, 20, 10]
    assert np.isnan(dataset.noise_ceiling[3:]).all()
    assert dataset.fsaverage_vertex is not None
    assert dataset.fsaverage_vertex.tolist() == [7, 9, 11, -1, -1]
    assert np.array_equal(dataset.read(voxels=slice(3, 5)), np.load(folder / "responses_bob.npy"))
    assert dataset.pictures.paths[2] == folder / "pictures" / "c.png"
    assert dataset.check() == []


def _rewrite(path: Path, text: str) -> None:
    path.write_text(text)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: np.save(f / "responses_bob.npy", np.ones((5, 2))), r"responses_bob\.npy: .*5 pictures.* has 4"),
        (lambda f: np.save(f / "responses_bob.npy", np.zeros((4, 2))), r"responses_bob\.npy: 2 voxels \(0, 1\).*zero"),
        (lambda f: np.save(f / "responses_bob.npy", np.full((4, 2), np.nan)), r"responses_bob\.npy: .*NaN"),
        (lambda f: np.save(f / "responses_bob.npy", np.ones(4)), r"responses_bob\.npy: it should hold images"),
        (lambda f: _rewrite(f / "voxels_ann.csv", "roi\nV1\n"), r"voxels_ann\.csv: it describes 1 voxels.*have 3"),
        (
            lambda f: _rewrite(f / "voxels_ann.csv", "noise_ceiling\n1\nx\n3\n"),
            r"voxels_ann\.csv: column noise_ceiling",
        ),
        (lambda f: _rewrite(f / "pictures.csv", "name\na.png\n"), r"pictures\.csv: .*column 'picture'"),
        (lambda f: _rewrite(f / "pictures.csv", "number,picture\n0,a.png\n1\n"), r"pictures\.csv: a line has no"),
        (
            lambda f: np.save(f / "responses_bob.npy", np.full((4, 2), "x")),
            r"responses_bob\.npy: it should hold images",
        ),
        (
            lambda f: (f / "voxels_ann.csv").write_bytes(b"roi\n\xff\n"),
            r"voxels_ann\.csv: this is not a readable",
        ),
        (lambda f: _rewrite(f / "dataset.json", "{"), r"dataset\.json is damaged or not a readable description"),
        (lambda f: [p.unlink() for p in f.glob("responses*")], r"neither responses\.npy nor"),
    ],
)
def test_faults_of_a_folder_are_named(folder: Path, spoil: object, message: str) -> None:
    spoil(folder)  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        open_brain_data(folder)


@pytest.mark.quick
def test_unusable_voxels_of_a_folder_can_be_left_out(folder: Path) -> None:
    responses = np.load(folder / "responses_bob.npy")
    responses[1, 0] = np.nan
    np.save(folder / "responses_bob.npy", responses)
    dataset = open_brain_data(folder, unusable="drop")
    assert dataset.subject.tolist() == ["ann"] * 3 + ["bob"]
    assert dataset.voxel.tolist() == [0, 1, 2, 1]


@pytest.mark.quick
def test_csv_of_regions(tmp_path: Path) -> None:
    file = tmp_path / "regions.csv"
    file.write_text("picture,FFA,V1\na.png,1,2\nb.png,3,5\n", encoding="utf-8-sig")
    dataset = open_brain_data(file)
    assert dataset.pictures.names == ("a.png", "b.png")
    assert dataset.rois.names == ("V1", "FFA")
    assert np.array_equal(dataset.read(), [[1, 2], [3, 5]])
    file.write_text("picture,FFA,V1\na.png,1,2\nb.png,3\n")
    with pytest.raises(InputError, match=r"regions\.csv: line 3 holds 1 values, but there are 2"):
        open_brain_data(file)
    file.write_text("picture,FFA\na.png,x\n")
    with pytest.raises(InputError, match=r"regions\.csv: line 2 holds something other than numbers"):
        open_brain_data(file)
    file.write_text("picture,FFA\na.png,1\n")
    with pytest.raises(InputError, match=r"nowhere.*a\.png: the picture is missing"):
        open_brain_data(file, pictures=tmp_path / "nowhere")
    (tmp_path / "wrong" / "right").mkdir(parents=True)
    with pytest.raises(InputError, match=r"lacks 1 of 1 that the data name. It seems to be another folder"):
        open_brain_data(file, pictures=tmp_path / "wrong")
    (tmp_path / "wrong" / "right" / "a.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"There is one in .*right, however; give that folder"):
        open_brain_data(file, pictures=tmp_path / "wrong")


@pytest.mark.quick
def test_npz_faults_are_named(tmp_path: Path) -> None:
    file = tmp_path / "data.npz"
    np.savez(file, responses=np.random.default_rng(0).random((3, 2)), files=["a", "b"])
    with pytest.raises(InputError, match=r"data\.npz: it holds responses to 3 pictures, but there are 2"):
        open_brain_data(file)
    np.savez(file, responses=np.random.default_rng(0).random((2, 2)), files=["a", "b"], roi=["V1"])
    with pytest.raises(InputError, match=r"data\.npz: roi is for 1 voxels"):
        open_brain_data(file)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InputError, match=r"data\.npz: this is no \.npz file"):
        open_brain_data(file)
    with pytest.raises(InputError, match="no such file"):
        open_brain_data(tmp_path / "nothing.npz")


@pytest.mark.quick
@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"responses": np.ones((2, 2, 2))}, r"responses should be images × voxels, but have shape \(2, 2, 2\)"),
        ({"roi": np.array([["V1", "V2"]])}, r"roi should be one value a voxel, but has shape \(1, 2\)"),
        ({"noise_ceiling": np.array(["1", "2"])}, "noise_ceiling should be numbers, but is of the type"),
        ({"fsaverage_vertex": np.array(["1", "2"])}, "fsaverage_vertex should be numbers, but is of the type"),
        ({"files": np.array([["a", "b"]])}, r"files should not have shape \(1, 2\)"),
        ({"simulated": np.array([True])}, r"simulated should not have shape \(1,\)"),
        ({"files": np.array(["a", "b"], dtype=object)}, "this is not a readable .npz file of numbers and texts"),
    ],
)
def test_what_does_not_fit_in_an_npz_is_named(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    good = {"responses": np.random.default_rng(0).random((2, 2)), "files": np.array(["a", "b"])}
    np.savez(tmp_path / "good.npz", **good)
    assert open_brain_data(tmp_path / "good.npz").n_voxels == 2
    np.savez(tmp_path / "data.npz", **(good | arrays))
    with pytest.raises(InputError, match=rf"data\.npz: {message}"):
        open_brain_data(tmp_path / "data.npz")


@pytest.mark.quick
def test_an_npz_of_one_array_a_region(tmp_path: Path, rng: np.random.Generator) -> None:
    regions = {"V1": rng.random((2, 3)), "FFA": rng.random((2, 1))}
    np.savez(tmp_path / "data.npz", **regions)
    with pytest.raises(InputError, match=r"its pictures are neither listed nor in .*images; give their folder"):
        open_brain_data(tmp_path / "data.npz")
    (tmp_path / "images").mkdir()
    for name in ("b.png", "a.jpg", "notes.txt"):
        (tmp_path / "images" / name).write_bytes(b"")
    dataset = open_brain_data(tmp_path / "data.npz")
    assert dataset.pictures.names == ("a.jpg", "b.png")
    assert dataset.rois.counts() == {"V1": 3, "FFA": 1}
    np.testing.assert_allclose(dataset.read(), np.hstack([regions["V1"], regions["FFA"]]))
    np.savez(tmp_path / "data.npz", V1=np.ones((2, 3)), FFA=np.ones((3, 1)))
    with pytest.raises(InputError, match=r"no array 'responses'.*it holds: V1 \(2, 3\), FFA \(3, 1\)"):
        open_brain_data(tmp_path / "data.npz")


@pytest.mark.quick
def test_files_of_other_kinds_and_empty_tables_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("1")
    with pytest.raises(InputError, match=r"data\.txt: brain data are a folder, an \.npz or a \.csv file"):
        open_brain_data(tmp_path / "data.txt")
    (tmp_path / "data.csv").write_text("picture\n")
    with pytest.raises(InputError, match=r"data\.csv: it needs a header"):
        open_brain_data(tmp_path / "data.csv")


@pytest.mark.quick
def test_what_says_that_it_is_simulated_is_known_without_opening_it(folder: Path, tmp_path: Path) -> None:
    assert says_simulated(folder)
    assert says_simulated([tmp_path / "nothing", folder])
    (folder / "dataset.json").write_text("[")
    assert not says_simulated(folder)  # opening it names the fault
    for simulated in (True, False):
        np.savez(tmp_path / "data.npz", responses=np.ones((2, 2)), simulated=simulated)
        assert says_simulated(tmp_path / "data.npz") == simulated
    np.savez(tmp_path / "data.npz", responses=np.ones((2, 2)))
    assert not says_simulated(tmp_path / "data.npz")
    assert not says_simulated(tmp_path / "data.csv")


@pytest.mark.quick
@pytest.mark.parametrize("unusable", ["raise", "drop", "keep"])
def test_voxels_that_cannot_be_used_in_one_file(tmp_path: Path, unusable: Literal["raise", "drop", "keep"]) -> None:
    responses = np.random.default_rng(0).random((3, 4))
    responses[:, 2] = 0.5
    np.savez(tmp_path / "data.npz", responses=responses, files=["a", "b", "c"])
    if unusable == "raise":
        with pytest.raises(InputError, match=r"data\.npz: voxel 2 has the same response"):
            open_brain_data(tmp_path / "data.npz", unusable=unusable)
        return
    kept = open_brain_data(tmp_path / "data.npz", unusable=unusable)
    assert kept.n_voxels == (3 if unusable == "drop" else 4)
    np.testing.assert_allclose(kept.read()[:, :2], responses[:, :2])


@pytest.mark.quick
def test_people_without_tables_of_voxels_and_one_whose_unusable_voxels_are_kept(folder: Path) -> None:
    (folder / "voxels_ann.csv").unlink()
    (folder / "pictures.csv").unlink()  # then the files of the folder count, in their order
    np.save(folder / "responses_bob.npy", np.zeros((4, 2)))
    dataset = open_brain_data(folder, unusable="keep")
    assert dataset.n_voxels == 5
    assert dataset.rois.counts() == {}
    assert dataset.noise_ceiling is None
    assert dataset.fsaverage_vertex is None
    assert dataset.pictures.names == ("a.png", "b.png", "c.png", "d.png")


def test_predicted_responses_to_real_photographs(shared_data: Path) -> None:
    dataset = open_brain_data(shared_data / "bold5000_predicted" / "responses.npz")
    assert (dataset.n_pictures, dataset.n_voxels) == (500, 7059)
    assert dataset.rois.counts() == {"OPA": 860, "PPA": 974, "RSC": 760, "EarlyVis": 2208, "LOC": 2257}
    assert len(dataset.subjects) == 3
    assert dataset.name == "bold5000_predicted"
    assert None not in dataset.pictures.paths
    assert dataset.pictures.missing() == []


def test_responses_to_the_92_pictures(shared_data: Path) -> None:
    dataset = open_brain_data(shared_data / "brain92" / "mds_responses.npz")
    assert (dataset.n_pictures, dataset.n_voxels) == (92, 80)
    assert dataset.rois.counts() == {"EVC": 40, "IT": 40}
    assert dataset.pictures.names[0] == "00_human_bodypart.png"


def test_complex_responses_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", responses=np.ones((2, 3), dtype=complex))
    with pytest.raises(InputError, match="should be real numbers, but are of the type complex128"):
        open_brain_data(tmp_path / "data.npz")


@pytest.mark.parametrize(
    "header", ["{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 4)}", "{[}", "{1: 2}", "x" * 60]
)
def test_hostile_headers_are_refused(tmp_path: Path, header: str) -> None:
    text = header.ljust(117).encode() + b"\n"
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(64))
    with pytest.raises(InputError, match=r"a\.npy"):
        map_npy(tmp_path / "a.npy")
