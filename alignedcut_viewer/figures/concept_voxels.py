"""How consistently concepts drive voxels: mean against spread of every voxel, a hemisphere at a time (figure 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import parameters
from ..brain.centring import DEFAULT_CENTRING, Centring, centring_info
from ..errors import InputError
from .concept_gallery import concepts_of
from .page import PAGE_WIDTH, SERIES_COLOURS, SMALL, TEXT, Page
from .provenance import brief_provenance
from .roi_activation import brain_of
from .roi_bars import symmetric_limit
from .text import line_height

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..study.brain_activation import BrainActivation
    from ..study.cut import Cut
    from ..study.study import Study

__all__ = ["concept_voxel_table", "concept_voxels", "concept_voxels_from_arrays", "voxel_statistics"]

_MOST_MEMBERS = 4000
_MOST_POINTS = 20_000
_SIDES = {"lh": "left hemisphere", "rh": "right hemisphere", "": "all voxels"}
_LEAST = 20
"""Voxels that a hemisphere needs for a fit."""


def voxel_statistics(
    brain: BrainActivation, nodes: NDArray[np.int64], *, about: Centring = "zero", seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation over some nodes of the activation of every voxel, (n_voxels,) each.

    Parameters
    ----------
    brain
        Activation of a cut's nodes.
    nodes
        Node numbers; of more than 4,000 so many are drawn.
    about
        What activation is measured from.
    seed
        Of the draw.
    """
    if len(nodes) > _MOST_MEMBERS:
        nodes = np.random.default_rng(parameters.seed(seed)).choice(nodes, _MOST_MEMBERS, replace=False)
    features = brain.aligned(nodes, about=about).astype(np.float64)
    mean = features.mean(axis=0)
    centred = features - mean
    covariance = centred.T @ centred / len(features)
    beta = brain.beta.astype(np.float64)
    variance = np.einsum("dv,dv->v", beta, covariance @ beta)
    return mean @ beta, np.sqrt(np.maximum(variance, 0))


def concept_voxels(study: Study, cut: Cut, *, about: Centring = DEFAULT_CENTRING, width: float = PAGE_WIDTH) -> Figure:
    """Draw mean against standard deviation of every voxel over each concept's members, with a fit.

    Parameters
    ----------
    study, cut
        The study and one of its cuts, with concepts and with activation of all voxels.
    about
        What activation is measured from.
    width
        In inches.

    Raises
    ------
    StudyError
        If no concepts were discovered, or there is no brain activation.
    AlignmentError
        If only regions travelled with the alignment.
    """
    held, brain = concepts_of(cut), brain_of(cut)
    pairs = [voxel_statistics(brain, concept.members, about=about) for concept in held]
    note = [f"Brain data: {brain.title}. {centring_info(about).note} A point is a voxel of a concept."]
    note.append(brief_provenance(study, cut))
    return concept_voxels_from_arrays(
        np.stack([mean for mean, _ in pairs]),
        np.stack([std for _, std in pairs]),
        brain.hemisphere,
        colours=[concept.colour for concept in held],
        note="\n".join(note),
        simulated=brain.simulated,
        width=width,
    )


def concept_voxel_table(study: Study, cut: Cut, *, about: Centring = DEFAULT_CENTRING) -> list[dict[str, Any]]:
    """A row a concept and voxel: mean and standard deviation over the concept's members."""
    held, brain = concepts_of(cut), brain_of(cut)
    sides = np.full(brain.n_voxels, "") if brain.hemisphere is None else brain.hemisphere
    rows: list[dict[str, Any]] = []
    for concept in held:
        means, stds = voxel_statistics(brain, concept.members, about=about)
        start = {"concept": concept.id, "name": concept.name, "about": about}
        rows += [
            start | {"voxel": voxel, "hemisphere": str(side), "mean": float(mean), "standard_deviation": float(std)}
            for voxel, (side, mean, std) in enumerate(zip(sides, means, stds, strict=True))
        ]
    return rows


