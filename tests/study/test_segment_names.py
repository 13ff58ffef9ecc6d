"""Segments of a study are renamed, taken away and brought back; nothing is overwritten or lost on the way."""

import numpy as np
import pytest

from alignedcut_viewer.errors import InputError, StudyError
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.study import Study
from alignedcut_viewer.study.segment_set import SegmentWriter

pytestmark = pytest.mark.quick


def segments(store, name, number=1):
    writer = SegmentWriter(False, {"settings": {}})
    writer.add(0, np.full((4, 5), number, dtype=np.int32), {number: 0.5}, "as made")
    return writer.publish(store, name)


@pytest.fixture
def study(tmp_path):
    from PIL import Image

    Image.new("RGB", (5, 4)).save(tmp_path / "a.png")
    with Study.create(tmp_path / "s.zarr", open_pictures(tmp_path / "a.png")) as made:
        segments(made.store, "one", 1)
        segments(made.store, "two", 2)
        yield made


def value(study, name):
    return int(study.segments(name).labels(0)[0, 0])


def test_renamed(study):
    study.names.rename_segments("one", "  by   night ")
    assert study.segmentations == ("by night", "two")
    assert value(study, "by night") == 1
    for wrong in ("two", " "):
        with pytest.raises(InputError):
            study.names.rename_segments("by night", wrong)
    with pytest.raises(StudyError, match="holds no segments 'one'"):
        study.names.rename_segments("one", "three")


def test_deleted_and_brought_back_the_latest_first(study):
    study.names.delete_segments("one")
    study.names.delete_segments("two")
    assert (study.segmentations, study.names.deleted_segments) == ((), ["one", "two"])
    segments(study.store, "two", 3)  # the name is taken meanwhile
    assert study.names.restore_segments() == "two 2"
    assert study.names.restore_segments() == "one"
    assert [value(study, name) for name in study.segmentations] == [1, 3, 2]
    with pytest.raises(StudyError, match="No segments were deleted"):
        study.names.restore_segments()


def test_let_go_removes_what_was_deleted_and_nothing_else(study):
    before = set(study.store.groups("segmentations"))
    study.names.delete_segments("two")
    assert set(study.store.groups("segmentations")) == before
    study.names.let_go()
    assert study.names.deleted_segments == []
    (left,) = study.store.groups("segmentations")
    assert left.startswith("one-")
    assert value(study, "one") == 1


def test_the_same_segments_made_again_after_a_renaming_share_their_pixels(study):
    study.names.rename_segments("one", "first")
    segments(study.store, "one", 1)
    segments(study.store, "first", 4)  # changed: those of "one" stay
    assert [value(study, name) for name in ("first", "one")] == [4, 1]
    study.names.delete_segments("one")
    segments(study.store, "one", 1)
    study.names.let_go()
    assert value(study, "one") == 1
