"""Prompts as they are drawn: what they say of pictures, and their past."""

import numpy as np
import pytest

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.segmentation.prompts import prompted_tokens
from alignedcut_viewer.viewer.state.prompt_marks import PromptMark, PromptMarks

pytestmark = pytest.mark.quick

SIZE = (80, 160)
GRID = (4, 8)


def tokens(marks, image=0):
    return [part.tolist() for part in prompted_tokens(marks.of_picture(image, SIZE), SIZE, GRID)]


@pytest.fixture
def marks():
    return PromptMarks()


def test_points_of_either_sign(marks):
    marks.add(PromptMark(0, "point", ((0.1, 0.1),)))
    marks.add(PromptMark(0, "point", ((0.9, 0.9),), inside=False))
    marks.add(PromptMark(3, "point", ((0.6, 0.1),)))
    assert tokens(marks) == [[0], [31]]
    assert tokens(marks, 3) == [[16], []]
    assert marks.images == (0, 3)


def test_a_box_is_the_thing_in_its_middle_and_one_of_the_other_sign_is_all_outside(marks):
    marks.add(PromptMark(0, "box", ((0.75, 0.75), (0.25, 0.25))))
    inside, outside = tokens(marks)
    assert inside
    assert set(inside) <= {10, 11, 12, 13, 18, 19, 20, 21}
    assert outside
    marks.clear()
    marks.add(PromptMark(0, "point", ((0.9, 0.9),)))
    marks.add(PromptMark(0, "box", ((-0.2, -0.1), (0.24, 0.49)), inside=False))
    assert tokens(marks) == [[31], [0, 1, 2, 3]]


def test_a_box_without_area_says_nothing(marks):
    marks.add(PromptMark(0, "box", ((0.5, 0.5), (0.5, 0.5))))
    assert tokens(marks) == [[], []]


def test_scribbles_run_through_what_they_run_through(marks):
    marks.add(PromptMark(0, "scribble", ((0.1, 0.05), (0.1, 0.95))))
    marks.add(PromptMark(0, "scribble", ((0.9, 0.05),), inside=False))
    assert tokens(marks) == [[0, 1, 2, 3, 4, 5, 6, 7], [24]]


def test_painted_labels_of_another_resolution(marks):
    painted = np.zeros((8, 16), dtype=np.int32)
    painted[:2, :4] = 1
    painted[-2:, -2:] = 2
    marks.add(PromptMark.of_labels(0, painted))
    assert tokens(marks) == [[0, 1], [31]]
    with pytest.raises(InputError, match="found 7"):
        PromptMark.of_labels(0, np.full((4, 4), 7))
    with pytest.raises(InputError, match="Nothing is painted"):
        PromptMark.of_labels(0, np.zeros((4, 4), dtype=int))
    with pytest.raises(InputError, match="Unknown prompt"):
        PromptMark(0, "circle")


def test_steps_are_undone_and_what_is_being_drawn_is_none(marks):
    told, steps = [], []
    marks.changed.connect(lambda: told.append(len(marks)))
    marks.stepped.connect(lambda: steps.append(len(marks)))
    one, drawn = PromptMark(0, "point", ((0.1, 0.1),)), PromptMark(0, "scribble", ((0.5, 0.5), (0.5, 0.6)))
    marks.add(one)
    marks.sketch(drawn)
    assert marks.is_sketching
    assert marks.marks == (one, drawn)
    marks.add(drawn)
    assert not marks.is_sketching
    marks.clear()
    assert (told, steps) == ([1, 2, 2, 0], [1, 2, 0])
    assert marks.undo()
    assert marks.marks == (one, drawn)
    assert marks.undo()
    assert marks.redo()
    assert marks.marks == (one, drawn)
    marks.forget()
    assert not marks.undo()
    assert not marks.redo()
