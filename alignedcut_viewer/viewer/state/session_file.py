"""The state of a window as plain values, and its file. Knows neither Qt nor napari."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...atomic_files import replace_file
from ...choices import DISTRIBUTION
from ...errors import StorageError
from ...foreign_files import reading_foreign
from ...node_ranges import as_ranges, from_ranges, translate
from ...nodes import NodeIndex

__all__ = ["AUTOSAVE", "ENDING", "SessionState", "read_session", "write_session"]

AUTOSAVE = "session.json"
"""Name of the file inside a study that remembers how it was last looked at."""

ENDING = ".session.json"
FORMAT = 3
MARK = "alignedcut_session"


@dataclass
class SessionState:
    """How a study is looked at.

    Attributes
    ----------
    study
        Folder of the study.
    cut
        Name of the cut; "" where only pictures are shown.
    index
        The numbering of nodes that `selections` are in; None without a cut.
    selections
        Nodes of figure and ground.
    active
        The selection that picking changes.
    position
        Network, layer and image that the sliders show; None without a cut.
    similarity
        Fields of :class:`~alignedcut_viewer.viewer.state.similarity.SimilaritySettings`.
    smooth, drag_selects
        Whether colours are interpolated, and whether drags choose a region.
    canvas
        What lies over the pictures, where that is a region or concepts; {} where that is not known.
    camera
        Centre (y, x) and zoom of the view.
    layers
        For each layer of ours whether it is visible, and how opaque.
    panels
        Names of the panels that are open, in their order.
    panel_state
        What each panel wants to find again.
    arrangement
        Workspace, size of the window, and places of the panels; {} where that is not known.
    """

    study: str
    cut: str = ""
    index: NodeIndex | None = None
    selections: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    active: str = "figure"
    position: tuple[str, int, int] | None = None
    similarity: dict[str, Any] = field(default_factory=dict)
    smooth: bool = False
    drag_selects: bool = False
    canvas: dict[str, Any] = field(default_factory=dict)
    camera: dict[str, Any] = field(default_factory=dict)
    layers: dict[str, dict[str, Any]] = field(default_factory=dict)
    panels: list[str] = field(default_factory=list)
    panel_state: dict[str, dict[str, Any]] = field(default_factory=dict)
    arrangement: dict[str, Any] = field(default_factory=dict)

    def nodes_in(self, index: NodeIndex) -> dict[str, NDArray[np.int64]]:
        """The selections in the numbering of `index`; places that it does not have are left out."""
        if self.index is None:
            return {}
        return {which: translate(nodes, self.index, index) for which, nodes in self.selections.items()}


def write_session(path: Path, state: SessionState) -> None:
    """Write a session in one step.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    content = asdict(state) | {
        "index": None if state.index is None else state.index.as_dict(),
        "selections": {which: as_ranges(nodes) for which, nodes in state.selections.items()},
        "position": None if state.position is None else list(state.position),
    }
    try:
        text = json.dumps({MARK: FORMAT, **content}, ensure_ascii=False, separators=(",", ":"), default=_plain)
    except (TypeError, ValueError) as error:
        raise StorageError(f"The state of a panel cannot be saved ({error}).") from error
    if not path.parent.is_dir():
        raise StorageError(f"The folder {path.parent} is gone; save the session elsewhere.")
    replace_file(path, text.encode())


def read_session(path: Path) -> SessionState:
    """Read a session.

    Raises
    ------
    StorageError
        If there is none, or it is damaged or of a newer version.
    """
    with reading_foreign(path, "a session", StorageError):
        content = json.loads(path.read_text(encoding="utf-8"))
        version = int(content.pop(MARK))
        if version > FORMAT:
            raise StorageError(f"{path} was written by a newer version of {DISTRIBUTION}; upgrade to open it.")
        index = None if content["index"] is None else NodeIndex.from_dict(content["index"])
        n_nodes = 0 if index is None else len(index)
        selections = {str(which): from_ranges(ranges, n_nodes) for which, ranges in content["selections"].items()}
        position = content["position"]
        return SessionState(
            **content
            | {
                "index": index,
                "selections": selections,
                "position": None if position is None else (str(position[0]), int(position[1]), int(position[2])),
            }
        )


def _plain(value: Any) -> Any:
    """Numbers and arrays of NumPy as JSON knows them."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
