"""What travels beside brain-guided maps: how the universal channels read out into voxels and regions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..brain import BrainDataset, BrainSpace, RoiTable
from ..brain.dataset import PictureTable
from ..errors import AlignmentError

__all__ = ["BrainReadout"]

FloatArray = NDArray[np.float32]
_SIDES = ("", "lh", "rh")


@dataclass(frozen=True, eq=False)
class BrainReadout:
    """The readout ``beta`` of a brain-guided alignment: always its mean over each region, and all voxels if wanted.

    Attributes
    ----------
    roi_names
        Regions.
    roi_beta
        (n_rois, D') mean of beta over the voxels of each region, float32.
    roi_voxels
        (n_rois,) number of voxels of each region.
    n_voxels
        Number of voxels in all.
    dataset
        JSON-ready description of the brain data, ``simulated`` included; see
        :meth:`~alignedcut_viewer.brain.BrainDataset.describe`.
    scores
        Held-out score of each region, JSON-ready; see :meth:`~alignedcut_viewer.brain.BrainScore.as_dict`.
    beta
        (D', n_voxels) float32, or None where only regions travel.
    intercept
        (n_voxels,) float32, or None.
    rois
        The regions as masks over the voxels, or None.
    hemisphere
        (n_voxels,) ``"lh"``, ``"rh"`` or an empty text, or None.
    fsaverage_vertex
        (n_voxels,) vertex number on fsaverage, -1 for none, or None.
    noise_ceiling
        (n_voxels,) explainable variance in percent, or None.
    subject
        (n_voxels,) whose voxel it is, or None where all are one person's.

    Raises
    ------
    AlignmentError
        If the parts do not fit together, or a number is not finite.
    """

    roi_names: tuple[str, ...]
    roi_beta: FloatArray
    roi_voxels: NDArray[np.int64]
    n_voxels: int
    dataset: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    beta: FloatArray | None = None
    intercept: FloatArray | None = None
    rois: RoiTable | None = None
    hemisphere: NDArray[np.str_] | None = None
    fsaverage_vertex: NDArray[np.int64] | None = None
    noise_ceiling: NDArray[np.float32] | None = None
    subject: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        if self.roi_beta.ndim != 2 or len(self.roi_beta) != len(self.roi_names):
            raise AlignmentError(
                f"A readout of {len(self.roi_names)} regions needs as many rows; it got {self.roi_beta.shape}."
            )
        if len(self.roi_voxels) != len(self.roi_names):
            raise AlignmentError("A readout needs the number of voxels of each region.")
        if self.beta is not None and self.beta.shape != (self.n_channels, self.n_voxels):
            raise AlignmentError(
                f"beta must be {self.n_channels} channels × {self.n_voxels} voxels; its shape is {self.beta.shape}."
            )
        for name in ("intercept", "hemisphere", "fsaverage_vertex", "noise_ceiling", "subject"):
            values = getattr(self, name)
            if values is not None and len(values) != self.n_voxels:
                raise AlignmentError(f"{name} is for {len(values)} voxels; the readout has {self.n_voxels}.")
        if self.rois is not None and (self.rois.n_voxels != self.n_voxels or self.rois.names != self.roi_names):
            raise AlignmentError("The masks of the regions do not fit the readout.")
        for name in ("roi_beta", "beta", "intercept"):
            values = getattr(self, name)
            if values is not None and not np.isfinite(values).all():
                raise AlignmentError(f"{name} of the readout holds NaN or infinite values.")

    @classmethod
    def of(
        cls,
        beta: ArrayLike,
        dataset: BrainDataset,
        *,
        intercept: ArrayLike | None = None,
        scores: Mapping[str, Any] | None = None,
        voxels: bool = True,
    ) -> BrainReadout:
        """The readout of one data set; regions are united and ordered as the paper's bars have them.

        Parameters
        ----------
        beta
            (D', n_voxels).
        dataset
            The data it was fitted to; gives regions, places and the description.
        intercept
            (n_voxels,).
        scores
            Held-out score of each region.
        voxels
            Whether all voxels travel, or their means over regions only.

        Raises
        ------
        AlignmentError
            If beta and data set differ in the number of voxels.
        """
        values: FloatArray = np.asarray(beta, dtype=np.float32)
        if values.ndim != 2 or values.shape[1] != dataset.n_voxels:
            raise AlignmentError(f"beta has shape {values.shape}, but {dataset.title} has {dataset.n_voxels} voxels.")
        rois = dataset.rois.merged()
        means = np.ascontiguousarray((values @ rois.averaging()).T)
        shared: dict[str, Any] = {
            "roi_names": rois.names,
            "roi_beta": means,
            "roi_voxels": np.array(list(rois.counts().values()), dtype=np.int64),
            "n_voxels": dataset.n_voxels,
            "dataset": dataset.describe(),
            "scores": dict(scores or {}),
        }
        if not voxels:
            return cls(**shared)
        ceiling = dataset.noise_ceiling
        return cls(
            **shared,
            beta=values,
            intercept=None if intercept is None else np.asarray(intercept, dtype=np.float32),
            rois=rois,
            hemisphere=np.asarray(dataset.hemisphere),
            fsaverage_vertex=dataset.fsaverage_vertex,
            noise_ceiling=None if ceiling is None else np.asarray(ceiling, dtype=np.float32),
            subject=np.asarray(dataset.subject) if len(dataset.subjects) > 1 else None,
        )

    @property
    def subjects(self) -> tuple[str, ...]:
        """Names of the people, where there are several."""
        return () if self.subject is None else tuple(dict.fromkeys(str(name) for name in self.subject))

    def of_subject(self, name: str) -> BrainReadout:
        """The readout of one person's voxels, with the person's regions and scores.

        Raises
        ------
        AlignmentError
            If there is no such person, or only regions travelled.
        """
        if self.subject is None or self.beta is None or self.rois is None:
            raise AlignmentError(f"The readout of {self.title} does not tell people apart.")
        if name not in self.subjects:
            raise AlignmentError(f"There is no subject {name!r}; there are: {', '.join(self.subjects)}.")
        voxels = np.flatnonzero(self.subject == name)
        rois = self.rois.take(voxels)

        def of(values: Any) -> Any:
            return None if values is None else values[voxels]

        beta = np.ascontiguousarray(self.beta[:, voxels])
        own = [entry for entry in self.dataset.get("data_sets", ()) if entry.get("name") == name]
        described = {**self.dataset, "name": name, "subjects": [name], "voxels": len(voxels), "rois": rois.counts()}
        return BrainReadout(
            roi_names=rois.names,
            roi_beta=np.ascontiguousarray((beta @ rois.averaging()).T),
            roi_voxels=np.array(list(rois.counts().values()), dtype=np.int64),
            n_voxels=len(voxels),
            dataset=own[0] if own else described,
            scores=dict(self.scores.get("subjects", {}).get(name, {})),
            beta=beta,
            intercept=of(self.intercept),
            rois=rois,
            hemisphere=of(self.hemisphere),
            fsaverage_vertex=of(self.fsaverage_vertex),
            noise_ceiling=of(self.noise_ceiling),
        )

    def __repr__(self) -> str:
        what = "all voxels" if self.beta is not None else "regions only"
        return f"BrainReadout({self.title}: {len(self.roi_names)} ROIs, {self.n_voxels} voxels, {what})"

    @property
    def n_channels(self) -> int:
        """D', the number of universal channels."""
        return int(self.roi_beta.shape[1])

    @property
    def simulated(self) -> bool:
        """Whether the brain data were made up."""
        return bool(self.dataset.get("simulated", False))

    @property
    def title(self) -> str:
        """Name of the brain data for window and figures; it says so where they are simulated."""
        name = str(self.dataset.get("name", "brain data"))
        return f"{name} (simulated)" if self.simulated and "simulated" not in name.lower() else name

    def roi_activations(self, features: ArrayLike) -> FloatArray:
        """Mean activation of each region by each node, (n_nodes, n_rois): aligned features times the regions' beta."""
        activations: FloatArray = np.asarray(features, dtype=np.float32) @ self.roi_beta.T
        return activations

    def space(self) -> BrainSpace:
        """Brain space over all voxels; where only regions travelled, each region stands for one voxel."""
        if self.beta is not None and self.rois is not None:
            return BrainSpace(self.beta, self.rois, intercept=self.intercept)
        one_each = np.eye(len(self.roi_names), dtype=bool)
        rois = RoiTable(dict(zip(self.roi_names, one_each, strict=True)), len(self.roi_names))
        return BrainSpace(self.roi_beta.T, rois)

    def voxel_table(self) -> BrainDataset:
        """The voxels as a data set without pictures: what :class:`~alignedcut_viewer.brain.VoxelMap` takes.

        Raises
        ------
        AlignmentError
            If only regions travelled.
        """
        if self.rois is None:
            raise AlignmentError(f"The readout of {self.title} holds regions only, no voxels that could be drawn.")
        return BrainDataset.build(
            str(self.dataset.get("name", "brain data")),
            PictureTable((), ()),
            np.zeros((0, self.n_voxels), dtype=np.float32),
            rois=self.rois,
            hemisphere="" if self.hemisphere is None else self.hemisphere,
            fsaverage_vertex=self.fsaverage_vertex,
            noise_ceiling=self.noise_ceiling,
            simulated=self.simulated,
            source=str(self.dataset.get("source", "")),
        )

    # -- the file ------------------------------------------------------------------------------------------------

    def to_tensors(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What goes into an alignment's file: a JSON-ready description, and arrays by name.

        Beta goes in half precision, each voxel divided by its largest entry, so that no unit of responses under- or
        overflows.
        """
        description = {
            "rois": list(self.roi_names),
            "n_voxels": self.n_voxels,
            "dataset": dict(self.dataset),
            "scores": dict(self.scores),
        }
        tensors: dict[str, NDArray[Any]] = {
            "roi_beta": np.ascontiguousarray(self.roi_beta, dtype=np.float32),
            "roi_voxels": np.asarray(self.roi_voxels, dtype=np.int64),
        }
        if self.beta is not None:
            scale = np.abs(self.beta).max(axis=0)
            scale[scale == 0] = 1.0
            tensors["beta"] = np.ascontiguousarray(self.beta / scale, dtype=np.float16)
            tensors["beta_scale"] = scale.astype(np.float32)
        if self.intercept is not None:
            tensors["intercept"] = np.asarray(self.intercept, dtype=np.float32)
        if self.rois is not None and self.roi_names:
            masks = np.stack([self.rois.mask(name) for name in self.roi_names])
            tensors["roi_masks"] = np.packbits(masks, axis=1)
        if self.hemisphere is not None:
            tensors["hemisphere"] = np.array([_SIDES.index(str(side)) for side in self.hemisphere], dtype=np.uint8)
        if self.fsaverage_vertex is not None:
            tensors["fsaverage_vertex"] = np.asarray(self.fsaverage_vertex, dtype=np.int32)
        if self.noise_ceiling is not None:
            tensors["noise_ceiling"] = np.asarray(self.noise_ceiling, dtype=np.float32)
        if self.subject is not None:
            description["subjects"] = list(self.subjects)
            numbers = {name: number for number, name in enumerate(self.subjects)}
            tensors["subject"] = np.array([numbers[str(name)] for name in self.subject], dtype=np.int32)
        return description, tensors

    @classmethod
    def from_tensors(cls, description: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> BrainReadout:
        """The readout that :meth:`to_tensors` described."""
        names = tuple(description["rois"])
        n_voxels = int(description["n_voxels"])
        beta = rois = None
        if "beta" in tensors:
            beta = tensors["beta"].astype(np.float32) * tensors["beta_scale"]
        if "roi_masks" in tensors:
            masks = np.unpackbits(tensors["roi_masks"], axis=1, count=n_voxels).astype(bool)
            rois = RoiTable(dict(zip(names, masks, strict=True)), n_voxels)
        elif beta is not None and not names:
            rois = RoiTable({}, n_voxels)
        side, vertex = tensors.get("hemisphere"), tensors.get("fsaverage_vertex")
        return cls(
            roi_names=names,
            roi_beta=np.asarray(tensors["roi_beta"], dtype=np.float32),
            roi_voxels=np.asarray(tensors["roi_voxels"], dtype=np.int64),
            n_voxels=n_voxels,
            dataset=description["dataset"],
            scores=description["scores"],
            beta=beta,
            intercept=tensors.get("intercept"),
            rois=rois,
            hemisphere=None if side is None else np.array(_SIDES)[side],
            fsaverage_vertex=None if vertex is None else vertex.astype(np.int64),
            noise_ceiling=tensors.get("noise_ceiling"),
            subject=np.array(description["subjects"])[tensors["subject"]] if "subject" in tensors else None,
        )
