"""The lower half of the Brain panel: the cortex in the colours of a selection, its settings, and its 3-D window."""

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ...brain.centring import Centring, centring_info
from ..coordinator.coordinator import Coordinator
from ..widgets.painting import Colours, choice
from ..widgets.view import View
from .cortex_scene import (
    MOST_NODES,
    CortexScene,
    CortexSurface,
    build_scene,
    build_surface,
    cortex_limit,
    is_sampled,
    values_of,
)
from .cortex_view import CortexView
from .cortex_window import CortexWindow

if TYPE_CHECKING:
    from ...study.brain_activation import BrainActivation

__all__ = ["CortexBoard"]

KINDS = {"active": "selection", "figure": "figure", "ground": "ground", "difference": "figure − ground"}
PAUSE = 15
WINDOW_PAUSE = 150


class CortexBoard(View):
    """The cortex with its settings.

    Parameters
    ----------
    coordinator
        Holds the selections.
    colours
        Of the theme.
    kind, back_only
        Whose activation is shown first, and whether only the back of the brain is.

    Attributes
    ----------
    view
        The painted cortex.
    shown
        Values and colours that are painted, ``values`` and ``scale``; None where there are none.
    """

    def __init__(
        self, coordinator: Coordinator, colours: Colours, kind: str, back_only: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(coordinator, parent)
        self._activation: BrainActivation | None = None
        self._about: Centring = "zero"
        self.shown: dict[str, Any] | None = None
        self.view = CortexView(colours)
        self.window_3d = CortexWindow()
        self.kind = choice(KINDS, kind, "Which selection's activation colours the cortex")
        self.back_only = QCheckBox("back only")
        self.back_only.setToolTip("Enlarge the back half of the brain, which contains visual cortex")
        self.back_only.setChecked(back_only)
        self.open_3d = QPushButton("3-D…")
        self.open_3d.setToolTip("Open the cortex in a second window and rotate it with the mouse")
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.setSpacing(6)
        for widget in (QLabel("Cortex"), self.kind, self.back_only):
            head.addWidget(widget)
        head.addStretch(1)
        head.addWidget(self.open_3d)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self.view, 1)
        self._scenes = self.latest_task("Drawing the cortex", self._show_scene)
        self._surfaces = self.latest_task("Preparing the cortex", self._show_3d)
        self._soon = self._timer(PAUSE, self.draw)
        # Three hundred thousand vertices take a while to go to the graphics card: not while the user drags.
        self._later = self._timer(WINDOW_PAUSE, self._recolour_3d)
        self.view.scene_wanted.connect(self._compute_scene)
        self.back_only.toggled.connect(self.view.want_scene)
        self.open_3d.clicked.connect(self._open_3d)

    def _timer(self, pause: int, do: Any) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(pause)
        timer.timeout.connect(do)
        return timer

    def set_activation(self, activation: "BrainActivation | None") -> None:
        """Show another data set."""
        self._activation, self.shown = activation, None
        self._scenes.stop()
        self.view.show_scene(None)
        for widget in (self.kind, self.back_only):
            widget.setEnabled(activation is not None and activation.has_cortex)
        self.open_3d.setEnabled(False)
        self.view.want_scene()

    def refresh(self, *, about: Centring) -> None:
        """Colour the cortex anew, soon: after the bars."""
        self._about = about
        self._soon.start()

    @property
    def settled(self) -> bool:
        """Whether the cortex is drawn, in its size and its colours."""
        return not (self._scenes.busy or self._soon.isActive() or self.view.waits)

    def rest(self) -> None:
        """Begin nothing more."""
        self._soon.stop()
        self._later.stop()

    # -- scenes --------------------------------------------------------------------------------------------------

    def _compute_scene(self, height: int, width: int, top_margin: int) -> None:
        activation, back_only = self._activation, self.back_only.isChecked()
        if activation is not None and activation.has_cortex:
            self._scenes.start(
                lambda progress: build_scene(
                    activation, height, width, back_only=back_only, top_margin=top_margin, progress=progress
                )
            )

    def _show_scene(self, scene: CortexScene) -> None:
        if self._activation is not None and scene.names == self._activation.names:
            self.view.show_scene(scene)
            self.draw()

    # -- values --------------------------------------------------------------------------------------------------

    def draw(self) -> None:
        """Colour the cortex now."""
        activation = self._activation
        self.shown = None
        if activation is None:
            return
        if not activation.has_cortex:
            self._say(
                f"{activation.title} does not say where its voxels lie, so there are bars but no cortex. Data "
                "with fsaverage vertices, such as the Algonauts release, show it."
            )
        elif self.view.scene is None:
            self._say("Drawing the cortex…")
        else:
            kind, title = self.subject()
            self.shown = self._values(activation, kind)
            if self.shown is None:
                self._say("Choose pixels to colour the cortex.")
            else:
                self.view.show_values(self.shown["values"], self.shown["scale"], title)
                self._later.start()
        self.open_3d.setEnabled(self.shown is not None)

    def _say(self, hint: str) -> None:
        self.view.show_values(None, None, "", hint)

    def subject(self) -> tuple[str, str]:
        """Whose activation is shown, and the title that says so."""
        kind = str(self.kind.currentData())
        kind = self.coordinator.selection.active if kind == "active" else kind
        title = KINDS[kind]
        title += f" {centring_info(self._about).title}"
        names = ("figure", "ground") if kind == "difference" else (kind,)
        if any(is_sampled(self.coordinator.selection.of(name).nodes) for name in names):
            title += f", from {MOST_NODES:,} of the pixels"
        return kind, title

    def _values(self, activation: "BrainActivation", kind: str) -> dict[str, Any] | None:
        from ...brain import ColourScale

        names = ("figure", "ground") if kind == "difference" else (kind,)
        selections = {name: self.coordinator.selection.of(name).nodes for name in names}
        if not all(len(nodes) for nodes in selections.values()):
            return None
        maps = [values_of(activation, nodes, about=self._about) for nodes in selections.values()]
        values = maps[0]
        if kind == "difference":
            values = {side: figure - maps[1][side] for side, figure in maps[0].items()}
        return {"values": values, "scale": ColourScale.diverging([], limit=cortex_limit([values]))}

    # -- three dimensions ----------------------------------------------------------------------------------------

    @property
    def _title_3d(self) -> str:
        simulated = self._activation is not None and self._activation.simulated
        return self.view.title + " (simulated)" * simulated

    def _notes_3d(self) -> str:
        """How far the readout is to be trusted, region by region; "" where it was never scored."""
        scored = [region for region, name in enumerate(self.view.names) if name in self.view.scores]
        if not scored:
            return ""
        words = "Held-out R²: " + ", ".join(self.view.label_of(region) for region in scored) + "."
        return words + " Pale: hardly predicted." * bool(self.view.weak)

    def _open_3d(self) -> None:
        scene, shown = self.view.scene, self.shown
        if scene is not None and shown is not None:
            values, masks, weak = shown["values"], scene.masks, [self.view.names[region] for region in self.view.weak]
            self._surfaces.start(lambda progress: build_surface(values, masks, weak, progress))

    def _show_3d(self, surface: CortexSurface) -> None:
        if self.shown is not None:
            self.window_3d.notes = self._notes_3d()
            self.window_3d.show(surface, self.shown["values"], self.shown["scale"], self._title_3d)

    def _recolour_3d(self) -> None:
        if self.shown is not None:
            self.window_3d.notes = self._notes_3d()
            self.window_3d.recolour(self.shown["values"], self.shown["scale"], self._title_3d)