def concept_voxels_from_arrays(
    means: NDArray[np.floating],
    stds: NDArray[np.floating],
    hemisphere: NDArray[np.str_] | None = None,
    *,
    colours: Sequence[tuple[int, int, int]] | None = None,
    note: str = "",
    simulated: bool = False,
    seed: int = 0,
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw mean against standard deviation of voxels, a hemisphere at a time, with a quadratic fit each.

    Parameters
    ----------
    means, stds
        (concepts, voxels).
    hemisphere
        (voxels,) ``"lh"``, ``"rh"`` or an empty text; None draws all voxels together.
    colours
        RGB of 8 bits for each concept.
    note, simulated, width
        See :class:`~alignedcut_viewer.figures.page.Page`.
    seed
        Of the choice of points where there are more than 20,000 a hemisphere.

    Raises
    ------
    InputError
        If shapes do not fit.
    """
    from ..concepts import channel_consistency

    x, y = np.asarray(means, dtype=np.float64), np.asarray(stds, dtype=np.float64)
    if x.ndim != 2 or x.shape != y.shape or not x.size:
        raise InputError(f"Means and standard deviations must be concepts × voxels; got {x.shape} and {y.shape}.")
    sides = np.full(x.shape[1], "") if hemisphere is None else np.asarray(hemisphere)
    if len(sides) != x.shape[1]:
        raise InputError(f"Hemispheres are for {len(sides)} voxels; there are {x.shape[1]}.")
    shown = [side for side in ("lh", "rh") if (sides == side).any()] or [""]
    members: Mapping[str, NDArray[np.bool_]] = {side: sides == side if side else sides == sides for side in shown}
    fits = {
        side: channel_consistency(x[:, of].ravel(), y[:, of].ravel())
        for side, of in members.items()
        if of.sum() >= _LEAST
    }
    verdicts = [
        f"{_SIDES[side]}: {'a reverse U' if fit.reverse_u else 'no reverse U'} (held-out R² {fit.held_out_r2:.2f})"
        for side, fit in fits.items()
    ]
    words = f"All concepts together, {'; '.join(verdicts)}." if verdicts else "Too few voxels for a fit."
    title = "Are strongly driven voxels steadier? Mean and spread over the members of concepts"
    page = Page(2.6, width=width, title=title, note=f"{words}\n{note}", simulated=simulated)
    points = np.array(colours if colours is not None else [(31, 119, 180)] * len(x), dtype=np.float64) / 255
    gap = 0.45
    each = (page.width - 0.62 - gap * (len(shown) - 1)) / len(shown)
    reach = symmetric_limit(1.05 * np.quantile(np.abs(x), 0.9995))
    top = symmetric_limit(1.08 * np.quantile(y, 0.9995))
    rng = np.random.default_rng(parameters.seed(seed))
    for number, (side, of) in enumerate(members.items()):
        left = 0.5 + number * (each + gap)
        page.text(left + each / 2, 0, _SIDES[side], TEXT, ha="center", weight="bold")
        axes = page.axes(left, line_height(TEXT) + 0.05, each, 1.95, label=_SIDES[side])
        flat_x, flat_y = x[:, of].ravel(), y[:, of].ravel()
        owner = np.repeat(np.arange(len(x)), int(of.sum()))
        some = rng.permutation(len(flat_x))[:_MOST_POINTS]
        size = 1.0 if len(some) > 2000 else 4.0
        axes.scatter(
            flat_x[some], flat_y[some], s=size, c=points[owner[some]], alpha=0.4, linewidths=0, rasterized=True
        )
        if side in fits:
            low, high = (float(end) for end in np.quantile(flat_x, [0.001, 0.999]))
            line = np.linspace(low, high, 200)
            axes.plot(line, fits[side].curve(line), color="white", linewidth=2.6)
            axes.plot(line, fits[side].curve(line), color=SERIES_COLOURS[1], linewidth=1.4)
        axes.set_xlim(-reach, reach)
        axes.set_ylim(0, top)
        axes.set_xticks([-reach, 0, reach], labels=[f"−{reach:g}", "0", f"{reach:g}"])
        axes.set_yticks([0, top / 2, top], labels=["0", f"{top / 2:g}", f"{top:g}"])
        axes.set_xlabel("mean activation")
        if number == 0:
            axes.set_ylabel("standard deviation")
    page.text(0.5, 2.48, "Colours are those of the concepts; the line is a quadratic fit.", SMALL)
    return page.finished()
