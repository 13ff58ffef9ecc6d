"""What the keys do, and what there is to see."""

import napari.viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from .trajectories.tools import MAP_KEYS
from .widgets.keys import GESTURES, KEYS, PANEL_KEYS, bind_keys

__all__ = ["HelpPanel"]

STEPS = (
    "<b>Pictures.</b> Choose a folder in the Study panel, or the sample pictures.",
    "<b>Networks.</b> Choose one or more and press Run. Results are kept in a study folder: open it again at any time, "
    "by dropping it on the window too.",
    "<b>Colours.</b> Equal colours mean: alike to the network, in whichever picture, layer or network. The colours "
    "themselves carry no meaning.",
    "<b>Sliders.</b> Below the pictures: picture, layer (from 0) and network. A network that lacks a layer is left "
    "uncoloured there.",
    "<b>Pick.</b> Click into a picture: all that is the same to the network lights up in all pictures, layers and "
    "networks. The Selection panel has figure and ground, a threshold, masks, and names for what you found.",
    "<b>Export.</b> Figures and masks from the Export tab, or from the File menu.",
)


class HelpPanel(QWidget):
    """First steps and keys.

    Parameters
    ----------
    viewer
        The viewer that the panel is docked in; napari gives it.
    """

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        bind_keys(viewer)
        self.setMinimumWidth(300)
        rows = "".join(f"<tr><td><b>{k.key}</b>&nbsp;&nbsp;</td><td>{k.what}</td></tr>" for k in KEYS)
        mouse = "".join(f"<tr><td><b>{gesture}</b>&nbsp;&nbsp;</td><td>{what}</td></tr>" for gesture, what in GESTURES)
        for panel, keys in {"Trajectories": MAP_KEYS, **PANEL_KEYS}.items():
            rows += f"<tr><td colspan='2'><br>in the <b>{panel}</b> panel</td></tr>"
            rows += "".join(f"<tr><td><b>{key}</b>&nbsp;&nbsp;</td><td>{what}</td></tr>" for key, what in keys)
        steps = "".join(f"<p>{step}</p>" for step in STEPS)
        self.text = QLabel(
            f"<h3>First steps</h3>{steps}<h3>Mouse</h3><table>{mouse}</table><h3>Keys</h3><table>{rows}</table>"
        )
        self.text.setWordWrap(True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.text.setMargin(6)
        area = QScrollArea()
        area.setWidget(self.text)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)
