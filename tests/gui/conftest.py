"""A real napari viewer for each test, with all workers ended before it goes."""

import os

os.environ["NAPARI_CONFIG"] = ""

import pytest
from qtpy.QtCore import QCoreApplication, Qt

# Must precede the first QApplication; napari and vispy share one OpenGL context among their canvases. Dialogs must be
# Qt's own, so that tests can drive them with mouse and keys on every platform.
QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)


def pytest_collection_modifyitems(items):
    for item in items:
        if "/gui/" in item.path.as_posix():
            item.add_marker(pytest.mark.gui)
