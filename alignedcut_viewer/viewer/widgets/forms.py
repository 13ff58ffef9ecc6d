"""Building blocks of panels: forms bound to the settings, path fields, wrapped text."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from magicgui.widgets import CheckBox, Container, Label, LineEdit, PushButton, Select
from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QFormLayout,
    QFrame,
    QLabel,
    QListWidget,
    QScrollArea,
    QScrollBar,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ..coordinator.coordinator import Coordinator
from ..state.settings import StudySettings

__all__ = [
    "PathField",
    "SettingsForm",
    "column",
    "guard_from_wheel",
    "in_scroll_area",
    "listing",
    "narrow",
    "narrow_box",
    "note",
    "row",
    "scrolled",
    "section",
    "show_row",
]


class PathField(Container):
    """A line for a path with a button that asks for one.

    Parameters
    ----------
    name, label, tooltip
        As for any magicgui widget.
    ask
        Called by the button with the present text; returns a path, or None if the user thought better of it.
    placeholder
        Shown while the line is empty.
    """

    def __init__(
        self, name: str, label: str, tooltip: str, ask: Callable[[str], Path | None], placeholder: str = ""
    ) -> None:
        self.line = LineEdit(name="line", tooltip=tooltip)
        self.button = PushButton(name="choose", text="Choose…", tooltip=tooltip)
        super().__init__(
            name=name, label=label, tooltip=tooltip, layout="horizontal", labels=False, widgets=[self.line, self.button]
        )
        self.margins = (0, 0, 0, 0)
        self.line.native.setPlaceholderText(placeholder)
        self.line.native.setMinimumWidth(70)
        self.button.native.setMinimumWidth(self.button.native.fontMetrics().horizontalAdvance("Choose…") + 16)
        self._ask = ask
        self.button.changed.connect(self._choose)

    @property
    def text(self) -> str:
        """What the line says."""
        return str(self.line.value)

    def _choose(self) -> None:
        path = self._ask(self.text)
        if path is not None:
            self.line.value = str(path)


class SettingsForm:
    """Widgets named after fields of the settings, kept equal to them both ways.

    Parameters
    ----------
    coordinator
        Holds the settings.
    widgets
        Widget of each field.
    """

    def __init__(self, coordinator: Coordinator, widgets: Mapping[str, ValueWidget | PathField]) -> None:
        self._coordinator = coordinator
        self._widgets = {name: w.line if isinstance(w, PathField) else w for name, w in widgets.items()}
        for name, widget in self._widgets.items():
            widget.changed.connect(lambda value, name=name: self._store(name, value))

    def _store(self, name: str, value: Any) -> None:
        kind = type(getattr(self._coordinator.settings, name))
        self._coordinator.settings.update(**{name: tuple(value) if kind is tuple else kind(value)})

    def show(self, settings: StudySettings) -> None:
        """Set the widgets to the settings."""
        for name, widget in self._widgets.items():
            value = getattr(settings, name)
            shown = widget.value
            if (tuple(shown) if isinstance(value, tuple) else shown) != value:
                with widget.changed.blocked():
                    widget.value = list(value) if isinstance(value, tuple) else value


def note(text: str = "", name: str = "note") -> Label:
    """A line of explanation that wraps."""
    label = Label(name=name, value=text)
    native: QLabel = label.native
    native.setWordWrap(True)
    native.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    return label


def section(title: str, *widgets: Any, wide: Sequence[Any] = ()) -> QWidget:
    """Widgets under a heading: labelled ones in two columns; notes, buttons and `wide` ones across both."""
    box = QWidget()
    form = QFormLayout(box)
    form.setContentsMargins(6, 6, 6, 2)
    form.setVerticalSpacing(5)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    if title:
        form.addRow(QLabel(f"<b>{title}</b>"))
    for widget in widgets:
        native = widget.native
        if not isinstance(widget, PushButton | CheckBox | Label) and widget not in wide:
            label = QLabel(widget.label)
            label.setToolTip(widget.tooltip or "")
            form.addRow(label, native)
        else:
            form.addRow(native)
    # The panel keeps the widgets, not only their natives, for as long as the section lives.
    box.widgets = widgets
    return box


def show_row(widget: Any, visible: bool) -> None:
    """Show or hide a widget of a section together with its label."""
    native: QWidget = widget.native
    native.setVisible(visible)
    parent = native.parentWidget()
    form = None if parent is None else parent.layout()
    label = form.labelForField(native) if isinstance(form, QFormLayout) else None
    if label is not None:
        label.setVisible(visible)


def scrolled(*parts: QWidget) -> QScrollArea:
    """Parts below one another in an area that scrolls up and down, never sideways."""
    return in_scroll_area(column(*parts))


def column(*parts: QWidget) -> QWidget:
    """Parts below one another."""
    inside = QWidget()
    layout = QVBoxLayout(inside)
    layout.setContentsMargins(2, 2, 2, 2)
    layout.setSpacing(4)
    for part in parts:
        layout.addWidget(part)
    layout.addStretch(1)
    return inside


def in_scroll_area(inside: QWidget, *, shrinking: bool = False) -> QScrollArea:
    """A widget in an area that scrolls up and down where it is too low, never sideways.

    Parameters
    ----------
    inside
        The widget.
    shrinking
        Whether it is made as low as it can be before anything is scrolled; else it keeps the height that it asks for.
    """
    area = _ShrinkingArea() if shrinking else _TallArea()
    area.setWidget(inside)
    return area


class _TallArea(QScrollArea):
    """A scroll area that is never narrower than what it holds, whatever fonts and themes make of that later."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def minimumSizeHint(self) -> QSize:
        """Wide enough for the contents and the scroll bar."""
        inside = self.widget()
        width = 0 if inside is None else inside.minimumSizeHint().width()
        return QSize(width + self.verticalScrollBar().sizeHint().width() + 2, 80)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ask for another width when the contents want one."""
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)


class _ShrinkingArea(_TallArea):
    """Scrolls only where less than the least height is left.

    Qt's own areas give a widget whose texts wrap the height that it would like to have.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(False)

    def _fit(self) -> None:
        inside = self.widget()
        if inside is None:
            return
        room, least = self.maximumViewportSize(), inside.minimumSizeHint()
        width, height = room.width(), room.height()
        if least.width() > width and self.horizontalScrollBarPolicy() != Qt.ScrollBarPolicy.ScrollBarAlwaysOff:
            height -= self.horizontalScrollBar().sizeHint().height()
        if self._least_height(width) > height:
            width -= self.verticalScrollBar().sizeHint().width()
        width = max(width, least.width())
        inside.resize(width, max(height, self._least_height(width)))

    def _least_height(self, width: int) -> int:
        inside = self.widget()
        layout = inside.layout()
        if layout is not None and layout.hasHeightForWidth():
            return int(layout.minimumHeightForWidth(width))
        return int(inside.minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit what is inside to the new size."""
        super().resizeEvent(event)
        self._fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Fit what is inside when it wants another size."""
        done = super().eventFilter(watched, event)
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return done


def listing(select: Select) -> Select:
    """Let a list show all its entries, and choose them by a click each."""
    native: QListWidget = select.native
    native.setSelectionMode(QAbstractItemView.SelectionMode.MultiSelection)
    native.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    native.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    native.setTextElideMode(Qt.TextElideMode.ElideRight)
    native.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    native.setMinimumWidth(120)
    native.installEventFilter(_FitRows(native))
    return select


class _FitRows(QObject):
    """Keeps a list as high as its rows, whatever fonts and themes make of them."""

    _occasions = (QEvent.Type.Show, QEvent.Type.StyleChange, QEvent.Type.FontChange, QEvent.Type.Polish)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in self._occasions and isinstance(watched, QListWidget):
            rows = sum(watched.sizeHintForRow(row) for row in range(watched.count()))
            margins = watched.contentsMargins()
            watched.setFixedHeight(rows + margins.top() + margins.bottom() + 2 * watched.frameWidth() + 2)
        return super().eventFilter(watched, event)


class _WheelGuard(QObject):
    """Lets the wheel pass over a form field that was not clicked into: the form scrolls, and no setting changes."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()  # Qt then offers it to what the field lies in
            return True
        return False


def guard_from_wheel(parent: QWidget) -> None:
    """Let no spin box, combo box or slider in a widget take the mouse wheel before it has the focus."""
    guard = parent.findChild(_WheelGuard) or _WheelGuard(parent)
    for kind in (QAbstractSpinBox, QComboBox, QAbstractSlider):
        for field in parent.findChildren(kind):
            if not isinstance(field, QScrollBar):
                if field.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                    field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                field.installEventFilter(guard)  # once, however often it is installed


def row(*widgets: Any) -> Container:
    """Widgets beside one another."""
    box = Container(layout="horizontal", labels=False, widgets=list(widgets), label="")
    box.margins = (0, 0, 0, 0)
    return box


def narrow(widget: Any) -> Any:
    """Let a widget be narrower than its longest entry."""
    if isinstance(widget.native, QComboBox):
        narrow_box(widget.native)
    widget.native.setMinimumWidth(80)
    return widget


def narrow_box(box: QComboBox, letters: int = 8) -> None:
    """Let a box be narrower than its longest entry, down to some letters; its list is as wide as ever."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(letters)
