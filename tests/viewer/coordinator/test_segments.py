"""Segments as the window holds them: opened, changed, chosen and saved, without a window."""

import shutil

import numpy as np
import pytest

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.segmentation import SegmentKey
from alignedcut_viewer.study import Study
from alignedcut_viewer.study.segment_set import SegmentWriter
from alignedcut_viewer.viewer.coordinator.node_selection import NodeSelection
from alignedcut_viewer.viewer.coordinator.segments import Segments
from alignedcut_viewer.viewer.coordinator.shown import Shown
from alignedcut_viewer.viewer.coordinator.similarity import Similarity
from alignedcut_viewer.viewer.frames.loading import load_study
from alignedcut_viewer.viewer.frames.picture_layout import Place
from alignedcut_viewer.viewer.state.timeline import Timeline
from alignedcut_viewer.viewer.state.view_state import ViewState
from tests.benchmarks.planted_study import write_planted_study

pytestmark = pytest.mark.quick


class AtOnce:
    """A worker that does everything when it is asked to."""

    busy = False

    def __init__(self, title, then, **hooks):
        self.then = then

    def start(self, work):
        self.then(work(lambda done, total, text: None))

    def stop(self):
        """Nothing is ever at work."""


def halves_of(study):
    writer = SegmentWriter(False, {"layers": {}, "settings": {}})
    for image in range(len(study.pictures)):
        labels = np.ones(study.picture_size(image), dtype=np.int32)
        labels[:, labels.shape[1] // 2 :] = 2
        labels[:3, :3] = 3
        writer.add(image, labels, {1: 0.5}, "halves")
    writer.publish(study.store, "halves")


@pytest.fixture
def path(planted_path, tmp_path):
    """A planted study whose pictures are divided into a left half 1, a right half 2, and a small 3."""
    path = shutil.copytree(planted_path, tmp_path / "own.zarr")
    with Study.open(path, writable=True) as study:
        halves_of(study)
    return path


@pytest.fixture
def shown(path):
    study = load_study(path)
    return Shown(study.pictures, study)


@pytest.fixture
def timeline():
    return Timeline()


@pytest.fixture
def segments(shown, heat_map, timeline):
    selection = NodeSelection(shown, timeline)
    view = ViewState(position=("b", 1, 2), picture=2)
    similarity = Similarity(shown, selection, heat_map, view, AtOnce)
    segments = Segments(shown, selection, similarity, view, timeline, AtOnce)
    segments.selection = selection
    segments.open("halves")
    return segments


def on_disk(path):
    with Study.open(path) as study:
        return study.segments("halves").segmentation()


def test_changes_are_steps_and_are_saved(path, segments, timeline, heard):
    changed = heard(segments.changed)
    assert segments.names == ("halves",)
    assert not segments.unsaved
    segments.edit(lambda edits: edits.rename(SegmentKey(1, 2), "left"))
    assert len(changed) == 1
    assert segments.unsaved
    assert timeline.undo()
    assert timeline.redo()
    assert segments.edits[SegmentKey(1, 2)].name == "left"
    work = segments.save_work()
    segments.edit(lambda edits: edits.delete(SegmentKey(2, 2)))  # while it is being saved
    segments.on_saved(work(lambda done, total, text: None))
    assert segments.unsaved
    assert on_disk(path)[SegmentKey(1, 2)].name == "left"
    assert (on_disk(path).map_of(2) == 2).any()
    segments.save_now()
    assert not segments.unsaved
    assert not (on_disk(path).map_of(2) == 2).any()
    with pytest.raises(InputError, match="no segment 2"):
        segments.edit(lambda edits: edits.rename(SegmentKey(2, 2), "right"))


def test_segments_are_there_where_the_pictures_have_moved_away(tmp_path, heat_map, timeline):
    from alignedcut_viewer.viewer.segments.details import segment_details

    path = write_planted_study(tmp_path, 2, layers=2, side=4)
    with Study.open(path, writable=True) as study:
        halves_of(study)
    for picture in [Study.open(path).picture_path(image) for image in range(2)]:
        picture.rename(picture.with_name(f"gone-{picture.name}"))
    study = load_study(path)
    shown = Shown(study.pictures, study)
    view = ViewState(position=(study.cut.index.networks[0].name, 1, 1), picture=1)
    selection = NodeSelection(shown, timeline)
    similarity = Similarity(shown, selection, heat_map, view, AtOnce)
    segments = Segments(shown, selection, similarity, view, timeline, AtOnce)
    segments.open("halves")
    key = SegmentKey(2, 1)
    segments.edit(lambda edits: edits.rename(key, "right"))
    segments.choose([key])
    assert len(selection.of()) == 8
    details = segment_details(study, segments.edits, [key], 1, lambda done, total, text: None)
    assert details[key].area == pytest.approx(0.5, abs=0.01)
    assert details[key].thumbnail is None
    segments.save_now()
    assert on_disk(path)[key].name == "right"


def test_what_cannot_be_saved_is_said(path, segments, heard):
    failed = heard(segments.failed)
    segments.edit(lambda edits: edits.rename(SegmentKey(1, 2), "left"))
    with Study.open(path, writable=True):
        segments.save_now()
    assert "being written by another run" in str(failed[0])
    assert segments.unsaved


def test_choosing_takes_the_tokens_along_and_leaves_the_heat_map(shown, segments, heat_map, heard):
    chosen = heard(segments.chosen_changed)
    segments.choose([SegmentKey(2, 2), SegmentKey(9, 9)])
    assert segments.chosen == (SegmentKey(2, 2),)
    places = shown.index.locate(segments.selection.of().nodes)
    assert {(int(r), int(c)) for r, c in zip(places.row, places.column, strict=True)} == {
        (r, c) for r in range(4) for c in (2, 3)
    }
    assert heat_map.values is None
    segments.choose([SegmentKey(3, 2)])  # fills no token by half: the one that it fills most
    assert shown.index.locate(segments.selection.of().nodes).row.tolist() == [0]
    segments.edit(lambda edits: edits.delete(SegmentKey(3, 2)))
    assert segments.chosen == ()
    assert len(chosen) == 3


def test_clicks_find_the_segment_under_them(shown, segments):
    box = shown.pictures.layout.box(2)
    left, right = (Place(box.top + box.height / 2, box.left + share * box.width) for share in (0.25, 0.75))
    segments.click(left)
    assert segments.chosen == (SegmentKey(1, 2),)
    segments.click(right, "add")
    assert segments.chosen == (SegmentKey(1, 2), SegmentKey(2, 2))
    segments.click(left, "remove")
    assert segments.chosen == (SegmentKey(2, 2),)
    segments.click(Place(-900.0, 0.0))
    assert segments.chosen == (SegmentKey(2, 2),)


def test_painting_over_a_locked_segment_is_refused(shown, segments):
    layout = shown.pictures.layout
    before = segments.edits.map_of(2)
    frame = layout.place_labels(2, before.astype(np.uint16))
    box = layout.box(2)
    middle = (slice(box.top + box.height // 2, box.top + box.height), slice(box.left, box.left + box.width))
    frame[middle] = 1
    segments.edit(lambda edits: edits.lock(SegmentKey(2, 2)))
    segments.edit(lambda edits: edits.lock(SegmentKey(1, 2)))
    with pytest.raises(InputError, match="segment 1, segment 2 are locked"):
        segments.paint(2, frame)
    segments.edit(lambda edits: edits.lock(SegmentKey(2, 2), False))
    segments.edit(lambda edits: edits.lock(SegmentKey(1, 2), False))
    segments.paint(2, frame)
    assert (segments.edits.map_of(2)[before.shape[0] // 2 + 1 :] == 1).all()
    segments.close()
    with pytest.raises(InputError, match="No segments are open"):
        segments.paint(2, frame)
