"""Which images become nodes: all that are complete, or those that are named; what is missing is a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from alignedcut_viewer.errors import InputError, StudyError
from alignedcut_viewer.study.node_choice import chosen_images

pytestmark = pytest.mark.quick

COMPLETE = np.array([True, False, True, False])
SKIPPED = {3: "it is empty"}


def test_all_complete_images_or_those_that_are_named() -> None:
    assert chosen_images(None, COMPLETE, SKIPPED) == [0, 2]
    assert chosen_images(np.array([2, 0]), COMPLETE, SKIPPED) == [2, 0]


@pytest.mark.parametrize("image", [-1, 4])
def test_an_image_that_is_not_there(image: int) -> None:
    with pytest.raises(InputError, match=f"There is no image {image}; the study holds 4, counted from 0."):
        chosen_images([0, image], COMPLETE, SKIPPED)


def test_an_image_without_features() -> None:
    with pytest.raises(StudyError, match="The features of image 1 are not complete"):
        chosen_images([0, 1], COMPLETE, SKIPPED)
    with pytest.raises(StudyError, match="Image 3 is skipped: it is empty"):
        chosen_images([3], COMPLETE, SKIPPED)
    for images in (None, []):
        with pytest.raises(StudyError, match="No picture has features at all the layers"):
            chosen_images(images, np.zeros(4, dtype=bool), {})
