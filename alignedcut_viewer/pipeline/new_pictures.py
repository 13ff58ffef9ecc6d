"""Features of pictures that a study does not hold yet, by the very networks that gave it the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import FeatureError, PictureError, WeightsUnavailableError
from ..nodes import Slot
from ..progress import ProgressCallback, report
from ..study.feature_set import FeatureSet
from ..study.study import Study

if TYPE_CHECKING:
    from ..backbones import Backbone, Tap
    from ..images import PictureSet

__all__ = ["NewFeatures", "NewPicture", "decoded"]

_AT_ONCE = 4


@dataclass(frozen=True)
class NewPicture:
    """A picture that was read.

    Attributes
    ----------
    path, name
        Its file, and what it is called.
    pixels
        uint8 (H, W, 3), as large as the networks need it at least.
    fields
        What its record in a study says: ``digest``, ``height``, ``width``.
    """

    path: Path
    name: str
    pixels: NDArray[np.uint8]
    fields: dict[str, Any]

    @property
    def digest(self) -> str:
        """sha256 of the file."""
        return str(self.fields["digest"])


def decoded(files: PictureSet, at_least: tuple[int, int]) -> list[NewPicture | PictureError]:
    """Read pictures, several at a time; in the place of one that cannot be read the reason."""

    def read(number: int) -> NewPicture | PictureError:
        try:
            pixels, digest = files.load_with_digest(number, at_least=at_least)
            height, width = files.size(number)
        except PictureError as error:
            return error
        fields = {"digest": digest, "height": height, "width": width}
        return NewPicture(files.paths[number], files.names[number], pixels, fields)

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="decode") as pool:
        return list(pool.map(read, range(len(files))))


class NewFeatures:
    """Runs the networks of a study over pictures and keeps nothing.

    Parameters
    ----------
    study
        The study.
    slots
        Which layers of which of its feature sets.
    weights
        Checkpoint files by network, for networks that were extracted with one.
    device
        Where to compute.
    announce
        Told where weights come from.
    loaded
        Networks that were loaded before, which are taken from here and put here.

    Raises
    ------
    StudyError
        If the study does not hold these layers.
    """

    def __init__(
        self,
        study: Study,
        slots: Sequence[Slot],
        *,
        weights: Mapping[str, str] | None = None,
        device: str = "auto",
        announce: Callable[[str], None] | None = None,
        loaded: MutableMapping[Any, Backbone] | None = None,
    ) -> None:
        self.sets: dict[str, FeatureSet] = {slot.network: study.network(slot.network) for slot in slots}
        self.slots = list(slots)
        self._study = study
        self._weights, self._device, self._announce = dict(weights or {}), device, announce
        self._loaded: MutableMapping[Any, Backbone] = {} if loaded is None else loaded
        heights, widths = zip(*(features.input_size for features in self.sets.values()), strict=True)
        self.at_least = (2 * max(heights), 2 * max(widths))
        """Size of a picture that is as fine as extraction takes it."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process, it loads the networks there, and does not say where from."""
        return _elsewhere, (self._study, self.slots, self._weights, self._device)

    def of(
        self, pictures: Sequence[NewPicture], progress: ProgressCallback | None = None
    ) -> dict[Slot, NDArray[np.floating[Any]]]:
        """For each slot an array (picture, token, channel), of the type that the feature set has on disk.

        Parameters
        ----------
        pictures
            At least one.
        progress
            Called with each network.

        Raises
        ------
        WeightsUnavailableError
            If a network's weights cannot be had, or are not those that the study was computed with.
        FeatureError
            If a network gives values that are not finite.
        """
        import torch

        groups: dict[tuple[Any, ...], list[FeatureSet]] = {}
        for features in self.sets.values():
            key = features.key
            told = (key["network"], tuple(key["input_size"]), tuple(key.get("window", ())), key["precision"])
            groups.setdefault((*told, key["weights"]), []).append(features)
        values: dict[Slot, NDArray[np.floating[Any]]] = {}
        for number, (told, sets) in enumerate(groups.items()):
            report(progress, number, len(groups), f"{told[0]}: {len(pictures)} pictures")
            backbone = self._backbone(told, sets[0])
            batch = torch.stack([backbone.prepare(picture.pixels) for picture in pictures])
            taps = {features.name: features.tap for features in sets}
            chosen = [slot for slot in self.slots if slot.network in taps]
            tensors = backbone.features_at(batch, [(s.layer, cast("Tap", taps[s.network])) for s in chosen])
            for slot, tensor in zip(chosen, tensors, strict=True):
                kept = tensor.to(getattr(torch, str(self.sets[slot.network].key["storage"]))).cpu().numpy()
                if not np.isfinite(kept.sum(dtype=np.float64)):
                    names = ", ".join(picture.name for picture in pictures)
                    raise FeatureError(f"{told[0]} gives NaN or infinite values at layer {slot.layer} for {names}.")
                values[slot] = kept
        report(progress, 1, 1, "Features are there")
        return {slot: values[slot] for slot in self.slots}

    def _backbone(self, told: tuple[Any, ...], features: FeatureSet) -> Backbone:
        from ..backbones import load_backbone

        if told in self._loaded:
            return self._loaded[told]
        network, size, window, precision, digest = told
        backbone = load_backbone(
            network,
            weights=self._weights.get(network),
            input_size=size,
            window=window or None,
            device=self._device,
            precision=precision,
            announce=self._announce,
            fallback=False,
        )
        if backbone.digest != digest:
            raise WeightsUnavailableError(
                f"The weights of {network} at hand are not those that the study was computed with "
                f"({features.note.get('weights', 'of unknown origin')}); name their file: "
                f"--weights {network}=FILE, or the Study panel's checkpoint file."
            )
        self._loaded[told] = backbone
        return backbone


def _elsewhere(study: Study, slots: Sequence[Slot], weights: Mapping[str, str], device: str) -> NewFeatures:
    return NewFeatures(study, slots, weights=weights, device=device, announce=lambda _line: None)
