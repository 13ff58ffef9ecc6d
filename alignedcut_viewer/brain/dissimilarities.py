"""Representational dissimilarities: how differently a region, or a layer, responds to each pair of pictures.

Kriegeskorte et al. 2008 showed 92 object pictures to people and monkeys; :func:`open_dissimilarities` reads such
measured matrices, the other functions compare features with them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..foreign_files import reading_foreign
from .dataset import PictureTable

__all__ = [
    "DissimilarityData",
    "compare_dissimilarities",
    "dissimilarity",
    "leave_one_out_agreement",
    "open_dissimilarities",
]


@dataclass(frozen=True, eq=False)
class DissimilarityData:
    """Measured dissimilarities of some pictures.

    Attributes
    ----------
    pictures
        What was seen.
    matrices
        Region name to (n_people, n_pictures, n_pictures), 1 - Pearson correlation of the response patterns.
    stimuli
        What is known about each picture (category and flags), one dictionary a picture.
    source
        The file that was read.
    """

    pictures: PictureTable
    matrices: dict[str, NDArray[np.float64]]
    stimuli: tuple[dict[str, Any], ...]
    source: str

    def mean(self, region: str) -> NDArray[np.float64]:
        """Dissimilarities averaged over people, (n_pictures, n_pictures)."""
        if region not in self.matrices:
            raise InputError(f"{self.source}: there is no region {region!r}; there are {', '.join(self.matrices)}.")
        mean: NDArray[np.float64] = self.matrices[region].mean(axis=0)
        return mean


def open_dissimilarities(folder: str | Path) -> DissimilarityData:
    """Read a folder with ``images``, ``rdms.npz`` and, optionally, ``stimuli.json``.

    Matrices with more than one leading axis (people × sessions) are averaged over all but the first.

    Raises
    ------
    InputError
        If a file is missing or damaged, or the matrices do not fit the pictures.
    """
    root = Path(folder)
    file = root / "rdms.npz"
    try:
        with np.load(file, allow_pickle=False) as archive:
            content = {key: np.asarray(archive[key], dtype=np.float64) for key in archive.files}
    except Exception as error:  # damaged archives raise many things
        raise InputError(f"{file}: this is not a readable .npz file of dissimilarities ({error}).") from None
    paths = sorted((root / "images").glob("*.*"))
    matrices = {}
    for name, values in content.items():
        if values.ndim < 2 or values.shape[-1] != values.shape[-2] or values.shape[-1] != len(paths):
            raise InputError(
                f"{file}: {name} has shape {values.shape}, which does not fit the {len(paths)} pictures in "
                f"{root / 'images'}."
            )
        people = values.reshape(1, *values.shape) if values.ndim == 2 else values
        matrices[name] = people.reshape(people.shape[0], -1, *values.shape[-2:]).mean(axis=1)
    stimuli: tuple[dict[str, Any], ...] = ()
    if (root / "stimuli.json").is_file():
        with reading_foreign(root / "stimuli.json", "a list of stimuli"):
            stimuli = tuple(json.loads((root / "stimuli.json").read_text(encoding="utf-8")))
    return DissimilarityData(PictureTable.from_paths(paths), matrices, stimuli, str(file))


def dissimilarity(
    features: ArrayLike, metric: Literal["correlation", "cosine", "euclidean"] = "correlation"
) -> NDArray[np.float64]:
    """Dissimilarity of each pair of rows.

    Parameters
    ----------
    features
        (n_pictures, n_features).
    metric
        1 - Pearson correlation of two rows, 1 - cosine, or the Euclidean distance.

    Returns
    -------
    ndarray
        (n_pictures, n_pictures), symmetric, zero on the diagonal.

    Raises
    ------
    InputError
        If a value is NaN or infinite, or a row has no direction (constant, or zero) under the metric.
    """
    rows: NDArray[np.float64] = np.asarray(features, dtype=np.float64)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise InputError("Dissimilarities need finite features of shape (pictures, features).")
    if metric == "euclidean":
        squared = (rows**2).sum(axis=1)
        distances = np.sqrt(np.maximum(squared[:, None] + squared[None] - 2 * rows @ rows.T, 0))
    else:
        if metric == "correlation":
            rows = rows - rows.mean(axis=1, keepdims=True)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if (lengths == 0).any():
            raise InputError(f"Picture {int(np.argmin(lengths))} has constant features, which correlate with nothing.")
        rows = rows / lengths
        distances = 1 - rows @ rows.T
    np.fill_diagonal(distances, 0)
    result: NDArray[np.float64] = (distances + distances.T) / 2
    return result


def compare_dissimilarities(
    first: ArrayLike, second: ArrayLike, method: Literal["spearman", "pearson"] = "spearman"
) -> float:
    """Correlation of two dissimilarity matrices over all pairs of pictures (upper triangle).

    Raises
    ------
    InputError
        If they differ in shape.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 2 or a.shape[0] != a.shape[1] or len(a) < 3:
        raise InputError(f"Dissimilarities to compare must be square and equally large; got {a.shape} and {b.shape}.")
    pairs = np.triu_indices(len(a), 1)
    x, y = a[pairs], b[pairs]
    if method == "spearman":
        from scipy.stats import rankdata

        x, y = rankdata(x), rankdata(y)
    return float(np.corrcoef(x, y)[0, 1])


def leave_one_out_agreement(
    matrices: ArrayLike, method: Literal["spearman", "pearson"] = "spearman"
) -> NDArray[np.float64]:
    """How well each person's dissimilarities agree with the mean of the others: what a model can be held to.

    Parameters
    ----------
    matrices
        (n_people, n_pictures, n_pictures), at least two people.
    method
        Correlation to use.

    Returns
    -------
    ndarray
        (n_people,) correlations.
    """
    people = np.asarray(matrices, dtype=np.float64)
    if people.ndim != 3 or len(people) < 2:
        raise InputError("Agreement between people needs the matrices of at least two.")
    total = people.sum(axis=0)
    return np.array([compare_dissimilarities(one, (total - one) / (len(people) - 1), method) for one in people])
