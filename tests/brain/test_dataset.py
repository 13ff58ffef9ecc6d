from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alignedcut_viewer.brain import BrainDataset, PictureTable, RoiTable
from alignedcut_viewer.errors import InputError

pytestmark = pytest.mark.quick


@pytest.fixture
def dataset(rng: np.random.Generator) -> BrainDataset:
    return BrainDataset.build(
        "toy",
        [f"{n}.png" for n in range(10)],
        rng.standard_normal((10, 6)).astype(np.float16),
        rois=RoiTable.from_labels(["V1", "V1", "FFA", "", "FFA", "V1"]),
        subject=["a", "a", "a", "b", "b", "b"],
        hemisphere=["lh", "lh", "rh", "lh", "rh", "rh"],
        noise_ceiling=np.arange(6, dtype=np.float32),
    )


def test_selection_takes_everything_along(dataset: BrainDataset) -> None:
    part = dataset.select(pictures=[7, 2], subjects=["b"], rois=["V1", "FFA"])
    assert part.pictures.names == ("7.png", "2.png")
    assert part.voxel.tolist() == [4, 5]
    assert part.hemisphere.tolist() == ["rh", "rh"]
    assert part.rois.counts() == {"V1": 1, "FFA": 1}
    assert part.noise_ceiling is not None
    assert part.noise_ceiling.tolist() == [4, 5]
    assert np.array_equal(part.read(), dataset.read()[[7, 2]][:, [4, 5]])
    assert part.read().dtype == np.float32
    again = part.select(pictures=[1], hemisphere="rh")
    assert np.array_equal(again.read(), dataset.read()[[2]][:, [4, 5]])
    assert dataset.subjects == ("a", "b")


def test_empty_selection_is_an_error(dataset: BrainDataset) -> None:
    with pytest.raises(InputError, match="leaves no voxels"):
        dataset.select(subjects=["nobody"])


def test_split_is_seeded_and_complete(dataset: BrainDataset) -> None:
    train, test = dataset.split(0.3, seed=1)
    assert len(test) == 3
    assert sorted([*train, *test]) == list(range(10))
    assert np.array_equal(dataset.split(3, seed=1)[1], test)
    assert not np.array_equal(dataset.split(0.3, seed=2)[1], test)
    with pytest.raises(InputError, match="cannot be set aside"):
        dataset.split(10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rois": RoiTable({}, 5)}, "ROI table is for 5 voxels, but responses have 6"),
        ({"noise_ceiling": np.zeros(4)}, "noise_ceiling is for 4"),
        ({"pictures": PictureTable(("a",), (None,))}, "1 pictures but responses to 10"),
        ({"responses": np.zeros(3)}, "images × voxels"),
    ],
)
def test_misshapen_parts_are_named(change: dict, message: str) -> None:
    whole = {"pictures": PictureTable(("x",) * 10, (None,) * 10), "responses": np.zeros((10, 6))} | change
    with pytest.raises(InputError, match=message):
        BrainDataset.build("toy", **whole)


def test_simulated_data_say_so(dataset: BrainDataset) -> None:
    made_up = BrainDataset.build("toy", dataset.pictures, dataset.responses, simulated=True)
    assert made_up.title == "toy (simulated)"
    assert "simulated" in repr(made_up)
    assert dataset.title == "toy"


def test_check_names_missing_pictures_and_bad_voxels(dataset: BrainDataset, tmp_path: Path) -> None:
    values = dataset.read()
    values[2, 3] = np.nan
    bad = BrainDataset.build("toy", [tmp_path / f"{n}.png" for n in range(10)], values, source="toy.npz")
    texts = [str(problem) for problem in bad.check()]
    assert "0.png: the picture is missing (10 of 10 are)" in texts[0]
    assert texts[1].startswith("toy.npz: voxel 3 has NaN")
