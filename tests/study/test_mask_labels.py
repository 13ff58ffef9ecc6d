"""Tokens take the labels of masks, and what nobody labelled is neither figure nor ground."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.images import find_masks, load_mask, open_pictures
from alignedcut_viewer.nodes import NetworkNodes, NodeIndex
from alignedcut_viewer.study import Study
from alignedcut_viewer.study.mask_labels import mask_labels, token_labels, usual_unlabelled

pytestmark = pytest.mark.quick
SIZE = (40, 60)
GRID = (4, 6)


def voc() -> NDArray[np.int32]:
    """Left third cat (8), right third background, between them void: every third token column and more."""
    mask = np.zeros(SIZE, dtype=np.int32)
    mask[:, :20], mask[:, 20:40] = 8, 255
    return mask


def coco() -> NDArray[np.int32]:
    """Left third bird (16), right third grass (124), nothing between them."""
    mask = np.zeros(SIZE, dtype=np.int32)
    mask[:, :20], mask[:, 40:] = 16, 124
    return mask


@pytest.fixture
def made(tmp_path: Path) -> tuple[Study, NodeIndex, Path]:
    """A study of two pictures without features, nodes of its pictures, and an empty folder for masks."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in "ab":
        Image.new("RGB", (SIZE[1], SIZE[0])).save(pictures / f"{name}.png")
    study = Study.create(tmp_path / "study", open_pictures(pictures))
    (tmp_path / "masks").mkdir()
    return study, NodeIndex([NetworkNodes("net", (0, 1), *GRID)], 2), tmp_path / "masks"


def save(folder: Path, **masks: NDArray[np.integer]) -> None:
    for name, mask in masks.items():
        Image.fromarray(mask.astype(np.uint8)).save(folder / f"{name}.png")


def grid(labels: NDArray[np.int32], index: NodeIndex, image: int, layer: int = 1) -> NDArray[np.int32]:
    return labels[index.patch_slice("net", layer, image)].reshape(GRID)


def columns(*values: int) -> NDArray[np.int32]:
    return np.tile(np.repeat(np.asarray(values, np.int32), 2), (GRID[0], 1))


def test_void_of_voc_is_neither_figure_nor_ground(made: tuple[Study, NodeIndex, Path]) -> None:
    study, index, folder = made
    save(folder, a=voc(), b=np.full(SIZE, 15))
    found = mask_labels(study, index, folder, two_classes=True)
    np.testing.assert_array_equal(grid(found.labels, index, 0), columns(1, -1, 0))
    np.testing.assert_array_equal(grid(found.labels, index, 0, layer=0), columns(1, -1, 0))
    np.testing.assert_array_equal(grid(found.labels, index, 1), columns(1, 1, 1))
    assert found.labels[index.image_slice("net", 0, 0)][0] == -1  # the class token
    assert found.source == "masks of 2 of 2 pictures; label 255 is left out as unlabelled"


def test_what_nobody_labelled_in_coco_is_no_ground(made: tuple[Study, NodeIndex, Path]) -> None:
    study, index, folder = made
    save(folder, a=coco())
    found = mask_labels(study, index, folder, two_classes=True, figure=range(1, 92))
    np.testing.assert_array_equal(grid(found.labels, index, 0), columns(1, -1, 0))
    assert (grid(found.labels, index, 1) == -1).all()  # no mask
    assert found.source == "masks of 1 of 2 pictures; label 0 is left out as unlabelled"


def test_black_and_white_masks_have_a_white_figure(made: tuple[Study, NodeIndex, Path]) -> None:
    study, index, folder = made
    save(folder, a=np.where(voc() == 8, 255, 0), b=np.zeros(SIZE))
    found = mask_labels(study, index, folder, two_classes=True)
    np.testing.assert_array_equal(grid(found.labels, index, 0), columns(1, 0, 0))
    assert found.source == "masks of 2 of 2 pictures"


def test_the_user_has_the_last_word(made: tuple[Study, NodeIndex, Path]) -> None:
    study, index, folder = made
    save(folder, a=voc(), b=voc())
    none = mask_labels(study, index, folder, two_classes=True, unlabelled=())
    np.testing.assert_array_equal(grid(none.labels, index, 0), columns(1, 1, 0))
    cats = mask_labels(study, index, folder, two_classes=True, unlabelled=(0, 8))
    np.testing.assert_array_equal(grid(cats.labels, index, 0), columns(-1, 1, -1))
    assert cats.source.endswith("; label 0 and 8 are left out as unlabelled")
    figure = mask_labels(study, index, folder, two_classes=True, figure=(255,))
    np.testing.assert_array_equal(grid(figure.labels, index, 0), columns(0, 1, 0))
    with pytest.raises(InputError, match="Label 8 of the masks is named both"):
        mask_labels(study, index, folder, two_classes=True, figure=(8,), unlabelled=(8, 255))


def test_classes_are_kept_where_they_are_asked_for(made: tuple[Study, NodeIndex, Path]) -> None:
    study, index, folder = made
    save(folder, a=voc(), b=coco())
    found = mask_labels(study, index, folder)
    np.testing.assert_array_equal(grid(found.labels, index, 0), columns(8, -1, 0))
    np.testing.assert_array_equal(grid(found.labels, index, 1), columns(16, 0, 124))
    things = mask_labels(study, index, folder, figure=range(1, 92))
    np.testing.assert_array_equal(grid(things.labels, index, 0), columns(8, -1, 0))
    np.testing.assert_array_equal(grid(things.labels, index, 1), columns(16, 0, 0))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0, 1], {255}),
        ([0, 8, 255], {255}),
        ([0, 255], set()),
        ([0], set()),
        ([0, 16, 124], {0, 255}),
        ([0, 16, 124, 255], {255}),
        ([0, 300], {255}),
        ([70_000, 3], {255}),
    ],
)
def test_usual_conventions(labels: list[int], expected: set[int]) -> None:
    for order in (labels, labels[::-1]):
        assert usual_unlabelled(np.asarray([[label]], np.int32) for label in order) == expected


def test_conventions_of_real_masks(shared_data: Path) -> None:
    folder = shared_data / "coco"
    files = [file for file in find_masks(folder / "masks", open_pictures(folder / "images")) if file]
    assert usual_unlabelled(load_mask(file) for file in files) == {0, 255}


def test_tokens_take_the_label_that_most_of_their_labelled_pixels_have() -> None:
    mask = np.zeros((8, 8), dtype=np.int32)
    mask[:4, :5] = 1
    mask[4:, 4:] = -1
    np.testing.assert_array_equal(token_labels(mask, 2, 2), [[1, 0], [0, -1]])
    np.testing.assert_array_equal(token_labels(np.where(mask == 1, 100_000, mask), 2, 2), [[100_000, 0], [0, -1]])
    three = np.asarray([[5, 5, 5, 7, 7, 9]])
    np.testing.assert_array_equal(token_labels(three, 1, 1), [[5]])
    np.testing.assert_array_equal(token_labels(three, 1, 2), [[5, 7]])
    np.testing.assert_array_equal(token_labels([[7, 5]], 1, 1), [[5]])  # of equals the lower
