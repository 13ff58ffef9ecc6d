"""What the Study panel can be set to, as plain values. Knows neither Qt nor napari.

Values are what a person enters: text such as ``4, 8-11`` is read when the study is computed, so that a half-typed
number is no error.
"""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...choices import OFFLINE_NETWORK
from ...cluster import computing_on
from ...errors import InputError
from ...places import Location, Url, as_place
from .evented import Evented

__all__ = [
    "ALIGNMENTS",
    "JOINT_SCOPES",
    "JOINT_SOLVERS",
    "KINDS",
    "PRESETS",
    "SAMPLES",
    "StudySettings",
    "parse_names",
    "parse_number",
    "shown_path",
]

SAMPLES = "sample pictures"
ALIGNMENTS = {
    "auto": "automatic",
    "hyperalignment": "fitted to these pictures",
    "shipped": "shipped with this package",
    "brain": "trained on brain data",
    "file": "from a file",
    "none": "none",
}
PRESETS = {"": "the defaults", "paper": "as in the paper"}
KINDS = {
    "alignedcut": "AlignedCut",
    "what": "what: values of all layers",
    "where": "where: queries and keys of all layers",
    "both": "what and where together",
}
JOINT_SOLVERS = {
    "direct": "eigenvectors",
    "gradient": "gradient descent",
    "scf": "self-consistent fields",
    "paper": "as in the paper, all settings",
}
JOINT_SCOPES = {"data set": "all pictures together", "picture": "each picture by itself"}


@dataclass
class StudySettings(Evented):
    """The settings of one study.

    Attributes
    ----------
    source
        Folder, file or glob of pictures, or :data:`SAMPLES`; "" for those that the study has.
    study
        Folder of the study; "" for one named after the pictures.
    cut_name
        Name of the result in the study; "" for one that is free.
    networks
        Names out of the list of networks.
    other_networks
        Further names, separated by commas or spaces.
    weights
        A checkpoint file for the only network; "" for published weights.
    layers
        ``all``, or numbers and ranges such as ``4, 8-11``.
    tap
        Where in a layer features are taken.
    input_size
        Side of the network's input in pixels; 0 for its own.
    alignment
        A key of :data:`ALIGNMENTS`.
    alignment_file
        The file, where `alignment` is ``file``.
    brain_data
        Folder or file of responses to the pictures, where `alignment` is ``brain``.
    eigen_weight, n_epochs, unusable
        How it is trained on them: weight of the eigen-constraint, most epochs, and what becomes of unusable voxels.
    kind
        A key of :data:`KINDS`: one graph over all tokens and layers, or a joint cut of all layers' attention graphs.
    joint_solver
        Of a joint cut, a key of :data:`JOINT_SOLVERS`; ``paper`` sets weights and neighbours, too.
    joint_scope
        Of a joint cut, a key of :data:`JOINT_SCOPES`.
    weights_of_layers
        How much each layer counts in a joint cut: ``agreement``, ``uniform`` or ``resolution``.
    neighbours
        Of each token in a joint cut: so many inside its picture, and as many in other pictures.
    preset
        A recipe whose settings hold where this has no field of its own, see :data:`PRESETS`; "" for the defaults.
    n_components
        Number of eigenvectors.
    gamma
        Width of the affinity: a number, or ``auto``.
    method
        Solver of the cut.
    n_landmarks
        Number of landmarks; 0 for the solver's own choice.
    seed
        Seed of everything random.
    device, precision, batch_size, memory
        Where and how to compute.
    workers
        Processes on this machine that long work goes to; 0 for none beside this one.
    scheduler
        Address of a Dask scheduler whose workers it goes to instead; "" for none.
    figure_pictures
        How many pictures an exported figure shows at most.
    mask_formats
        Keys of :data:`alignedcut_viewer.choices.MASK_FORMATS`.
    """

    source: str = ""
    study: str = ""
    cut_name: str = ""
    networks: tuple[str, ...] = (OFFLINE_NETWORK,)
    other_networks: str = ""
    weights: str = ""
    layers: str = "all"
    tap: str = "attention"
    input_size: int = 0
    alignment: str = "auto"
    alignment_file: str = ""
    brain_data: str = ""
    eigen_weight: float = 1.0
    n_epochs: int = 30
    unusable: str = "raise"
    kind: str = "alignedcut"
    joint_solver: str = "direct"
    joint_scope: str = "data set"
    weights_of_layers: str = "agreement"
    neighbours: int = 50
    preset: str = ""
    n_components: int = 20
    gamma: str = "1.0"
    method: str = "auto"
    n_landmarks: int = 0
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    batch_size: int = 8
    memory: str = "4GiB"
    workers: int = 0
    scheduler: str = ""
    figure_pictures: int = 12
    mask_formats: tuple[str, ...] = ("png",)

    @property
    def all_networks(self) -> tuple[str, ...]:
        """Chosen and typed names, each once.

        Raises
        ------
        InputError
            If there is none.
        """
        names = tuple(dict.fromkeys((*self.networks, *parse_names(self.other_networks))))
        if not names:
            raise InputError("Choose at least one network in the Study panel.")
        return names

    def computers(self) -> AbstractContextManager[Any]:
        """Where long work is computed, as it is set now: a context for the thread of the work."""
        return computing_on(self.workers or None, self.scheduler.strip() or None)

    def without(self, names: Sequence[str]) -> "StudySettings":
        """The same settings without some networks."""
        left = [name for name in parse_names(self.other_networks) if name not in names]
        kept = tuple(name for name in self.networks if name not in names)
        return replace(self, networks=kept, other_networks=", ".join(left)) if names else self

    @property
    def study_path(self) -> Location:
        """Folder of the study, or its URL.

        Raises
        ------
        InputError
            If none was entered.
        """
        if not self.study.strip():
            raise InputError("Enter a folder for the study in the Study panel.")
        return as_place(self.study.strip())


def shown_path(path: Location) -> str:
    """A path as it is shown and may be typed: what lies in the user's home begins with ``~``."""
    if isinstance(path, Url):
        return str(path)
    place = path.expanduser().absolute()
    try:
        return str(Path("~") / place.relative_to(Path.home()))
    except (ValueError, RuntimeError):  # it lies elsewhere, or there is no home
        return str(place)


def parse_names(text: str) -> tuple[str, ...]:
    """Names separated by commas, semicolons or white space, each once."""
    return tuple(dict.fromkeys(name for name in re.split(r"[,;\s]+", text) if name))


def parse_number(text: str, name: str) -> float | str:
    """A positive number, or ``auto``.

    Raises
    ------
    InputError
        If the text is neither.
    """
    stripped = text.strip().lower()
    if stripped == "auto":
        return "auto"
    try:
        number = float(stripped)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise InputError(f"{name} must be a positive number or 'auto'; got {text!r}.")
    return number
