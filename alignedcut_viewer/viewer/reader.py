"""Folders of pictures and studies, dropped on the window or opened from the File menu."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import AlignedCutError
from ..images import open_pictures
from .frames.loading import load_pictures, load_study
from .frames.stacks import AXES
from .state.session_file import ENDING, read_session

__all__ = ["coordinator_in_front", "get_reader", "picture_layer", "read_folder", "read_study"]

Layers = list[tuple[Any, ...]]
SHOWN_ELSEWHERE: Layers = [(None,)]


def get_reader(path: str | Sequence[str]) -> Callable[[Any], Layers] | None:
    """The reader for a study, a session or a folder of pictures, if `path` is one of these; None for anything else."""
    if isinstance(path, str | os.PathLike) and os.fspath(path).endswith(ENDING) and Path(path).is_file():
        return read_saved_session
    if not isinstance(path, str | os.PathLike) or not Path(path).is_dir():
        return None
    if _is_study(Path(path)):
        return read_study
    try:
        open_pictures(os.fspath(path))
    except AlignedCutError:
        return None
    return read_folder


def read_folder(path: str) -> Layers:
    """Pictures of a folder: shown in the window where there is one, as layers else."""
    coordinator = coordinator_in_front()
    if coordinator is not None:
        coordinator.open_pictures(path)
        return SHOWN_ELSEWHERE
    loaded = load_pictures(path)
    return [picture_layer(loaded)]


def read_study(path: str) -> Layers:
    """A study: shown in the window where there is one, as layers else."""
    coordinator = coordinator_in_front()
    if coordinator is not None:
        coordinator.open_study(path)
        return SHOWN_ELSEWHERE
    loaded = load_study(path)
    layers = [picture_layer(loaded.pictures)]
    colours = loaded.colours(smooth=False)
    if colours is not None:
        layers.append((colours, {**_SETTINGS, "name": loaded.layer_name, "axis_labels": AXES, "opacity": 0.7}, "image"))
    return layers


def read_saved_session(path: str) -> Layers:
    """A session: its study as it was then in the window where there is one, the study's layers else."""
    coordinator = coordinator_in_front()
    if coordinator is not None:
        coordinator.open_session(path)
        return SHOWN_ELSEWHERE
    return read_study(read_session(Path(path)).study)


def picture_layer(loaded: Any, stack: Any = None) -> tuple[Any, ...]:
    """Pictures as napari takes them from readers."""
    settings = {**_SETTINGS, "name": "Pictures", "axis_labels": AXES[2:], "metadata": {"names": loaded.names}}
    return loaded.stack() if stack is None else stack, settings, "image"


def _is_study(path: Path) -> bool:
    """Whether a folder is a study of any version; whether it can be opened is told by opening it."""
    try:
        mark = json.loads((path / "zarr.json").read_bytes())["attributes"]
    except (OSError, ValueError, KeyError):
        return False
    return isinstance(mark, dict) and "alignedcut_study" in mark


def coordinator_in_front() -> Any:
    """The coordinator of the window in front, with its panel; None where there is no window."""
    import napari

    viewer = napari.current_viewer()
    if viewer is None:
        return None
    from .coordinator.coordinator import Coordinator
    from .widgets.commands import show_study_panel

    show_study_panel(viewer)
    return Coordinator.of(viewer)


_SETTINGS = {"rgb": True, "multiscale": False, "projection_mode": "none"}
