"""How a study is looked at comes back, without a window; and selections under names."""

import json
import shutil

import pytest

from alignedcut_viewer.errors import InputError, StorageError
from alignedcut_viewer.viewer.coordinator.canvas import Canvas
from alignedcut_viewer.viewer.coordinator.selection_names import SelectionNames
from alignedcut_viewer.viewer.coordinator.sessions import Sessions
from alignedcut_viewer.viewer.coordinator.shown import Shown
from alignedcut_viewer.viewer.coordinator.similarity import Similarity
from alignedcut_viewer.viewer.frames.loading import load_study
from alignedcut_viewer.viewer.state.session_file import AUTOSAVE, read_session
from alignedcut_viewer.viewer.state.view_state import ViewState
from tests.viewer.coordinator.test_similarity import ByHand

pytestmark = pytest.mark.quick


class Looks:
    """Camera, layers and panels as plain values."""

    def __init__(self):
        self.now = {"camera": {"zoom": 2.0}, "layers": {"colours": {"opacity": 0.5}}, "panels": ["Study"]}
        self.now["arrangement"] = {"workspace": "Map"}
        self.gone_to, self.opened_anew = None, None

    def is_open(self):
        return True

    def camera(self):
        return self.now["camera"]

    def layers(self):
        return self.now["layers"]

    def panels(self):
        return self.now["panels"]

    def move_camera(self, camera):
        self.now["camera"] = camera

    def set_layers(self, layers):
        self.now["layers"] = layers

    def open_panels(self, names, *, anew):
        self.now["panels"], self.opened_anew = names, anew

    def arrangement(self):
        return self.now["arrangement"]

    def arrange(self, kept):
        self.now["arrangement"] = kept

    def go(self, position):
        self.gone_to = position


@pytest.fixture
def planted_path(planted_path, tmp_path):
    shutil.copytree(planted_path, tmp_path / planted_path.name)
    return tmp_path / planted_path.name


@pytest.fixture
def view():
    return ViewState(position=("b", 2, 1))


@pytest.fixture
def similarity(shown, selection, heat_map, view):
    return Similarity(shown, selection, heat_map, view, ByHand)


@pytest.fixture
def looks():
    return Looks()


@pytest.fixture
def panel_state():
    return {"Trajectories": {"tool": "lasso"}}


@pytest.fixture
def canvas(shown, heat_map, similarity):
    return Canvas(shown, heat_map, similarity)


@pytest.fixture
def sessions(shown, selection, similarity, view, canvas, panel_state, looks):
    return Sessions(shown, selection, similarity, view, canvas, panel_state, looks)


def test_a_region_that_the_cut_lacks_is_left_out(canvas):
    canvas.restore({"view": "region", "region": ["FFA", "zero"]})
    canvas.restore({"view": "region", "region": None})
    canvas.restore({"view": "something of a later version"})
    assert canvas.current == "colours"
    with pytest.raises(InputError, match="Click a region in the Brain panel"):
        canvas.show_region("FFA", "zero")


def test_everything_comes_back_from_a_file(sessions, selection, similarity, view, looks, panel_state, tmp_path):
    selection.select([1, 2, 3])
    selection.select([9], which="ground")
    selection.set_active("ground")
    similarity.settings.update(scope="layer", threshold=0.4, mask=True)
    view.update(smooth=True, drag_selects=True)
    sessions.save(tmp_path / "mine.session.json")
    selection.forget()
    selection.set_active("figure")
    similarity.settings.update(scope="all", threshold=0.8, mask=False)
    view.update(smooth=False, drag_selects=False)
    looks.now = {"camera": {}, "layers": {}, "panels": []}
    panel_state.clear()
    sessions.restore(read_session(tmp_path / "mine.session.json"))
    assert selection.of("figure").nodes.tolist() == [1, 2, 3]
    assert selection.of().nodes.tolist() == [9]
    assert (similarity.settings.scope, similarity.settings.threshold, similarity.settings.mask) == ("layer", 0.4, True)
    assert (view.smooth, view.drag_selects) == (True, True)
    assert looks.now["camera"] == {"zoom": 2.0}
    assert looks.gone_to == ("b", 2, 1)
    assert looks.opened_anew
    assert panel_state == {"Trajectories": {"tool": "lasso"}}


def test_changes_are_told_and_saved_in_the_study_once(sessions, selection, view, planted_path, heard):
    touched = heard(sessions.touched)
    sessions.flush()
    assert not (planted_path / AUTOSAVE).exists()
    selection.select([4])
    view.smooth = True
    assert len(touched) == 2
    sessions.flush()
    written = json.loads((planted_path / AUTOSAVE).read_text())
    assert written["smooth"] is True
    (planted_path / AUTOSAVE).unlink()
    sessions.flush()
    assert not (planted_path / AUTOSAVE).exists()
    sessions.flush(always=True)
    assert (planted_path / AUTOSAVE).exists()
    (planted_path / AUTOSAVE).unlink()
    sessions.close()
    selection.select([5])
    sessions.flush(always=True)
    assert not (planted_path / AUTOSAVE).exists()


def test_without_a_study_there_is_nothing_to_save(selection, similarity, view, canvas, looks, tmp_path):
    with pytest.raises(StorageError, match="no study"):
        Sessions(Shown(), selection, similarity, view, canvas, {}, looks).save(tmp_path / "none.session.json")


def test_settings_of_another_version_are_left_out(sessions, similarity, looks, tmp_path, selection):
    sessions.save(tmp_path / "mine.session.json")
    state = read_session(tmp_path / "mine.session.json")
    state.similarity.update(space="smell", flavour=3, threshold=0.25)
    sessions.restore(state)
    assert (similarity.settings.space, similarity.settings.threshold) == ("eigenvectors", 0.25)


def test_names_stay_in_the_study(shown, selection, planted_path, heard):
    named = SelectionNames(shown, selection)
    named.load()
    told = heard(named.changed)
    selection.select([2, 4])
    named.keep("eyes")
    assert len(told) == 1
    with pytest.raises(InputError, match="name"):
        named.keep("  ")
    again = SelectionNames(Shown(shown.pictures, load_study(planted_path)), selection)
    again.load()
    selection.select([])
    again.recall("eyes")
    again.recall("eyes", "toggle")
    assert len(selection.of()) == 0
    again.forget("eyes")
    named.load()
    assert list(named.sets) == []


def test_a_damaged_file_of_names_is_told_and_left_alone(shown, selection, planted_path, heard):
    (planted_path / "selections.json").write_text("{")
    named = SelectionNames(shown, selection)
    told = heard(named.failed)
    named.load()
    assert "damaged" in str(told[0])
    selection.select([1])
    named.keep("kept in this window")
    assert (planted_path / "selections.json").read_text() == "{"
