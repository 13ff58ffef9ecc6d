"""How well a cut covers a picture, on features whose kinship is planted."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from alignedcut_viewer.nodes import NetworkNodes, NodeIndex, Slot
from alignedcut_viewer.pipeline.coverage import USUAL, Coverage
from alignedcut_viewer.pipeline.cut_placer import HeldTokens
from alignedcut_viewer.study.node_features import NodeFeatures

pytestmark = pytest.mark.quick
TOKENS, WIDTH = 16, 32


def of_pictures(values: dict[Slot, NDArray[np.float32]]) -> NodeFeatures:
    n = len(next(iter(values.values())))
    index = NodeIndex([NetworkNodes("vit", (0, 1), 4, 4, False)], n)
    return NodeFeatures({slot: HeldTokens(array) for slot, array in values.items()}, {"vit": False}, index)


def like(centres: NDArray[np.float64], n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    tokens = centres[rng.integers(0, len(centres), (n, TOKENS))]
    return (tokens + 0.3 * rng.standard_normal((n, TOKENS, WIDTH))).astype(np.float32)


def test_new_pictures_of_the_same_kind_are_covered_as_the_cut_s_own(rng: np.random.Generator) -> None:
    known = {Slot("vit", layer): rng.standard_normal((6, WIDTH)) for layer in (0, 1)}
    coverage = Coverage(of_pictures({slot: like(centres, 40, rng) for slot, centres in known.items()}))
    new = of_pictures({slot: like(centres, 60, rng) for slot, centres in known.items()})
    shares = coverage.of(new[:], new.index)
    assert len(shares) == 60
    assert np.mean([share for share in shares if share is not None]) == pytest.approx(USUAL, abs=0.03)


def test_what_the_cut_has_never_seen_is_not_covered(rng: np.random.Generator) -> None:
    known = {Slot("vit", layer): rng.standard_normal((6, WIDTH)) for layer in (0, 1)}
    coverage = Coverage(of_pictures({slot: like(centres, 20, rng) for slot, centres in known.items()}))
    strange = rng.standard_normal((6, WIDTH))
    one = Slot("vit", 1)
    new = of_pictures({slot: like(strange if slot == one else centres, 2, rng) for slot, centres in known.items()})
    for share in coverage.of(new[:], new.index):
        assert share == pytest.approx(0.5, abs=0.1)  # of the two layers, one is strange altogether


def test_of_a_single_picture_nobody_can_tell(rng: np.random.Generator) -> None:
    values = {Slot("vit", layer): like(rng.standard_normal((6, WIDTH)), 1, rng) for layer in (0, 1)}
    coverage = Coverage(of_pictures(values))
    again = of_pictures(values)
    assert coverage.of(again[:], again.index) == [None]
