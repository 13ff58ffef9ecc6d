"""Colours of a cut that is computed again stay with the tokens that both have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.nodes import NetworkNodes, NodeIndex
from alignedcut_viewer.pipeline.colour_keeping import turn_onto_earlier
from alignedcut_viewer.spectral import rgb
from alignedcut_viewer.study import Study

pytestmark = pytest.mark.quick


def saved(study: Study, name: str, group: str, layers: tuple[int, ...], embedding: NDArray[np.float32]) -> None:
    index = NodeIndex([NetworkNodes("a", layers, 12, 12, False)], 1)
    assert len(index) == len(embedding)
    attributes = {"recipe": {"pictures": ""}, "index": index.as_dict(), "alignment": None}
    with study.store.building(f"cuts/{group}", attributes):
        study.store.save_array(f"cuts/{group}/eigenvectors", embedding)
    with study.store.building(f"cuts/{group}/colour-a", {"recipe": {}}):
        study.store.save_array(f"cuts/{group}/colour-a/embedding", embedding)
        study.store.save_array(f"cuts/{group}/colour-a/rgb", rgb(embedding))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    return Study.create(tmp_path / "study", open_pictures(tmp_path / "a.png"))


def test_a_turned_and_grown_embedding_gets_its_old_colours(study: Study) -> None:
    rng = np.random.default_rng(0)
    before = (rng.standard_normal((288, 3)) * [5, 3, 2]).astype(np.float32)
    saved(study, "default", "cut-1", (0, 1), before)
    study.publish_cut("default", "cut-1", "colour-a")
    mirror = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    grown = np.concatenate([before @ mirror * 1.3 + 7, rng.standard_normal((144, 3))]).astype(np.float32)
    saved(study, "second", "cut-2", (0, 1, 2), grown)
    turned, turn = turn_onto_earlier(study, "default", "cut-2", "colour-a", grown)
    assert turn is not None
    assert turn.shared == 288
    assert turn.unexplained < 1e-5
    assert turn.onto == study.cut().identity
    np.testing.assert_allclose(turn.matrix @ turn.matrix.T, np.eye(3), atol=1e-9)
    centred = before - before.mean(axis=0)
    np.testing.assert_allclose(turned[:288] - turned[:288].mean(axis=0), 1.3 * centred, atol=1e-3)
    apart = np.abs(rgb(turned)[:288].astype(int) - rgb(before)).mean()
    without = np.abs(rgb(grown)[:288].astype(int) - rgb(before)).mean()
    assert apart < 0.4 * without, "the colours of 8 bits, whose ends move a little with the new tokens"


def test_nothing_turns_where_nothing_is_shared(study: Study) -> None:
    rng = np.random.default_rng(0)
    first, other = (rng.standard_normal((144, 3)).astype(np.float32) for _ in range(2))
    saved(study, "default", "cut-1", (0,), first)
    assert turn_onto_earlier(study, "default", "cut-1", "colour-a", first) == (first, None), "there is no earlier cut"
    study.publish_cut("default", "cut-1", "colour-a")
    saved(study, "other", "cut-2", (1,), other)
    kept, turn = turn_onto_earlier(study, "default", "cut-2", "colour-a", other)
    assert kept is other
    assert turn is None
    saved(study, "same", "cut-3", (0,), other)
    kept, turn = turn_onto_earlier(study, "default", "cut-3", "colour-a", other)
    assert kept is other, "the same tokens at places that have nothing to do with one another"
    assert turn is None


def test_colours_that_are_repaired_are_turned_as_before(study: Study) -> None:
    rng = np.random.default_rng(0)
    before = (rng.standard_normal((144, 3)) * [5, 3, 2]).astype(np.float32)
    saved(study, "default", "cut-1", (0,), before)
    study.publish_cut("default", "cut-1", "colour-a")
    raw = (before @ np.linalg.qr(rng.standard_normal((3, 3)))[0]).astype(np.float32)
    saved(study, "default", "cut-2", (0,), raw)
    turned, turn = turn_onto_earlier(study, "default", "cut-2", "colour-b", raw)
    assert turn is not None
    with study.store.building("cuts/cut-2/colour-b", {"recipe": {"turned": turn.as_dict()}}):
        study.store.save_array("cuts/cut-2/colour-b/embedding", turned)
        study.store.save_array("cuts/cut-2/colour-b/rgb", rgb(turned))
    study.publish_cut("default", "cut-2", "colour-b")
    again, same = turn_onto_earlier(study, "default", "cut-2", "colour-b", raw)
    np.testing.assert_array_equal(again, turned)
    assert same is not None
    np.testing.assert_array_equal(same.matrix, turn.matrix)
