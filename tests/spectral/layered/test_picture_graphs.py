"""Graphs inside a picture: known answers, heads, and rows without an edge."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from alignedcut_viewer.errors import FeatureError, InputError
from alignedcut_viewer.spectral import AttentionMaps, GraphSettings, LayerTokens, pathway_layers
from alignedcut_viewer.spectral.layered.picture_graphs import normalised, picture_affinities, walk_and_operator

pytestmark = pytest.mark.quick
CPU = torch.device("cpu")
ALL = slice(0, 2)


def tokens(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_softmax_is_the_attention_of_torch() -> None:
    q, k, v = (tokens(i, 2, 13, 12) for i in range(3))
    layer = LayerTokens(q, 3, 4, k, heads=3, leading=1)
    settings = GraphSettings(affinity="softmax", heads="apart", leading_tokens=True)
    found = picture_affinities(layer, ALL, settings, CPU)
    apart = [torch.from_numpy(side).reshape(2, 13, 3, 4).transpose(1, 2) for side in (q, k, v)]
    # attention's output with unit values reads its probabilities off
    unit = torch.eye(13).expand(2, 3, 13, 13)
    expected = torch.nn.functional.scaled_dot_product_attention(apart[0], apart[1], unit)[..., 1:, 1:]
    torch.testing.assert_close(found, expected)
    joined = picture_affinities(layer, ALL, GraphSettings(affinity="softmax", leading_tokens=True), CPU)
    torch.testing.assert_close(joined[:, 0], expected.mean(dim=1))
    # without the class token, as in the paper, rows sum to one again
    paper = picture_affinities(layer, ALL, GraphSettings(affinity="softmax"), CPU)
    torch.testing.assert_close(paper.sum(-1), torch.ones(2, 1, 12))


def test_attention_maps_give_the_graph_that_softmax_of_queries_and_keys_gives() -> None:
    q, k = tokens(0, 2, 13, 12), tokens(1, 2, 13, 12)
    settings = GraphSettings(affinity="softmax", heads="apart", leading_tokens=True)
    apart = [torch.from_numpy(side).reshape(2, 13, 3, 4).transpose(1, 2) for side in (q, k)]
    maps = AttentionMaps(torch.softmax(apart[0] @ apart[1].transpose(-1, -2) / 2, dim=-1).numpy(), 3, 4, leading=1)
    from_sides = walk_and_operator(LayerTokens(q, 3, 4, k, heads=3, leading=1), ALL, settings, CPU)
    torch.testing.assert_close(walk_and_operator(maps, ALL, settings, CPU), from_sides)


def test_cosine_keeps_the_nearest_above_the_threshold_and_is_symmetric() -> None:
    v = tokens(3, 2, 20, 8)
    layer = LayerTokens(v, 4, 5, heads=2)
    found = picture_affinities(layer, ALL, GraphSettings(n_inside=3, threshold=0.2), CPU)[:, 0].numpy()
    unit = v / np.linalg.norm(v, axis=-1, keepdims=True)
    for picture in range(2):
        cosine = unit[picture] @ unit[picture].T
        kept = np.where(cosine >= 0.2, cosine, 0)
        directed = np.zeros_like(kept)
        for row in range(20):
            nearest = np.argsort(-kept[row])[:4]
            directed[row, nearest] = kept[row, nearest]
        np.testing.assert_allclose(found[picture], (directed + directed.T) / 2, atol=1e-6)


def test_the_kernel_is_that_of_the_normalised_cut() -> None:
    v = tokens(4, 2, 20, 8)
    unit = v / np.linalg.norm(v, axis=-1, keepdims=True)
    found = picture_affinities(LayerTokens(v, 4, 5), ALL, GraphSettings(affinity="kernel", gamma=0.3), CPU)[:, 0]
    np.testing.assert_allclose(found, np.exp((unit @ unit.transpose(0, 2, 1) - 1) / 0.3), atol=1e-5)


def test_rows_without_an_edge_stay_zero_and_nothing_is_infinite() -> None:
    affinity = torch.zeros(1, 4, 4)
    affinity[0, 1, 2] = affinity[0, 2, 1] = 1.0
    for how in ("symmetric", "row-stochastic"):
        matrix = normalised(affinity, how)
        assert torch.isfinite(matrix).all()
        assert matrix[0, 0].abs().sum() == 0
        assert matrix[0, 1, 2] == 1
    silent = LayerTokens(np.zeros((2, 20, 8), np.float32), 4, 5)
    for step in walk_and_operator(silent, ALL, GraphSettings(n_inside=3), CPU):
        assert torch.isfinite(step).all()


def test_walks_are_row_stochastic_and_operators_symmetric() -> None:
    layer = LayerTokens(tokens(5, 2, 20, 8), 4, 5, tokens(6, 2, 20, 8), heads=2)
    for affinity in ("cosine", "kernel", "softmax"):
        for heads in ("joined", "apart"):
            for normalisation in ("symmetric", "row-stochastic"):
                settings = GraphSettings(affinity, heads, normalisation, n_inside=7, threshold=0.0)
                walk, operator = walk_and_operator(layer, ALL, settings, CPU)
                assert walk.shape == operator.shape == (2, 2 if heads == "apart" else 1, 20, 20)
                torch.testing.assert_close(walk.sum(-1), torch.ones(walk.shape[:-1]))
                torch.testing.assert_close(operator, operator.transpose(-1, -2))
                if normalisation == "symmetric":
                    assert torch.linalg.eigvalsh(operator).max() < 1 + 1e-5


def test_pathways_name_what_is_compared() -> None:
    taps = [{tap: tokens(i, 2, 20, 8) for i, tap in enumerate("qkv")}]
    (where,) = pathway_layers("where", taps, [(4, 5)])
    assert where.left is taps[0]["q"]
    assert where.right is taps[0]["k"]
    (what,) = pathway_layers("what", taps, [(4, 5)])
    assert what.left is taps[0]["v"]
    assert what.symmetric
    with pytest.raises(InputError, match="needs the tap 'k', which block 3 lacks"):
        pathway_layers("key-key", [{"q": taps[0]["q"]}], [(4, 5)], names=["block 3"])
    with pytest.raises(InputError, match="Unknown pathway 'who'"):
        pathway_layers("who", taps, [(4, 5)])


def test_what_does_not_fit_is_said_in_a_sentence() -> None:
    v = tokens(0, 2, 20, 8)
    with pytest.raises(InputError, match="cannot have 50 neighbours inside its picture: layer 3 has a 4 × 5 grid"):
        picture_affinities(LayerTokens(v, 4, 5, name="layer 3"), ALL, GraphSettings(n_inside=50), CPU)
    with pytest.raises(FeatureError, match="20 tokens a picture where its 4 × 4 grid"):
        LayerTokens(v, 4, 4)
    with pytest.raises(InputError, match="8 channels of layer do not divide into 3 heads"):
        LayerTokens(v, 4, 5, heads=3)
    with pytest.raises(FeatureError, match="one shape"):
        LayerTokens(v, 4, 5, v[:1])
    broken = v.copy()
    broken[1, 3, 2] = np.nan
    with pytest.raises(FeatureError, match="NaN or infinite"):
        picture_affinities(LayerTokens(broken, 4, 5), ALL, GraphSettings(n_inside=3), CPU)
    with pytest.raises(FeatureError, match="negative"):
        picture_affinities(AttentionMaps(-np.ones((2, 1, 20, 20)), 4, 5), ALL, GraphSettings(), CPU)
    for wrong in ({"affinity": "dot"}, {"heads": "both"}, {"gamma": 0.0}, {"n_inside": 0}, {"threshold": 1.0}):
        with pytest.raises(InputError):
            GraphSettings(**wrong)  # type: ignore[arg-type]
