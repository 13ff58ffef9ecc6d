"""A readout for maps that are there already: fitted to responses in closed form, the maps left as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ..brain import BrainDataset
from ..device import resolve_device
from .brain_readout import BrainReadout
from .brain_samples import BrainSamples
from .channel_alignment import ChannelAlignment
from .readout import Standardisation, fit_readout

__all__ = ["with_readout"]


def with_readout(
    alignment: ChannelAlignment,
    samples: BrainSamples,
    dataset: BrainDataset,
    *,
    scores: Mapping[str, Any] | None = None,
    voxels: bool = True,
    validation: float = 0.1,
    seed: int = 0,
    device: str | torch.device = "auto",
) -> ChannelAlignment:
    """The same maps with a readout, so that what was cut with them has bars and cortex.

    For maps from elsewhere, such as the matrices that the authors of AlignedCut published, which brought no readout.

    Parameters
    ----------
    alignment
        Maps of all slots of the samples; others are left out.
    samples
        Features and responses.
    dataset
        What the responses are of, over the same voxels.
    scores, voxels
        See :meth:`~alignedcut_viewer.alignment.BrainAlignment.to_alignment`.
    validation
        Share of the pictures that the strength of the ridge regression is chosen by.
    seed
        Of that choice.
    device
        Where to compute.

    Raises
    ------
    AlignmentError
        If a slot has no map, or one for features of another width.
    InputError
        If there are too few pictures, or a response is not finite.
    """
    alignment.require(dict(zip(samples.slots, samples.widths, strict=True)))
    known = alignment.subset(samples.slots)
    own = replace(samples, offsets={slot: np.asarray(known.offsets[slot], dtype=np.float32) for slot in known.slots})
    train, held_out = own.split(validation, seed)
    where = resolve_device(device)
    maps = torch.from_numpy(np.concatenate([known.matrix(slot) for slot in samples.slots])).to(where)
    standardisation = Standardisation.of(own, train, where)
    found = fit_readout(own, train, held_out, maps, torch.ones(len(maps), device=where), standardisation)
    beta = (found.beta * standardisation.scale).cpu().numpy()
    intercept = (found.intercept * standardisation.scale + standardisation.mean).cpu().numpy()
    by_roi = dict((scores or {}).get("rois", {}))
    return replace(
        known,
        kind="brain",
        simulated=known.simulated or dataset.simulated,
        scores={**known.scores, **(scores or {})},
        recipe={**known.recipe, "readout": {"strengths": list(found.strengths), "brain_data": dataset.describe()}},
        readout=BrainReadout.of(beta, dataset, intercept=intercept, scores=by_roi, voxels=voxels),
    )
