"""Prints every text of our panels that is cut off; run in a process of its own, with a scale and a theme."""

import json
import os
import sys

os.environ["NAPARI_CONFIG"] = ""


def main(study: str, theme: str) -> None:
    from qtpy.QtWidgets import QApplication, QCheckBox, QLabel, QPushButton, QRadioButton, QToolButton
    from superqt import QCollapsible

    from alignedcut_viewer.viewer import launch
    from alignedcut_viewer.viewer.coordinator.coordinator import Coordinator
    from alignedcut_viewer.viewer.coordinator.docks import panel_names, show_panel

    viewer = launch(study, block=False)
    viewer.theme = theme
    coordinator = Coordinator.of(viewer)

    def settle() -> None:
        """Lay out and paint until no text changes its place any more."""
        places, now = None, []
        while places != now:
            places = now
            for _ in range(5):
                QApplication.processEvents()
            now = [(w.x(), w.y(), w.width(), w.height()) for w in QApplication.allWidgets() if w.isVisible()]

    coordinator.selection.select([20, 21])
    coordinator.similarity.settings.update(mask=True, threshold=0.4)
    cut, seen, untold = [], 0, []
    for name in panel_names():
        panel = show_panel(viewer, name)
        settle()
        for folded in panel.findChildren(QCollapsible):
            folded.expand(animate=False)
        settle()
        tabs = getattr(panel, "tabs", None)
        for page in range(1 if tabs is None else tabs.count()):
            if tabs is not None:
                tabs.setCurrentIndex(page)
                settle()
            for kind in (QLabel, QPushButton, QCheckBox, QRadioButton, QToolButton):
                for widget in panel.findChildren(kind):
                    text = widget.text()
                    if not widget.isVisible() or not text:
                        continue
                    seen += 1
                    if isinstance(widget, QLabel) and widget.wordWrap():
                        wanted = (0, widget.heightForWidth(widget.width()))
                    else:
                        wanted = (widget.minimumSizeHint().width(), widget.fontMetrics().height())
                    if widget.width() < wanted[0] or widget.height() < wanted[1]:
                        cut.append([name, kind.__name__, text[:60], [widget.width(), widget.height()], list(wanted)])
                    if kind is not QLabel and not widget.toolTip() and widget.objectName() != "qt_toolbar_ext_button":
                        untold.append([name, kind.__name__, text[:60]])
    ratio = viewer.window._qt_window.devicePixelRatioF()
    coordinator.sessions.close()
    viewer.close()
    print("\n" + json.dumps({"cut": cut, "seen": seen, "ratio": ratio, "untold": untold}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
