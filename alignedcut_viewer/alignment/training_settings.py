"""What the settings of brain-guided training must satisfy, wherever they are held. Imports nothing heavy."""

from __future__ import annotations

from typing import Any, Protocol

from ..choices import STARTING_MAPS
from ..device import parse_memory
from ..parameters import one_of, real, whole

__all__ = ["TrainingSettings", "check_settings"]

_CHOICES = {
    "init": STARTING_MAPS,
    "schedule": ("cosine", "constant"),
    "keep": ("best", "last"),
    "readout": ("best", "trained"),
}


class TrainingSettings(Protocol):
    """What the steps need to know; see :class:`~alignedcut_viewer.alignment.BrainAlignment`."""

    eigen_weight: float
    zero_weight: float
    covariance_weight: float
    focal: bool
    n_eigenvectors: int
    n_nodes: int
    gamma: float
    broadening: float
    slots_per_step: int | None
    init: str
    learning_rate: float
    map_learning_rate: float | None
    schedule: str
    weight_decay: float
    batch_size: int
    n_epochs: int
    patience: int
    validation: float
    keep: str
    readout: str
    seed: int
    memory: int | float | str


def check_settings(settings: Any) -> None:
    """Refuse settings that cannot work: attributes of the estimator itself, or settings of a study.

    Raises
    ------
    InputError
        Names the setting.
    """
    for name, known in _CHOICES.items():
        one_of(name, getattr(settings, name), known)
    for name in ("eigen_weight", "zero_weight", "covariance_weight", "weight_decay"):
        real(name, getattr(settings, name), least=0)
    for name in ("gamma", "broadening", "learning_rate"):
        real(name, getattr(settings, name), above=0)
    real("map_learning_rate", settings.map_learning_rate, above=0, unless=None)
    real("guidance", settings.guidance, least=0, most=1)
    real("validation", settings.validation, above=0, below=1)
    whole("n_eigenvectors", settings.n_eigenvectors, 1)
    whole("n_nodes", settings.n_nodes, settings.n_eigenvectors + 1)
    whole("slots_per_step", settings.slots_per_step, 1, unless=None)
    whole("n_epochs", settings.n_epochs, 0)
    for name in ("batch_size", "patience"):
        whole(name, getattr(settings, name), 1)
    parse_memory(settings.memory)
