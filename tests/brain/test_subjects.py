"""Data of several people as one: pictures united, responses where somebody looked, NaN elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alignedcut_viewer.brain import BrainDataset, PictureTable, RoiTable, join_subjects, open_brain_data
from alignedcut_viewer.errors import InputError

pytestmark = pytest.mark.quick


def person(name: str, pictures: str, rng: np.random.Generator, **more: object) -> BrainDataset:
    names = tuple(f"{letter}.png" for letter in pictures)
    rois = RoiTable({"V1": [True, False, False], "FFA": [False, True, True]})
    table = PictureTable(names, (None,) * len(names))
    responses = rng.standard_normal((len(names), 3)).astype(np.float32)
    return BrainDataset.build(name, table, responses, rois=rois, **more)  # type: ignore[arg-type]


def test_pictures_are_united_and_nobody_answers_to_what_the_person_did_not_see(rng: np.random.Generator) -> None:
    ann = person("ann", "abc", rng, noise_ceiling=np.full(3, 20, np.float32))
    bob = person("bob", "dca", rng, fsaverage_vertex=np.arange(3))
    joined = join_subjects([ann, bob])
    assert joined.pictures.names == ("a.png", "b.png", "c.png", "d.png")
    assert joined.subjects == ("ann", "bob")
    assert joined.rois.counts() == {"V1": 2, "FFA": 4}
    values = joined.read()
    np.testing.assert_array_equal(values[:3, :3], ann.responses)
    np.testing.assert_array_equal(values[[3, 2, 0], 3:], bob.responses)
    assert np.isnan(values[3, :3]).all()
    assert np.isnan(values[1, 3:]).all()
    assert joined.seen is not None
    np.testing.assert_array_equal(joined.seen, [[1, 1], [1, 0], [1, 1], [0, 1]])
    assert joined.noise_ceiling is not None
    assert np.isnan(joined.noise_ceiling[3:]).all()
    assert joined.fsaverage_vertex is not None
    assert joined.fsaverage_vertex.tolist() == [-1, -1, -1, 0, 1, 2]
    np.testing.assert_array_equal(joined.read([3, 0, 1], [4, 1]), values[[3, 0, 1]][:, [4, 1]])


def test_what_is_selected_stays_with_its_people(rng: np.random.Generator) -> None:
    joined = join_subjects([person("ann", "abc", rng), person("bob", "de", rng), person("cyd", "ae", rng)])
    some = joined.select(pictures=[4, 0], subjects=["cyd", "bob"])
    assert some.seen is not None
    np.testing.assert_array_equal(some.seen, [[1, 1], [0, 1]])
    parts = {part.name: part for part in some.parts()}
    assert parts["bob"].rows.tolist() == [0]
    assert parts["cyd"].voxels.tolist() == [3, 4, 5]
    assert np.isfinite(some.read(parts["cyd"].rows, parts["cyd"].voxels)).all()
    everybody = join_subjects([person("ann", "abc", rng), person("bob", "bca", rng)])
    assert everybody.seen is None
    assert [part.rows.tolist() for part in everybody.parts()] == [[0, 1, 2], [0, 1, 2]]


def test_several_folders_are_opened_as_one(tmp_path: Path, rng: np.random.Generator) -> None:
    for name, pictures in (("one", "ab"), ("two", "bc")):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "responses.npy", rng.standard_normal((2, 3)).astype(np.float32))
        lines = "\n".join(f"{tmp_path}/{letter}.png" for letter in pictures)
        (tmp_path / name / "pictures.csv").write_text(f"picture\n{lines}\n")
    joined = open_brain_data([tmp_path / "one", str(tmp_path / "two")])
    assert joined.subjects == ("one", "two")
    assert (joined.n_pictures, joined.n_voxels) == (3, 6)
    assert open_brain_data([tmp_path / "one"]).n_voxels == 3


def test_what_cannot_be_joined_is_said(rng: np.random.Generator) -> None:
    with pytest.raises(InputError, match="no brain data"):
        join_subjects([])
    with pytest.raises(InputError, match="'ann' is in two"):
        join_subjects([person("ann", "ab", rng), person("ann", "cd", rng)])
    with pytest.raises(InputError, match="bob is simulated and ann is measured"):
        join_subjects([person("ann", "ab", rng), person("bob", "cd", rng, simulated=True)])
    with pytest.raises(InputError, match="ann lists a picture twice"):
        join_subjects([person("ann", "aba", rng), person("bob", "cd", rng)])
