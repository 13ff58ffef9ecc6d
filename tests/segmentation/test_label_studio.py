"""Tasks of Label Studio as others write them: what is read, in which order, and what is refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.segmentation.label_studio import decode_brush, encode_brush, masks_of_task

pytestmark = pytest.mark.quick

MASK = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]], dtype=bool)


def brush(mask: np.ndarray = MASK, label: str = "dog", **more: Any) -> dict[str, Any]:
    return {
        "type": "brushlabels",
        "original_width": mask.shape[1],
        "original_height": mask.shape[0],
        "value": {"format": "rle", "rle": encode_brush(mask), "brushlabels": [label]},
        **more,
    }


def task(*results: dict[str, Any], kind: str = "annotations", **more: Any) -> dict[str, Any]:
    return {"data": {"image": "/data/upload\\1/cat.png"}, kind: [{"result": list(results)}], **more}


def test_what_a_person_drew_goes_before_what_a_program_proposed() -> None:
    proposed = [{"result": [brush(~MASK, "cat", score=0.5)]}]
    name, size, found = masks_of_task(task(brush(), predictions=proposed))
    assert (name, size) == ("cat.png", MASK.shape)
    assert [label for label, _, _ in found] == ["dog"]
    np.testing.assert_array_equal(found[0][1], MASK)
    assert np.isnan(found[0][2])
    # A task that a person opened and left without a shape.
    (only,) = masks_of_task({**task(), "predictions": proposed})[2]
    assert (only[0], only[2]) == ("cat", 0.5)
    np.testing.assert_array_equal(only[1], ~MASK)
    assert masks_of_task(task(kind="nothing"))[2] == []


def test_other_shapes_are_left_out_and_polygons_are_in_percent() -> None:
    corners = [[0, 0], [50, 0], [50, 100], [0, 100]]
    polygon = {
        "type": "polygonlabels",
        "original_width": 4,
        "original_height": 2,
        "value": {"points": corners, "polygonlabels": ["left half"]},
    }
    ((label, mask, _),) = masks_of_task(task({"type": "choices", "value": {}}, polygon))[2]
    assert label == "left half"
    assert mask.tolist() == [[True, True, False, False]] * 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"data": {}}, "names no picture"),
        ({"data": "cat.png"}, "names no picture"),
        (task({**brush(), "original_width": 5}), "cat.png: A mask of 12 pixels does not fit its picture of 5 × 3"),
        (task({**brush(), "value": {"brushlabels": ["dog"]}}), "cat.png: a brushlabels of Label Studio lacks 'rle'"),
        (task({**brush(), "value": {"rle": [1, 2], "brushlabels": ["dog"]}}), "cat.png: .* or it is cut off"),
        (task({**brush(), "value": {"rle": ["x"], "brushlabels": ["dog"]}}), "cat.png: .* or it is cut off"),
        (task(brush(score="high")), "cat.png: a brushlabels of Label Studio has the score 'high', which is no number"),
    ],
)
def test_what_does_not_fit_is_named_with_its_picture(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        masks_of_task(given)


@pytest.mark.parametrize("kept", [8, 12])
def test_a_code_that_is_cut_off_is_refused(kept: int) -> None:
    code = encode_brush(MASK)
    assert len(code) > kept
    with pytest.raises(InputError, match="cut off"):
        decode_brush(code[:kept], (3, 4))


def test_an_empty_mask_has_no_code() -> None:
    with pytest.raises(InputError, match="An empty mask"):
        encode_brush(np.zeros((0, 4), bool))
