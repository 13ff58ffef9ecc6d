"""The rows of buttons and fields around the map."""

from dataclasses import replace
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...nodes import NodeIndex
from ..state.history import SELECTION_COLOURS
from ..widgets.forms import narrow_box
from ..widgets.painting import Colours, swatch
from .colours import COLOUR_BY
from .paths import MapChoice
from .tools import TOOLS

__all__ = ["MapControls"]


def _button(text: str, words: str, *, checkable: bool = False) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(words)
    button.setAccessibleName(words)
    button.setCheckable(checkable)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    button.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)  # never narrower than its words
    return button


class MapControls(QWidget):
    """Tools, colours and filters of the map.

    Attributes
    ----------
    tool_chosen
        Signal (name of a tool).
    choice_changed
        Signal (MapChoice).
    fitted, zoomed
        Signals: see all; zoom by a factor.
    active_toggled
        Signal: let tools change the other selection.
    """

    tool_chosen = Signal(str)
    choice_changed = Signal(object)
    fitted = Signal()
    zoomed = Signal(float)
    active_toggled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.choice = MapChoice()
        self._index: NodeIndex | None = None
        self.tools: dict[str, QToolButton] = {}
        group = QButtonGroup(self)
        group.setExclusive(True)
        first = QHBoxLayout()
        for tool, words in TOOLS.items():
            button = _button(tool.capitalize(), words, checkable=True)
            button.clicked.connect(lambda on, tool=tool: self.tool_chosen.emit(tool))
            group.addButton(button)
            self.tools[tool] = button
            first.addWidget(button)
        self.tools["move"].setChecked(True)
        self.active = _button("figure", "Which selection lasso, brush and clicks change (Shift-F, Shift-G)")
        self.active.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.active.clicked.connect(self.active_toggled)
        first.addSpacing(6)
        first.addWidget(self.active)
        first.addStretch(1)
        self.smaller = _button("−", "Zoom out (−)")
        self.larger = _button("+", "Zoom in (+)")
        self.all = _button("All", "See the whole map (Home)")
        self.smaller.clicked.connect(lambda: self.zoomed.emit(1 / 1.25))
        self.larger.clicked.connect(lambda: self.zoomed.emit(1.25))
        self.all.clicked.connect(self.fitted)
        for widget in (self.smaller, self.larger, self.all):
            first.addWidget(widget)

        self.colour_by = QComboBox()
        self.colour_by.setToolTip("What the colours of the points mean")
        self.colour_by.setAccessibleName("Colour points by")
        for key, words in COLOUR_BY.items():
            self.colour_by.addItem(words, key)
        self.colour_by.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        narrow_box(self.colour_by, 10)
        self.colour_by.currentIndexChanged.connect(lambda at: self._change(colour_by=self.colour_by.itemData(at)))
        second = QHBoxLayout()
        second.addWidget(QLabel("Colour"))
        second.addWidget(self.colour_by, 1)

        self.networks = _button("Networks", "Which networks are shown")
        self.networks.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.networks.setMenu(QMenu(self.networks))
        self.first_layer, self.last_layer = QSpinBox(), QSpinBox()
        for box, words in ((self.first_layer, "First layer that is shown"), (self.last_layer, "Last layer shown")):
            box.setToolTip(words)
            box.setAccessibleName(words)
            box.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)  # arrow keys and the wheel do; there is little room
            box.setFixedWidth(box.fontMetrics().horizontalAdvance("00") + 26)
            box.valueChanged.connect(self._change_layers)
        self.paths = QCheckBox("paths")
        self.paths.setToolTip("Follow the selected pixels from layer to layer; thick: a few paths that stand for all")
        self.flow = QCheckBox("all")
        self.flow.setToolTip("Draw the paths of all pixels, coloured from early to late layers")
        self.paths.toggled.connect(lambda on: self._change(paths=on))
        self.flow.toggled.connect(lambda on: self._change(flow=on))
        self.more = _button("Guides ▾", "Contours of density, names of concepts, an atlas of what tokens show")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.contours, self.names, self.atlas = self._guides()
        second.addWidget(self.networks)
        third = QHBoxLayout()
        third.addWidget(QLabel("Layers"))
        third.addWidget(self.first_layer)
        third.addWidget(QLabel("to"))
        third.addWidget(self.last_layer)
        third.addSpacing(4)
        third.addWidget(self.paths)
        third.addWidget(self.flow)
        third.addWidget(self.more)
        third.addStretch(1)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for line in (first, second, third):
            line.setSpacing(5)
            layout.addLayout(line)

    def _guides(self) -> tuple[QAction, QAction, QAction]:
        """What can be laid over the points, in a menu: there is little room."""
        menu = QMenu(self.more)
        menu.setToolTipsVisible(True)
        self.more.setMenu(menu)
        contours, names, atlas = (QAction(text, menu) for text in ("contours", "names of concepts", "atlas"))
        contours.setToolTip("Draw lines around the densest 25, 50, 75 and 95 % of the tokens")
        names.setToolTip("Name concepts where they lie, beside a picture of each; the more, the more you zoom in")
        atlas.setToolTip("Show the mean of what the tokens of each cell show; zoom in for finer cells")
        for action in (contours, names, atlas):
            action.setCheckable(True)
            menu.addAction(action)
        contours.toggled.connect(lambda on: self._change(contours=on))
        names.toggled.connect(lambda on: self._change(names=on))
        atlas.toggled.connect(lambda on: self._change(atlas=on))
        return contours, names, atlas

    def set_colours(self, colours: Colours) -> None:
        """Follow another theme: buttons that look like buttons, and the tool in use stands out."""
        line, current, text = colours.line.name(), colours.faint.name(), colours.text.name()
        self.setStyleSheet(
            f"QToolButton {{ border: 1px solid {line}; border-radius: 3px; padding: 2px 5px; color: {text}; }}"
            f"QToolButton:hover, QToolButton:focus {{ border-color: {text}; }}"
            f"QToolButton:checked {{ background: {current}; color: {colours.back.name()}; border-color: {current}; }}"
            "QToolButton::menu-indicator { image: none; }"
            "QSpinBox { min-width: 30px; max-width: 40px; padding: 1px 2px; }"  # napari's are wider than two digits
        )

    def show_index(self, index: NodeIndex) -> None:
        """Offer the networks and layers of a cut."""
        self._index = index
        menu = self.networks.menu()
        menu.clear()
        for network in index.networks:
            action = QAction(network.name, menu)
            action.setCheckable(True)
            action.triggered.connect(lambda on, name=network.name: self._show_network(name, on))
            menu.addAction(action)
        last = max(max(network.layers) for network in index.networks)
        self.networks.setEnabled(len(index.networks) > 1)
        for box in (self.first_layer, self.last_layer):
            box.blockSignals(True)
            box.setRange(0, last)
            box.blockSignals(False)
        self.show_choice(self.choice)

    def show_choice(self, choice: MapChoice) -> None:
        """Set all fields to a choice, without a signal."""
        self.choice = choice
        switches = (self.paths, self.flow, self.contours, self.names, self.atlas)
        fields = (self.colour_by, self.first_layer, self.last_layer, *switches)
        for field in fields:
            field.blockSignals(True)
        self.colour_by.setCurrentIndex(self.colour_by.findData(choice.colour_by))
        self.first_layer.setValue(choice.first_layer)
        self.last_layer.setValue(self.last_layer.maximum() if choice.last_layer < 0 else choice.last_layer)
        self.paths.setChecked(choice.paths)
        self.flow.setChecked(choice.flow)
        self.contours.setChecked(choice.contours)
        self.names.setChecked(choice.names)
        self.atlas.setChecked(choice.atlas)
        for field in fields:
            field.blockSignals(False)
        menu = self.networks.menu()
        for action in menu.actions():
            action.setChecked(action.text() not in choice.hidden)
        n_shown = sum(action.isChecked() for action in menu.actions())
        every = len(menu.actions())
        self.networks.setText("Networks ▾" if n_shown == every else f"{n_shown} of {every} networks ▾")

    def show_active(self, which: str) -> None:
        """Say which selection is changed."""
        self.active.setText(which)
        self.active.setIcon(swatch(SELECTION_COLOURS[which]))

    def show_tool(self, tool: str) -> None:
        """Press the button of a tool, without a signal."""
        self.tools[tool].setChecked(True)

    def _show_network(self, name: str, on: bool) -> None:
        hidden = set(self.choice.hidden)
        hidden.discard(name) if on else hidden.add(name)
        every = {network.name for network in self._index.networks} if self._index is not None else set()
        if every and every <= hidden:  # one must stay
            self.show_choice(self.choice)
            return
        self._change(hidden=tuple(sorted(hidden)))

    def _change_layers(self) -> None:
        first, last = self.first_layer.value(), self.last_layer.value()
        if first > last:
            if self.sender() is self.first_layer:
                last = first
            else:
                first = last
        self._change(first_layer=first, last_layer=-1 if last == self.last_layer.maximum() else last)

    def _change(self, **fields: Any) -> None:
        choice = replace(self.choice, **fields)
        if choice != self.choice:
            self.show_choice(choice)
            self.choice_changed.emit(choice)
