"""The settings of alignments that are trained on brain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..alignment.training_settings import check_settings
from ..errors import InputError
from ..parameters import one_of, real, whole
from .setting_values import Settings, set_value

__all__ = ["DEFAULT_SAMPLES", "BrainSettings"]

DEFAULT_SAMPLES = 12_000
"""Tokens of each layer that are drawn where nothing else is said."""


@dataclass(frozen=True)
class BrainSettings(Settings):
    """Which brain data guide an alignment, and how.

    Parameters
    ----------
    data
        Folder or file of brain data, or several of different people; see
        :func:`alignedcut_viewer.brain.open_brain_data`.
    pictures
        Folder that the picture names in it are relative to; None where the data say it themselves.
    unusable
        What becomes of voxels with NaN, zero or constant responses: ``"raise"`` or ``"drop"``.
    test
        Share of the pictures that takes no part in the training, for the scores that are reported.
    n_samples
        Tokens of each layer that are drawn from the pictures that are trained on, for the start and the constraint.
    voxels
        Whether the readout of all voxels is kept (for the cortex), or its means over regions only.
    maps
        File of an alignment whose maps stay as they are, while the readout is fitted to the responses; None trains
        both.
    eigen_weight, zero_weight, covariance_weight, focal, n_eigenvectors, n_nodes, gamma, broadening, slots_per_step, \
center, guidance, init, learning_rate, map_learning_rate, schedule, weight_decay, batch_size, n_epochs, patience, \
validation, keep, readout, memory
        See :class:`alignedcut_viewer.alignment.BrainAlignment`.
    """

    data: str | tuple[str, ...]
    pictures: str | None = None
    unusable: str = "raise"
    test: float = 0.1
    n_samples: int = DEFAULT_SAMPLES
    voxels: bool = True
    maps: str | None = None
    eigen_weight: float = 1.0
    zero_weight: float = 0.01
    covariance_weight: float = 0.01
    focal: bool = True
    n_eigenvectors: int = 6
    n_nodes: int = 100
    gamma: float = 1.0
    broadening: float = 0.03
    slots_per_step: int | None = None
    center: bool = True
    guidance: float = 0.7
    init: str = "isometry"
    learning_rate: float = 1e-3
    map_learning_rate: float | None = None
    schedule: str = "cosine"
    weight_decay: float = 0.01
    batch_size: int = 64
    n_epochs: int = 30
    patience: int = 5
    validation: float = 0.1
    keep: str = "best"
    readout: str = "best"
    memory: str = "4GiB"

    def __post_init__(self) -> None:
        if isinstance(self.data, Sequence) and not isinstance(self.data, str):
            several = tuple(str(path) for path in self.data)
            if not several:
                raise InputError("Brain-guided alignment needs brain data; name a folder or file.")
            set_value(self, "data", several if len(several) > 1 else several[0])
        else:
            set_value(self, "data", str(self.data))
        if self.pictures is not None:
            set_value(self, "pictures", str(self.pictures))
        one_of("treatment of unusable voxels", self.unusable, ("raise", "drop"))
        real("test", self.test, least=0, below=1)
        whole("n_samples", self.n_samples, 10)
        check_settings(self)
