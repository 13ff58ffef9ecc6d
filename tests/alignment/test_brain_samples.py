"""What does not fit together is refused before anything is trained, with the slot and the numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alignedcut_viewer.alignment.brain_samples import BrainSamples
from alignedcut_viewer.brain.dataset import SubjectPart
from alignedcut_viewer.errors import InputError
from alignedcut_viewer.nodes import Slot

pytestmark = pytest.mark.quick

ONE, TWO = Slot("net", 0), Slot("net", 1)


@pytest.fixture
def samples(rng: np.random.Generator) -> BrainSamples:
    """Two slots of ten pictures, six voxels, eight nodes."""
    return BrainSamples(
        {slot: rng.random((10, width), np.float32) for slot, width in ((ONE, 4), (TWO, 3))},
        {slot: rng.random((8, width), np.float32) for slot, width in ((ONE, 4), (TWO, 3))},
        rng.random((10, 6), np.float32),
    )


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pooled": {}, "nodes": {}}, "needs the features of at least one slot"),
        ({"nodes": {ONE: ones(8, 4)}}, r"they differ in .*net.*1"),
        ({"nodes": {TWO: ones(8, 3), ONE: ones(8, 4)}}, "they differ in their order"),
        ({"responses": ones(10)}, r"pictures × voxels; their shape is \(10,\)"),
        ({"responses": ones(9, 6)}, r"have shape \(10, 4\); there are responses to 9 pictures"),
        ({"nodes": {ONE: ones(8, 4), TWO: ones(8, 4)}}, r"have shape \(8, 4\); they need 3 channels"),
        ({"nodes": {ONE: ones(0, 4), TWO: ones(8, 3)}}, r"have shape \(0, 4\)"),
        ({"nodes": {ONE: ones(8, 4), TWO: ones(7, 3)}, "corresponding": True}, "equally many in all slots"),
        ({"pictures": np.arange(9)}, "responses to 10 pictures, but 9 picture numbers"),
        ({"node_pictures": np.arange(7)}, "has 8 nodes, but there are 7 picture numbers of nodes"),
        (
            {"subjects": (SubjectPart("ann", np.arange(5), np.arange(10)),)},
            "Every voxel must be of one of the subjects",
        ),
    ],
)
def test_parts_that_do_not_fit_are_named(samples: BrainSamples, changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(samples, **changes)  # type: ignore[arg-type]


def test_too_few_pictures_are_refused(samples: BrainSamples) -> None:
    with pytest.raises(InputError, match="needs more than 2 pictures"):
        replace(samples, pictures=np.repeat([0, 1], 5)).split(0.2, 0)
    few = (
        SubjectPart("ann", np.arange(3), np.arange(10)),
        SubjectPart("bob", np.arange(3, 6), np.arange(3)),
    )
    with pytest.raises(InputError, match="bob saw too few of the pictures"):
        replace(samples, subjects=few).split(0.2, 0)


def test_nodes_of_pictures_that_are_held_out_are_left_out(samples: BrainSamples) -> None:
    pictures = np.repeat([0, 1, 2, 3], 2)
    known = replace(samples, node_pictures=pictures)
    own = known.trained_on(np.array([0, 2]))
    assert own.node_pictures is not None
    assert own.node_pictures.tolist() == [0, 0, 2, 2]
    np.testing.assert_array_equal(own.nodes[ONE][np.arange(4)], samples.nodes[ONE][[0, 1, 4, 5]])
    assert known.trained_on(np.arange(10)) is known  # all of them
    assert samples.trained_on(np.array([0])) is samples  # nobody knows whose they are
    with pytest.raises(InputError, match="None of the nodes is of a picture that is trained on"):
        known.trained_on(np.array([9]))
