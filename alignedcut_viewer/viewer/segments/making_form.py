"""The settings with which the Segments panel divides pictures."""

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QWidget,
)

from ...choices import REFINEMENTS, SEGMENT_METHODS, SEGMENT_SCOPES
from ...layer_text import parse_layers

__all__ = ["MakingForm"]

SCOPES = {"picture": "each picture by itself", "joint": "all pictures together"}
METHODS = {"k-way": "k-way", "hierarchical": "nested levels", "recursive": "recursive"}
EDGES = {"bilateral": "bilateral solver (best)", "guided": "guided filter (fast)", "none": "interpolated"}
EVERYTHING = "all networks"
MOST = 200


class MakingForm(QWidget):
    """What is segmented, how, and the button that begins.

    Parameters
    ----------
    state
        Gives the place where the settings are kept, JSON-ready.
    """

    def __init__(self, state: Callable[[], dict[str, Any]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        kept = state()
        self.name = QLineEdit()
        self.name.setPlaceholderText("segments")
        self.name.setToolTip("What to call them in the study; a name that is taken gets a number")
        self.networks = QToolButton()
        self.networks.setText(EVERYTHING)
        self.networks.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.networks.setMenu(QMenu(self.networks))
        self.networks.setStyleSheet("QToolButton { padding: 2px 14px 2px 5px; text-align: left; }")
        self.networks.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.networks.setToolTip(
            "Whose features are cut together; any of them, all where none is ticked.\n"
            "Of a network the attention outputs, or its keys, where the study has them"
        )
        self.layers = QLineEdit(str(kept.get("layers", "")))
        self.layers.setPlaceholderText("all but the first quarter")
        self.layers.setToolTip("Layers of all networks, such as 4, 8-11")
        self.scope = _choice(SCOPES, SEGMENT_SCOPES, kept.get("scope"))
        self.scope.setToolTip("Together: one label means one thing in all pictures (k-way, no instances)")
        self.method = _choice(METHODS, SEGMENT_METHODS, kept.get("method"))
        self.method.setToolTip(
            "k-way: a number of segments at once. Nested: coarser levels as well.\n"
            "Recursive: divide as long as the normalised cut stays small"
        )
        self.count = QSpinBox()
        self.count.setRange(1, MOST)
        self.count.setSpecialValueText("automatic")
        self.count.setValue(int(kept.get("count", 1)))
        self.count.setToolTip("How many segments; automatic: by eigengap and silhouette, stated with the result")
        self.instances = QCheckBox("tell instances apart")
        self.instances.setChecked(bool(kept.get("instances", False)))
        self.instances.setToolTip("Connected things of one segment become segments of their own")
        self.edges = _choice(EDGES, REFINEMENTS, kept.get("edges"))
        self.edges.setToolTip("How edges of segments are drawn to those of the picture")
        self.confidence = QDoubleSpinBox()
        self.confidence.setRange(0, 1)
        self.confidence.setSingleStep(0.05)
        self.confidence.setValue(float(kept.get("confidence", 0.0)))
        self.confidence.setToolTip("Segments below it become “nothing here”, 0")
        self.make = QPushButton("Make segments")
        self.make.setToolTip("Divide the pictures, in the background; segments that are there stay")
        form = QFormLayout(self)
        form.setContentsMargins(6, 6, 6, 6)
        form.setVerticalSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for words, widget in (
            ("name", self.name),
            ("features of", self.networks),
            ("layers", self.layers),
            ("scope", self.scope),
            ("method", self.method),
            ("number", self.count),
            ("edges", self.edges),
            ("least confidence", self.confidence),
        ):
            form.addRow(words, widget)
        form.addRow(self.instances)
        form.addRow(self.make)
        for signal in (
            self.layers.textChanged,
            self.scope.currentIndexChanged,
            self.method.currentIndexChanged,
            self.count.valueChanged,
            self.instances.toggled,
            self.edges.currentIndexChanged,
            self.confidence.valueChanged,
        ):
            signal.connect(self._keep)
        self._keep()

    def show_networks(self, names: Sequence[str]) -> None:
        """Offer the feature sets of a study."""
        menu = self.networks.menu()
        if [action.text() for action in menu.actions()] == [*names]:
            return
        chosen = self._state().get("networks", [])
        menu.clear()
        for name in names:
            action = menu.addAction(name)
            action.setCheckable(True)
            action.setChecked(name in chosen)
            action.toggled.connect(self._on_networks)
        self._draw_networks()

    @property
    def chosen_networks(self) -> tuple[str, ...]:
        """Those that are ticked."""
        return tuple(action.text() for action in self.networks.menu().actions() if action.isChecked())

    def _on_networks(self, *_: Any) -> None:
        self._state()["networks"] = [*self.chosen_networks]
        self._draw_networks()

    def _draw_networks(self) -> None:
        chosen, n = self.chosen_networks, len(self.networks.menu().actions())
        some = chosen[0] if len(chosen) == 1 else f"{len(chosen)} of {n} networks"
        self.networks.setText(some if 0 < len(chosen) < max(n, 2) else EVERYTHING)
        self.networks.setEnabled(n > 0)

    def _keep(self, *_: Any) -> None:
        together = self.scope.currentData() == "joint"
        self.method.setEnabled(not together)
        self.instances.setEnabled(not together)
        self._state().update(
            layers=self.layers.text(),
            scope=self.scope.currentData(),
            method=self.method.currentData(),
            count=self.count.value(),
            instances=self.instances.isChecked(),
            edges=self.edges.currentData(),
            confidence=self.confidence.value(),
        )

    def settings(self) -> dict[str, Any]:
        """What to make, for :func:`~..frames.segment_work.segment_work`.

        Raises
        ------
        InputError
            If the layers are no numbers.
        """
        together = self.scope.currentData() == "joint"
        text = self.layers.text().strip()
        return {
            "networks": self.chosen_networks or None,
            "layers": parse_layers(text) if text else None,
            "scope": self.scope.currentData(),
            "refine": self.edges.currentData(),
            "choice": {
                "segments": None if self.count.value() == 1 else self.count.value(),
                "method": "k-way" if together else self.method.currentData(),
                "instances": self.instances.isChecked() and not together,
                "min_confidence": self.confidence.value(),
            },
        }


def _choice(words: dict[str, str], known: Sequence[str], chosen: Any) -> QComboBox:
    box = QComboBox()
    for key in known:
        box.addItem(words.get(key, key), key)
    box.setCurrentIndex(max(box.findData(chosen), 0))
    return box
