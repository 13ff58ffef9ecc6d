"""The heat map follows the selection, without a window."""

import numpy as np
import pytest

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.viewer.coordinator.similarity import Similarity
from alignedcut_viewer.viewer.state.node_values import NodeValues
from alignedcut_viewer.viewer.state.view_state import ViewState

pytestmark = pytest.mark.quick


class ByHand:
    """A worker whose work goes on when the test says so."""

    def __init__(self, title, then, *, on_progress, on_rest):
        self.then, self.on_progress, self.on_rest, self.work = then, on_progress, on_rest, None

    @property
    def busy(self):
        return self.work is not None

    def start(self, work):
        self.work = work

    def stop(self):
        self.work = None

    def finish(self, values):
        self.work = None
        self.on_rest()
        self.then(values)


@pytest.fixture
def workers():
    return []


@pytest.fixture
def similarity(shown, selection, heat_map, workers):
    def worker(*arguments, **hooks):
        workers.append(ByHand(*arguments, **hooks))
        return workers[-1]

    return Similarity(shown, selection, heat_map, ViewState(position=("a", 1, 0)), worker)


def test_the_heat_map_is_the_similarity_to_the_active_selection(shown, selection, heat_map, similarity):
    selection.select([7])
    rows = shown.cut.eigenvectors.astype(float)
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(heat_map.values.values, units @ units[7], atol=1e-5)
    selection.select([90], which="ground")
    assert heat_map.values.values[7] == pytest.approx(1, abs=1e-5)
    selection.set_active("ground")
    assert heat_map.values.values[90] == pytest.approx(1, abs=1e-5)
    similarity.settings.scope = "others"
    assert np.isnan(heat_map.values.values[90])
    similarity.settings.show = False
    assert heat_map.values is None
    similarity.settings.show = True
    selection.select([])
    assert heat_map.values is None


def test_selecting_above_the_threshold_keeps_the_heat_map(selection, heat_map, similarity):
    selection.select([7])
    before = heat_map.values
    similarity.settings.threshold = 0.9
    similarity.select_above()
    assert heat_map.values is before
    assert selection.of().nodes.tolist() == np.flatnonzero(before.values >= np.float32(0.9)).tolist()
    similarity.move_threshold(-5)
    assert similarity.settings.threshold == pytest.approx(0.85)
    assert similarity.settings.mask
    heat_map.clear()
    with pytest.raises(InputError, match="pick a place"):
        similarity.nodes_above()


def test_settings_are_told_together(similarity, heard):
    masks = []
    similarity.settings.events.threshold.connect(lambda value: masks.append((value, similarity.settings.mask)))
    similarity.settings.update(threshold=0.5, mask=True)
    similarity.settings.update(threshold=0.5, mask=True)
    assert masks == [(0.5, True)]
    with pytest.raises(TypeError, match="treshold"):
        similarity.settings.update(treshold=0.3)
    kept = similarity.settings.snapshot()
    similarity.settings.threshold = 0.1
    assert kept.threshold == 0.5
    assert masks[-1] == (0.1, True)


def test_features_are_compared_in_the_background_and_shown_as_they_come(
    shown, selection, heat_map, similarity, workers, heard
):
    partial, progress, (worker,) = heard(similarity.partial), heard(similarity.progressed), workers
    similarity.settings.space = "raw"
    selection.select([7])
    assert similarity.busy
    assert heat_map.values is None
    assert worker.work._slots[0] == ("a", 1)  # what is looked at comes first
    worker.on_progress(1, 4, "")
    assert progress == ["Comparing features…", "Comparing features: 25 %"]
    assert len(partial) == 2
    found = NodeValues(np.ones(len(shown.index)), "found")
    worker.finish(found)
    assert progress[-1] == ""
    assert heat_map.values is found
    selection.select([8])
    similarity.settings.space = "eigenvectors"
    assert not similarity.busy
    assert progress[-1] == ""


def test_what_cannot_be_compared_is_told(selection, heat_map, similarity, heard):
    told = heard(similarity.failed)
    similarity.settings.space = "aligned"
    selection.select([7])
    assert "without an alignment" in str(told[0])
    assert heat_map.values is None
    similarity.settings.space = "raw"
    selection.select([7, 200])
    assert "different networks" in str(told[1])
