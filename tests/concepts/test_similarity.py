"""Similarity in chunks against scikit-learn, and retrieval over pictures by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity as reference

from alignedcut_viewer.concepts import best_per_image, cosine_similarity, feature_norms, top_nodes
from alignedcut_viewer.errors import Cancelled, FeatureError, InputError
from alignedcut_viewer.nodes import NetworkNodes, NodeIndex

pytestmark = pytest.mark.quick


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.integers(1, 40), st.integers(1, 5), st.integers(1, 120))
def test_agrees_with_scikit_learn_whatever_the_chunk(seed: int, n: int, d: int, k: int, chunk: int) -> None:
    rng = np.random.default_rng(seed)
    features, query = rng.standard_normal((n, d)).astype(np.float32), rng.standard_normal((k, d)).astype(np.float32)
    wanted = reference(features, query)
    np.testing.assert_allclose(cosine_similarity(features, query[0], chunk=chunk), wanted[:, 0], atol=2e-6)
    np.testing.assert_allclose(cosine_similarity(features, query, chunk=chunk), wanted.mean(axis=1), atol=2e-6)
    np.testing.assert_allclose(
        cosine_similarity(features, query, reduce="max", chunk=chunk), wanted.max(axis=1), atol=2e-6
    )
    every = cosine_similarity(features, query, reduce=None, norms=feature_norms(features), chunk=chunk)
    np.testing.assert_allclose(every, wanted, atol=2e-6)


def test_memory_maps_half_precision_and_vectors_without_length(tmp_path: Path, rng: np.random.Generator) -> None:
    features = rng.standard_normal((50, 8)).astype(np.float16)
    features[7] = 0
    mapped = np.memmap(tmp_path / "f", np.float16, "w+", shape=features.shape)
    mapped[:] = features
    values = cosine_similarity(mapped, features[3], chunk=9)
    assert values.dtype == np.float32
    assert values.argmax() == 3
    assert values[3] == pytest.approx(1, abs=1e-6)
    assert values[7] == 0
    assert (cosine_similarity(features, np.zeros(8)) == 0).all()


def test_what_does_not_fit_is_said() -> None:
    features = np.ones((4, 3), np.float32)
    with pytest.raises(FeatureError, match="3 channels"):
        cosine_similarity(features, np.ones(4))
    with pytest.raises(FeatureError, match="NaN"):
        cosine_similarity(features, np.full(3, np.nan))
    with pytest.raises(FeatureError, match="norms"):
        cosine_similarity(features, np.ones(3), norms=np.ones(3))
    with pytest.raises(InputError, match="chunk"):
        cosine_similarity(features, np.ones(3), chunk=0)
    with pytest.raises(InputError, match="reduction"):
        cosine_similarity(features, np.ones(3), reduce="min")  # type: ignore[arg-type]


def test_it_can_be_cancelled() -> None:
    seen: list[int] = []

    def stop(done: int, total: int, text: str) -> None:
        seen.append(done)
        if done >= 20:
            raise Cancelled

    with pytest.raises(Cancelled):
        cosine_similarity(np.ones((100, 2)), np.ones(2), chunk=10, progress=stop)
    assert seen == [10, 20]


def test_top_nodes_descend_and_ties_go_by_number() -> None:
    values = np.array([0.1, 0.9, 0.5, 0.9, 0.5, 0.5], np.float32)
    nodes, found = top_nodes(values, 4)
    assert nodes.tolist() == [1, 3, 2, 4]
    np.testing.assert_allclose(found, [0.9, 0.9, 0.5, 0.5])
    assert top_nodes(values, 2, among=[5, 0, 4])[0].tolist() == [4, 5]
    assert top_nodes(values, 99)[0].tolist() == [1, 3, 2, 4, 5, 0]


def test_best_per_image_names_one_place_a_picture() -> None:
    index = NodeIndex([NetworkNodes("a", (0, 3), 2, 2, True), NetworkNodes("b", (3,), 1, 2, False)], [4, 8, 9])
    values = np.zeros(len(index), np.float32)
    values[index.node("a", 3, 8, row=1, column=0)] = 0.8
    values[index.node("a", 0, 8, row=0, column=0)] = 0.6
    values[index.node("b", 3, 9, row=0, column=1)] = 0.7
    values[index.class_token_node("a", 0, 4)] = 0.99
    found = best_per_image(values, index)
    assert found.images.tolist() == [8, 9, 4]
    np.testing.assert_allclose(found.similarity, [0.8, 0.7, 0])
    assert found.nodes.tolist() == [
        index.node("a", 3, 8, row=1, column=0),
        index.node("b", 3, 9, row=0, column=1),
        index.node("a", 0, 4, row=0, column=0),
    ]
    assert best_per_image(values, index, 1, layers=(0,)).nodes.tolist() == [index.node("a", 0, 8, row=0, column=0)]
    assert best_per_image(values, index, 1, patches_only=False).images.tolist() == [4]
    with pytest.raises(InputError, match="No node"):
        best_per_image(values, index, networks=("c",))
