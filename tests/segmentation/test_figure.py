"""Figure and ground by the graph of a picture: planted figures are found, in pictures of any shape."""

from __future__ import annotations

import numpy as np
import pytest

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.segmentation.figure import figure_map

pytestmark = pytest.mark.quick


def cut_of(labels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvectors of a graph that joins tokens of one label, with noise."""
    same = (labels.ravel()[:, None] == labels.ravel()) + 0.05 + 0.02 * rng.random((labels.size, labels.size))
    same = same + same.T
    root = np.sqrt(same.sum(1))
    values, vectors = np.linalg.eigh(same / root[:, None] / root)
    return vectors[:, ::-1][:, :12], values[::-1][:12]


@pytest.mark.parametrize("shape", [(16, 16), (12, 20)])
def test_the_thing_in_the_middle_is_figure(shape: tuple[int, int], rng: np.random.Generator) -> None:
    y, x = np.mgrid[: shape[0], : shape[1]]
    disc = ((y - shape[0] / 2) / shape[0]) ** 2 + ((x - shape[1] / 2) / shape[1]) ** 2 < 0.06
    labels = np.where(disc, 2, (y > shape[0] // 2).astype(int))  # before sky and meadow
    found = figure_map(*cut_of(labels, rng), shape)
    assert found.shape == shape
    assert found.dtype == np.float32
    assert found.min() == 0
    assert found.max() == 1
    assert ((found > 0.5) == disc).mean() > 0.97


def test_keys_hold_a_thing_of_several_parts_together(rng: np.random.Generator) -> None:
    y, x = np.mgrid[:16, :16]
    thing = (abs(y - 7.5) < 6) & (abs(x - 7.5) < 3)
    parts = np.where(thing, 1 + (y > 7), 0)  # head and body, which the eigenvectors tell apart
    parts[:, :2], parts[:, -2:] = 3, 4
    centres = rng.normal(size=(2, 24))
    late = [centres[thing.astype(int)] + 0.3 * rng.normal(size=(16, 16, 24)) for _ in range(2)]
    coarse = late[1].reshape(8, 2, 8, 2, 24).mean((1, 3))  # a layer of another network, on a grid of its own
    vectors, values = cut_of(parts, rng)
    found = figure_map(vectors, values, (16, 16), [late[0], coarse])
    assert found.min() >= 0
    assert found.max() <= 1
    assert ((found > 0.5) == thing).mean() > 0.97
    assert ((found > 0.5) == thing).mean() >= ((figure_map(vectors, values, (16, 16)) > 0.5) == thing).mean()
    with pytest.raises(InputError, match=r"\(rows, columns, D\)"):
        figure_map(vectors, values, (16, 16), [np.ones((256, 4))])


def test_the_same_for_equal_input_and_sentences_for_wrong(rng: np.random.Generator) -> None:
    vectors, values = cut_of(np.repeat([0, 1, 2], 12).reshape(6, 6), rng)
    np.testing.assert_array_equal(figure_map(vectors, values, (6, 6)), figure_map(vectors, values, (6, 6)))
    with pytest.raises(InputError, match="do not fit a grid of 5 × 6"):
        figure_map(vectors, values, (5, 6))
