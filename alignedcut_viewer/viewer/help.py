"""What the keys do, and what there is to see."""

from collections.abc import Iterable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QLabel, QScrollArea

from .coordinator.docks import panel_classes
from .widgets.keys import GESTURES, KEYS
from .widgets.panel_base import Panel

__all__ = ["HelpPanel"]

STEPS = (
    "<b>Pictures.</b> Choose a folder in the Study panel, or the sample pictures.",
    "<b>Networks.</b> Choose one or more and press Run. Results are kept in a study folder, which you can reopen at "
    "any time, for example by dropping it on the window.",
    "<b>Colours.</b> Similar colours mean that the networks represent the pixels similarly, in any picture, layer or "
    "network. The colours themselves have no meaning.",
    "<b>Sliders.</b> Below the pictures: picture, layer (from 0) and network. Where a network has no such layer, there "
    "are no colours.",
    "<b>Pick.</b> Click in a picture: everything that the network represents similarly lights up in all pictures, "
    "layers and networks. The Selection panel has figure and ground, a threshold, masks, and names for what you found.",
    "<b>Export.</b> Figures and masks from the Export tab, or from the File menu.",
)


class HelpPanel(Panel):
    """First steps and keys."""

    title = "Help"

    def build(self) -> QScrollArea:
        """One text, which scrolls."""
        panels = {name: kind.keys for name, kind in panel_classes().items() if issubclass(kind, Panel) and kind.keys}
        keys = _rows((key.key, key.what) for key in KEYS)
        for name, panel_keys in panels.items():
            keys += f"<tr><td colspan='2'><br>in the <b>{name}</b> panel</td></tr>{_rows(panel_keys)}"
        steps = "".join(f"<p>{step}</p>" for step in STEPS)
        mouse = _rows(GESTURES)
        self.text = QLabel(
            f"<h3>First steps</h3>{steps}<h3>Mouse</h3><table>{mouse}</table><h3>Keys</h3><table>{keys}</table>"
        )
        self.text.setWordWrap(True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.text.setMargin(6)
        area = QScrollArea()
        area.setWidget(self.text)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        return area


def _rows(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<tr><td><b>{left}</b>&nbsp;&nbsp;</td><td>{right}</td></tr>" for left, right in pairs)
