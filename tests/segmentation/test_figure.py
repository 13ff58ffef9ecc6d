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


def test_the_same_for_equal_input_and_sentences_for_wrong(rng: np.random.Generator) -> None:
    vectors, values = cut_of(np.repeat([0, 1, 2], 12).reshape(6, 6), rng)
    np.testing.assert_array_equal(figure_map(vectors, values, (6, 6)), figure_map(vectors, values, (6, 6)))
    with pytest.raises(InputError, match="do not fit a grid of 5 × 6"):
        figure_map(vectors, values, (5, 6))
