"""The bar at the top of the window: workspaces at the left, what is going on at the right, and a banner below."""

from functools import partial
from typing import Any

from napari.utils.notifications import Notification, notification_manager
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMenu,
    QProgressBar,
    QSizePolicy,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from ...errors import AlignedCutError
from ..coordinator.coordinator import Coordinator
from ..state.workspaces import WORKSPACES
from ..work.dialogs import ask_text, window_of
from ..work.task_runner import tell_error
from .qt_warning import put_away_warning_of_qt
from .toasts import show_whole_and_leave_focus
from .view import View

__all__ = ["WindowBar", "install_window_bar"]

BAR = "AlignedCut bar"


class WindowBar(View):
    """Workspaces, status and banner of one window."""

    def __init__(self, coordinator: Coordinator, parent: QWidget | None = None) -> None:
        super().__init__(coordinator, parent)
        self.buttons: dict[str, QToolButton] = {}
        self._group = QButtonGroup(self)
        self._left = QHBoxLayout()
        self._left.setSpacing(1)
        self.more = QToolButton()
        self.more.setText("⋯")
        self.more.setToolTip("Own workspaces, and the layout as it was at first")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu = QMenu(self.more)
        self.menu.aboutToShow.connect(self.fill_menu)
        self.more.setMenu(self.menu)
        self.line = QElidingLabel()
        self.line.setElideMode(Qt.TextElideMode.ElideRight)
        self.line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.line.setMinimumWidth(80)
        self.line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.progress = QProgressBar()
        self.progress.setFixedWidth(120)
        self.progress.setTextVisible(False)
        self.cancel = QToolButton()
        self.cancel.setText("Cancel")
        self.cancel.setToolTip("Stop at the next step; finished steps are kept (Shift-Escape)")
        self.banner = QLabel()
        self.banner.setWordWrap(True)
        self.banner.setStyleSheet("background: #8a5a00; color: white; padding: 3px 8px;")
        self.banner.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        top = QHBoxLayout()
        top.setContentsMargins(4, 1, 4, 1)
        top.addLayout(self._left)
        top.addWidget(self.more)
        top.addSpacing(12)
        top.addWidget(self.line, 1)
        top.addWidget(self.progress)
        top.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(self.banner)
        self.setStyleSheet(
            "QToolButton { padding: 2px 7px; } QToolButton::menu-indicator { image: none; }"
            "QToolButton:checked { background: rgba(90, 120, 255, 150); border-radius: 3px; }"
        )
        self._make_buttons()
        self.cancel.clicked.connect(coordinator.tasks.cancel)

    def _make_buttons(self) -> None:
        keys = {workspace.name: number for number, workspace in enumerate(WORKSPACES, 1)}
        for name in self.coordinator.workspaces.names:
            button = QToolButton()
            button.setText(name)
            button.setCheckable(True)
            button.setToolTip(f"The workspace {name} (Ctrl-{keys[name]})")
            button.clicked.connect(partial(self.show_workspace, name))
            self._group.addButton(button)
            self._left.addWidget(button)
            self.buttons[name] = button

    def listen(self) -> None:
        """Follow status, workspaces, what is shown, and what napari tells."""
        coordinator = self.coordinator
        self.follow(coordinator.status.changed, self._draw_status)
        self.follow(coordinator.workspaces.changed, self._draw_workspace)
        self.follow(coordinator.shown.changed, self._draw_banner)
        notification_manager.notification_ready.connect(self._on_notification)

    def rest(self) -> None:
        """Listen to napari's notifications no longer."""
        notification_manager.notification_ready.disconnect(self._on_notification)

    def redraw(self) -> None:
        """Show everything as it is now."""
        self._draw_status()
        self._draw_workspace()
        self._draw_banner()

    # -- what is going on ----------------------------------------------------------------------------------------

    def _draw_status(self) -> None:
        status = self.coordinator.status
        self.line.setText(status.line)
        self.line.setToolTip(status.line)
        task = status.task
        for widget in (self.progress, self.cancel):
            widget.setVisible(task.busy)
        self.cancel.setEnabled(not task.stopping)
        self.progress.setRange(0, max(task.total, 0))
        self.progress.setValue(max(task.done, 0))

    def _draw_banner(self) -> None:
        study = self.coordinator.shown.study
        sentences = [] if study is None else study.stand_ins
        self.banner.setText("\n".join(sentences))
        self.banner.setVisible(bool(sentences))

    def _on_notification(self, notification: Notification) -> None:
        self.coordinator.status.say(str(notification.message))
        QTimer.singleShot(0, self._tame_toasts)

    def _tame_toasts(self) -> None:
        show_whole_and_leave_focus(window_of(self.coordinator.viewer))

    # -- workspaces ----------------------------------------------------------------------------------------------

    def _draw_workspace(self) -> None:
        current = self.coordinator.workspaces.current
        self._group.setExclusive(False)
        for name, button in self.buttons.items():
            button.setChecked(name == current)
        self._group.setExclusive(True)

    def show_workspace(self, name: str, *_: object) -> None:
        """Arrange the panels of a workspace."""
        self._told(partial(self.coordinator.workspaces.show, name))

    def fill_menu(self) -> None:
        """The menu behind the dots."""
        workspaces = self.coordinator.workspaces
        self.menu.clear()
        for name in (*workspaces.names, *workspaces.own):
            action = self.menu.addAction(name, partial(self.show_workspace, name))
            action.setCheckable(True)
            action.setChecked(name == workspaces.current)
        self.menu.addSeparator()
        self.menu.addAction("Reset layout", partial(self._told, workspaces.reset))
        self.menu.addAction("Save workspace as…", self._save)
        if workspaces.own:
            delete = self.menu.addMenu("Delete")
            for name in workspaces.own:
                delete.addAction(name, partial(self._told, partial(workspaces.delete, name)))

    def _save(self) -> None:
        name = ask_text(self, "Save workspace", "Name of this arrangement of the panels:")
        if name is not None:
            self._told(partial(self.coordinator.workspaces.save, name))

    def _told(self, action: Any) -> None:
        try:
            action()
        except AlignedCutError as error:
            tell_error(error)


class _Bar(QToolBar):
    """Goes with the bar in it."""

    def event(self, event: QEvent) -> bool:
        """Let no menu of Qt's hide the bar: there would be no way back."""
        if event.type() == QEvent.Type.ContextMenu:
            event.accept()
            return True
        return bool(super().event(event))


def install_window_bar(coordinator: Coordinator) -> WindowBar | None:
    """Put the bar into the window of a coordinator's viewer, or find it; None without a window."""
    window = window_of(coordinator.viewer)
    if not isinstance(window, QMainWindow):
        return None
    there = next((bar for bar in window.findChildren(QToolBar) if bar.objectName() == BAR), None)
    if there is not None:
        found = there.findChild(WindowBar)
        if found is not None and found.coordinator is coordinator:
            return found
        window.removeToolBar(there)
        there.deleteLater()
    bar = _Bar(BAR, window)
    bar.setObjectName(BAR)
    bar.setMovable(False)
    bar.setFloatable(False)
    contents = WindowBar(coordinator)
    bar.addWidget(contents)
    window.addToolBar(Qt.ToolBarArea.TopToolBarArea, bar)
    put_away_warning_of_qt(window)
    return contents
