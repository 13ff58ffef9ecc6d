"""A fitted cut as plain arrays, so that it can be kept and new nodes be placed in it later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import StudyError
from .affinity import Kernel
from .columns import Spare
from .extension import Coordinates, Density, KernelExtension
from .fitted import FittedCut
from .knn import NeighbourExtension

__all__ = ["FittedState", "fitted_from", "state_of"]


@dataclass(frozen=True)
class FittedState:
    """What a fitted cut consists of.

    Attributes
    ----------
    description
        Numbers and words, JSON-ready.
    arrays
        The rest by name: landmarks, weights, rotation, …
    """

    description: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def state_of(fitted: FittedCut) -> FittedState:
    """The parts of a map from features to eigenvectors; :func:`fitted_from` puts them together again, to the bit."""
    extension = fitted.extension
    description: dict[str, Any] = {"n_main": fitted.spare.n_main, "scale": fitted.spare.scale}
    tensors: dict[str, torch.Tensor] = {"rotation": fitted.rotation}
    if isinstance(extension, NeighbourExtension):
        description |= {"extension": "neighbours", "n_neighbors": extension.n_neighbors} | _kernel(extension.kernel)
        tensors |= {"landmarks": extension.samples, "weights": extension.values}
    elif isinstance(extension, KernelExtension):
        coordinates, density = extension.coordinates, extension.density
        description |= {"extension": "kernel", "least_degree": extension.least_degree} | _kernel(coordinates.kernel)
        description |= {"dtype": _name(coordinates.dtype), "half": extension.half and _name(extension.half)}
        tensors |= {"landmarks": extension.landmarks, "weights": extension.weights}
        if coordinates.span is not None:
            tensors["span"] = coordinates.span
        if density is not None:
            description["density"] = {"sharper": density.sharper, "alpha": density.alpha}
            tensors["masses"] = density.masses
            if density.landmarks is not extension.landmarks:
                tensors["density_landmarks"] = density.landmarks
    else:
        raise TypeError(f"A {type(extension).__name__} cannot be kept.")
    arrays = {name: np.ascontiguousarray(tensor.detach().cpu().numpy()) for name, tensor in tensors.items()}
    return FittedState(description, {**arrays, "spectrum": np.asarray(fitted.eigenvalues)})


def fitted_from(state: FittedState) -> FittedCut:
    """The map from features to eigenvectors that some parts make up, on the CPU.

    Raises
    ------
    StudyError
        If a part is missing.
    """
    told = state.description
    try:
        tensors = {name: torch.from_numpy(np.array(values)) for name, values in state.arrays.items()}
        kernel = Kernel(str(told["kernel"]), float(told["gamma"]))
        extension: NeighbourExtension | KernelExtension
        if told["extension"] == "neighbours":
            extension = NeighbourExtension(kernel, tensors["landmarks"], tensors["weights"], int(told["n_neighbors"]))
        else:
            landmarks, density = tensors["landmarks"], None
            if "density" in told:
                density = Density(
                    tensors.get("density_landmarks", landmarks),
                    tensors["masses"],
                    float(told["density"]["sharper"]),
                    float(told["density"]["alpha"]),
                )
            extension = KernelExtension(
                Coordinates(kernel, tensors.get("span"), getattr(torch, told["dtype"])),
                landmarks,
                tensors["weights"],
                float(told["least_degree"]),
                density,
                None if told["half"] is None else getattr(torch, told["half"]),
            )
        spare = Spare(int(told["n_main"]), float(told["scale"]))
        return FittedCut(extension, spare, tensors["rotation"], np.array(state.arrays["spectrum"]))
    except KeyError as error:
        raise StudyError(f"What was kept of the cut lacks {error}; cut again.") from None


def _kernel(kernel: Kernel) -> dict[str, Any]:
    return {"kernel": kernel.name, "gamma": kernel.gamma}


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
