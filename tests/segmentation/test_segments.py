"""The list of segments: what a person does to it, and taking it back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.segmentation import Segmentation, SegmentKey

pytestmark = pytest.mark.quick

FIRST = np.array([[1, 1, 2, 2], [1, 1, 0, 2], [3, 0, 3, 3]])
SECOND = np.array([[2, 2], [1, 1]])


@pytest.fixture
def own() -> Segmentation:
    return Segmentation([4, 7], [FIRST, SECOND], confidence=[{1: 0.5, 2: 1.0}, {1: 0.25}])


@pytest.fixture
def joint() -> Segmentation:
    return Segmentation([4, 7], [FIRST, SECOND], joint=True, confidence=[{1: 0.5}, {1: 0.25}], names={2: "cat"})


def test_each_picture_has_segments_of_its_own(own: Segmentation) -> None:
    assert [segment.key for segment in own.segments] == [
        SegmentKey(1, 4), SegmentKey(2, 4), SegmentKey(3, 4), SegmentKey(1, 7), SegmentKey(2, 7),
    ]  # fmt: skip
    assert [segment.key.number for segment in own.of_image(7)] == [1, 2]
    assert own[SegmentKey(1, 4)].confidence == 0.5
    assert np.isnan(own[SegmentKey(2, 7)].confidence)
    assert own.area(SegmentKey(1, 4)) == pytest.approx(4 / 12)
    assert len({segment.colour for segment in own.of_image(4)}) == 3


def test_one_number_is_one_segment_everywhere(joint: Segmentation) -> None:
    assert [segment.name for segment in joint.segments] == ["segment 1", "cat", "segment 3"]
    # Areas weigh: a third of the first picture at .5, half of the second at .25.
    assert joint[SegmentKey(1)].confidence == pytest.approx((0.5 / 3 + 0.25 / 2) / (1 / 3 + 1 / 2))
    assert joint.area(SegmentKey(2)) == pytest.approx((3 / 12 + 1 / 2) / 2)
    assert joint.names_of(7) == {1: "segment 1", 2: "cat"}
    assert joint.colours_of(4).tolist() == [list(segment.colour) for segment in joint.segments]


def test_many_pictures_are_not_held_as_pixels() -> None:
    maps = [np.full((40, 50), number % 3) for number in range(30)]
    segmentation = Segmentation(range(30), maps, joint=True)
    for image in range(30):
        np.testing.assert_array_equal(segmentation.map_of(image), maps[image])
    segmentation.merge([SegmentKey(1), SegmentKey(2)])
    segmentation.undo()
    segmentation.redo()
    for image in range(30):
        np.testing.assert_array_equal(segmentation.map_of(image), maps[image] > 0)
    assert len(segmentation._recent) < 10


def test_names_colours_and_locks(own: Segmentation) -> None:
    key = SegmentKey(2, 4)
    own.rename(key, " cat ")
    own.recolour(key, (1, 2, 3))
    own.lock(key)
    assert (own[key].name, own[key].colour, own[key].locked) == ("cat", (1, 2, 3), True)
    for change in (lambda: own.delete(key), lambda: own.merge([SegmentKey(1, 4), key]), lambda: own.split(key)):
        with pytest.raises(InputError, match="cat is locked"):
            change()
    own.lock(key, False)
    own.delete(key)
    assert not (own.map_of(4) == 2).any()


def test_merging(own: Segmentation, joint: Segmentation) -> None:
    kept = own.merge([SegmentKey(1, 4), SegmentKey(2, 4)])
    assert kept == SegmentKey(1, 4)
    np.testing.assert_array_equal(own.map_of(4), np.where(FIRST == 2, 1, FIRST))
    np.testing.assert_array_equal(own.map_of(7), SECOND)
    assert own[kept].confidence == pytest.approx((4 * 0.5 + 3 * 1.0) / 7)
    joint.merge([SegmentKey(2), SegmentKey(1)])
    np.testing.assert_array_equal(joint.map_of(7), [[2, 2], [2, 2]])


def test_splitting_into_pieces_and_by_a_cut(own: Segmentation, joint: Segmentation) -> None:
    kept, new = own.split(SegmentKey(3, 4))
    assert (kept.number, new.number) == (3, 4)
    np.testing.assert_array_equal(own.map_of(4)[2], [4, 0, 3, 3])  # the larger piece keeps the number
    halves = {image: np.indices(joint.map_of(image).shape)[1] > 0 for image in joint.images}
    joint.split(SegmentKey(1), halves)
    np.testing.assert_array_equal(joint.map_of(4)[:2, :2], [[1, 4], [1, 4]])
    np.testing.assert_array_equal(joint.map_of(7)[1], [1, 4])


def test_adding_a_segment_in_several_pictures(own: Segmentation, joint: Segmentation) -> None:
    masks = {4: FIRST > 1, 7: SECOND == 2}
    own.lock(SegmentKey(3, 4))
    keys = own.add(masks, "dog", 0.5)
    assert keys == (SegmentKey(4, 4), SegmentKey(3, 7))
    np.testing.assert_array_equal(own.map_of(4) == 4, FIRST == 2)  # 3 is locked
    np.testing.assert_array_equal(own.map_of(7) == 3, SECOND == 2)
    assert own[keys[0]].name == "dog"
    assert own[keys[0]].confidence == 0.5
    assert own.undo()
    assert (own.map_of(4) == FIRST).all()
    assert (own.map_of(7) == SECOND).all()
    assert joint.add(masks, "dog") == (SegmentKey(4),)
    assert (joint.map_of(4) == 4).sum() == (FIRST > 1).sum()
    with pytest.raises(InputError, match="empty"):
        own.add({4: FIRST == 3}, "dog")
    with pytest.raises(InputError, match="its map"):
        own.add({7: FIRST == 3}, "dog")


def test_painting_leaves_locked_pixels(own: Segmentation) -> None:
    own.lock(SegmentKey(1, 4))
    painted = np.full((3, 4), 9)
    own.paint(4, painted)
    np.testing.assert_array_equal(own.map_of(4), np.where(FIRST == 1, 1, 9))
    assert own[SegmentKey(9, 4)].name == "segment 9"


STEPS = st.lists(st.sampled_from(["rename", "merge", "split", "delete", "lock", "paint"]), max_size=6)


@given(STEPS)
def test_undo_goes_all_the_way_back_and_redo_all_the_way_on(steps: list[str]) -> None:
    segmentation = Segmentation([4], [FIRST])
    seen = [(segmentation.segments, segmentation.map_of(4))]
    for step in steps:
        keys = [segment.key for segment in segmentation.segments if not segment.locked]
        try:
            if step == "merge":
                segmentation.merge(keys[:2])
            elif step == "paint":
                segmentation.paint(4, np.roll(segmentation.map_of(4), 1, axis=1))
            else:
                arguments = {"rename": ["x"]}.get(step, [])
                getattr(segmentation, step)(keys[-1], *arguments)
        except (InputError, IndexError):
            continue
        seen.append((segmentation.segments, segmentation.map_of(4)))
    for segments, labels in reversed(seen[:-1]):
        assert segmentation.undo_text
        assert segmentation.undo()
        assert repr(segmentation.segments) == repr(segments)
        np.testing.assert_array_equal(segmentation.map_of(4), labels)
    assert not segmentation.undo()
    assert not segmentation.undo_text
    for segments, labels in seen[1:]:
        assert segmentation.redo_text
        assert segmentation.redo()
        assert repr(segmentation.segments) == repr(segments)
        np.testing.assert_array_equal(segmentation.map_of(4), labels)
    assert not segmentation.redo()


def test_mistakes_are_sentences(own: Segmentation, joint: Segmentation) -> None:
    before = own.revision
    for change, sentence in (
        (lambda: own[SegmentKey(9, 4)], "no segment 9 of picture 4"),
        (lambda: own.rename(SegmentKey(1, 4), " "), "needs a name"),
        (lambda: own.recolour(SegmentKey(1, 4), (1, 2, 300)), "from 0 to 255"),
        (lambda: own.merge([SegmentKey(1, 4)]), "at least two"),
        (lambda: own.merge([SegmentKey(1, 4), SegmentKey(1, 7)]), "different pictures"),
        (lambda: own.split(SegmentKey(1, 4)), "in one piece"),
        (lambda: own.split(SegmentKey(1, 4), {4: np.ones((2, 2))}), "parts of picture 4"),
        (lambda: joint.split(SegmentKey(1)), "Say how to split"),
        (lambda: own.paint(4, [[1]]), "The map of picture 4"),
        (lambda: own.map_of(5), "Picture 5 is not part"),
        (lambda: Segmentation([1], []), "as many label maps"),
        (lambda: Segmentation([1], [[[-1]]]), "whole numbers from 0"),
    ):
        with pytest.raises(InputError, match=sentence):
            change()
    assert own.revision == before
