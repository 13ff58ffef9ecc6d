from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

from alignedcut_viewer.brain import (
    compare_dissimilarities,
    dissimilarity,
    leave_one_out_agreement,
    open_brain_data,
    open_dissimilarities,
)
from alignedcut_viewer.errors import InputError


@pytest.mark.quick
@pytest.mark.parametrize("metric", ["correlation", "cosine", "euclidean"])
def test_against_scipy(rng: np.random.Generator, metric: str) -> None:
    features = rng.standard_normal((12, 7))
    assert np.allclose(dissimilarity(features, metric), squareform(pdist(features, metric)), atol=1e-12)  # type: ignore[arg-type]


@pytest.mark.quick
def test_comparison_is_spearman_over_pairs(rng: np.random.Generator) -> None:
    first, second = (dissimilarity(rng.standard_normal((9, 5))) for _ in range(2))
    pairs = np.triu_indices(9, 1)
    assert compare_dissimilarities(first, second) == pytest.approx(spearmanr(first[pairs], second[pairs]).statistic)
    assert compare_dissimilarities(first, np.exp(first)) == pytest.approx(1)


@pytest.mark.quick
def test_faults_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Picture 1 has constant features"):
        dissimilarity([[1, 2, 3], [4, 4, 4], [1, 0, 2]])
    with pytest.raises(InputError, match="finite"):
        dissimilarity([[1, np.nan], [1, 2]])
    with pytest.raises(InputError, match="equally large"):
        compare_dissimilarities(np.zeros((4, 4)), np.zeros((5, 5)))
    with pytest.raises(InputError, match=r"rdms\.npz"):
        open_dissimilarities(tmp_path)


def test_measured_dissimilarities(shared_data: Path) -> None:
    data = open_dissimilarities(shared_data / "brain92")
    assert len(data.pictures) == len(data.stimuli) == 92
    assert data.matrices["IT"].shape == (15, 92, 92)
    assert data.matrices["hIT_kriegeskorte"].shape == (4, 92, 92)
    assert data.matrices["fig1_mIT_674neurons"].shape == (1, 92, 92)
    # the agreement between people that the data's own description gives
    assert leave_one_out_agreement(data.matrices["EVC"]).mean() == pytest.approx(0.24, abs=0.02)
    assert leave_one_out_agreement(data.matrices["IT"]).mean() == pytest.approx(0.45, abs=0.02)
    # the coordinates given as responses reproduce the mean geometry
    responses = open_brain_data(shared_data / "brain92" / "mds_responses.npz").select(rois=["IT"])
    geometry = dissimilarity(responses.read(), "euclidean")
    assert compare_dissimilarities(geometry, data.mean("IT")) > 0.95
