"""Brain activation of joint cuts: that of an AlignedCut's features at the same places, and the mean of all layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import pipeline
from alignedcut_viewer.brain.centring import Centring
from alignedcut_viewer.errors import AlignmentError
from alignedcut_viewer.pipeline import ColourSettings, ExtractSettings, LayeredSettings, MapSettings
from alignedcut_viewer.study import Study
from tests.pipeline.test_activation_stage import N_VOXELS, NETWORK, alignment, cut_with

LAYERS, IMAGES = (0, 2), (0, 1, 3, 5)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with a joint cut of values, and features that an alignment can map."""
    root = tmp_path_factory.mktemp("joint")
    (root / "pictures").mkdir()
    for i in range(6):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((32, 32)).save(root / "pictures" / f"{i}.png")
    study, _ = pipeline.open_study(root / "study", root / "pictures")
    settings = LayeredSettings(
        n_components=3,
        n_inside=2,
        n_across=3,
        layers=LAYERS,
        images=IMAGES,
        device="cpu",
        colour=ColourSettings(perplexity=4, n_landmarks=20, device="cpu"),
        map=MapSettings(perplexity=4, n_landmarks=20, device="cpu"),
    )
    with study:
        for tap in (("attention",), ("v",)):
            pipeline.extract(study, ExtractSettings((NETWORK,), LAYERS, tap=tap, input_size=32, device="cpu"))
        pipeline.layered_cut(study, settings, "what")
    return root / "study"


def test_nodes_take_what_the_aligned_features_at_their_places_do(path: Path) -> None:
    with Study.open(path, writable=True) as study:
        with pytest.raises(AlignmentError, match=r"joint cut 'what' of .* has no way to the brain"):
            pipeline.brain_activation(study, "what")
        cut_with(study, alignment(), images=IMAGES)
    with Study.open(path) as reading:
        in_memory = pipeline.brain_activation(reading, "what")
    with Study.open(path, writable=True) as study:
        found = pipeline.brain_activation(study, "what")
        index, guide = found.index, pipeline.brain_activation(study, "default")
        joint, layers = (network.name for network in index.networks)
        (theirs_name,) = (network.name for network in guide.index.networks)
        n = index.grid(joint, 0).n_tokens * len(IMAGES)
        np.testing.assert_allclose(in_memory.table, found.table, atol=1e-6)
        assert found.names == guide.names
        assert found.simulated
        abouts: tuple[Centring, ...] = ("zero", "layer")
        for about in abouts:
            theirs = [
                guide.rows(np.arange(len(guide))[guide.index.slot_slice(theirs_name, layer)], about=about)
                for layer in LAYERS
            ]
            for layer, rows in zip(LAYERS, theirs, strict=True):
                own = np.arange(len(found))[index.slot_slice(layers, layer)]
                np.testing.assert_allclose(found.rows(own, about=about), rows, atol=5e-3)
            np.testing.assert_allclose(found.rows(np.arange(n), about=about), np.mean(theirs, axis=0), atol=5e-3)
        # voxels of some nodes of the joint solution and of one layer
        chosen = np.array([1, 3, n + 2])
        at = guide.index.slot_slice(theirs_name, 0).start, guide.index.slot_slice(theirs_name, 2).start
        same = [[at[0] + 1, at[1] + 1], [at[0] + 3, at[1] + 3], [at[0] + 2]]
        expected = np.mean([np.mean([guide.voxels([node]) for node in nodes], axis=0) for nodes in same], axis=0)
        assert expected.shape == (N_VOXELS,)
        np.testing.assert_allclose(found.voxels(chosen), expected, atol=1e-4)
        np.testing.assert_allclose(found.aligned(chosen).mean(axis=0) @ found.beta, expected, atol=1e-4)


def test_through_another_alignment_it_is_computed_anew(path: Path) -> None:
    with Study.open(path, writable=True) as study:
        cut_with(study, alignment(), images=IMAGES)
        before = np.array(pipeline.brain_activation(study, "what").table)
        cut_with(study, alignment(scale=2.0), images=IMAGES)
        after = pipeline.brain_activation(study, "what")
        np.testing.assert_allclose(after.table, 2 * before.astype(np.float32), atol=2e-2)
        assert pipeline.brain_activation(study, "what").table.shape == after.table.shape
