"""All figures of a study: what each shows and how it is read, drawn where there is data for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import AlignedCutError
from ..progress import ProgressCallback, report, span
from .lacking import Lacking

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..study.cut import Cut
    from ..study.study import Study
    from .figure_ground import FigureGround

__all__ = ["CATALOGUE", "FigureKind", "Material", "all_figures"]


@dataclass(frozen=True)
class FigureKind:
    """One kind of figure.

    Attributes
    ----------
    name
        Of its file.
    title
        What it is about.
    paper
        Which figure of the paper it redraws, or "".
    caption
        How it is read, in a few sentences: beside the picture, and for those who cannot see it.
    """

    name: str
    title: str
    paper: str
    caption: str


CATALOGUE: tuple[FigureKind, ...] = (
    FigureKind(
        "mosaic",
        "AlignedCut colours over layers and networks",
        "figure 4",
        "A row a picture, a column a layer, grouped by network. Equal colours mean the same place in the space of "
        "eigenvectors, in whichever picture, layer or network.",
    ),
    FigureKind(
        "layer-scores",
        "How well each layer tells figure from ground",
        "figure 5",
        "Mean IoU of figure and ground by layer, each token assigned to the nearer class centre of the eigenvectors. "
        "Dashed: what calling everything ground would reach.",
    ),
    FigureKind(
        "similarity",
        "Where else is this?",
        "figures 6 and 7",
        "Each row is the cosine similarity of one ringed token to all tokens of all pictures at its layer: bright is "
        "alike. Orange rings lie in the figure, blue ones in the ground.",
    ),
    FigureKind(
        "figure-ground-activation",
        "What figure and ground do to regions of the brain",
        "figures 6 and 7, appendix E",
        "Above, bars by region at the layer where figure (orange) and ground (blue) differ most; below, all layers: "
        "red is positive, blue negative activation.",
    ),
    FigureKind(
        "cortex",
        "What figure and ground do to visual cortex",
        "figure 6",
        "Both hemispheres seen from the side, behind, inside and below, with the outlines of regions. Red: more "
        "activation than by the layer's mean token, blue: less.",
    ),
    FigureKind(
        "roi-maps",
        "What each region answers to in pictures",
        "figure 2",
        "A row a picture, a column a region: red where tokens drive the region more than on average, blue where less.",
    ),
    FigureKind(
        "concepts",
        "Concepts, and what they do to the brain",
        "figure 8",
        "A row a concept: its colour, crops around its most typical tokens (all that does not belong is paled), and "
        "where brain data are there, activation of regions and cortex.",
    ),
    FigureKind(
        "consistency",
        "Are strongly driven channels steadier?",
        "figure 8",
        "A point is one channel of one concept: its mean over the concept's members against its standard deviation. "
        "The paper finds a reverse U: channels of large mean, of either sign, vary less.",
    ),
    FigureKind(
        "trajectories",
        "Paths of tokens over the layers",
        "figure 9",
        "The 2-D spectral t-SNE of all layers: dark is early, bright is late; figure orange, ground blue; thick lines "
        "are mean paths, rings mark the first layer.",
    ),
    FigureKind(
        "pace",
        "Pace of tokens, and where figure and ground part",
        "section 3.4",
        "Mean distance on the 2-D map from each layer to the next, by network, for all tokens, figure and ground. "
        "Dashed: first layer at which figure and ground can be told apart in pictures not fitted to.",
    ),
    FigureKind(
        "transitions",
        "From concept to concept between two layers",
        "figure 10",
        "Above, circles on the map are concepts of one layer (A) and of the next (B). Below, the probability that a "
        "token in A goes to B, for all tokens, figure and ground.",
    ),
    FigureKind(
        "flow",
        "From concept to concept over all layers",
        "figure 10",
        "Boxes are concepts of each layer, as high as they have tokens, in the order of their share of figure; bands "
        "are tokens on their way to the next layer.",
    ),
    FigureKind(
        "comparison",
        "How alike layers are, within and between networks",
        "section 3",
        "Layer by layer matrices of likeness; 1 is equal, 0 unrelated. In blocks of two networks, rings mark the most "
        "alike layer of the other.",
    ),
    FigureKind(
        "brain-scores",
        "Which layer predicts which region",
        "table 1",
        "Correlation of each layer's part of the prediction with held-out responses, by region; rings mark each "
        "region's best layer; right, R² of all layers together.",
    ),
    FigureKind(
        "brain-scores-table",
        "Brain score by region",
        "table 1",
        "R² on held-out pictures by region, for the eigen-constraint weight that the alignment was trained with.",
    ),
)


@dataclass(frozen=True, eq=False)
class Material:
    """What figures are drawn from, beside the study.

    Attributes
    ----------
    study, cut
        The study and one of its cuts.
    figure_ground
        Figure and ground of its nodes, or why they are not known.
    masks
        Whether figure and ground are from masks and not from the cut itself.
    features
        Aligned features of the cut's nodes, a stream, or None.
    """

    study: Study
    cut: Cut
    figure_ground: FigureGround | Lacking
    masks: bool
    features: Any


def all_figures(
    study: Study,
    cut: str | Cut = "default",
    *,
    figure_ground: FigureGround | Lacking | None = None,
    masks: bool = False,
    features: Any = None,
    names: tuple[str, ...] | None = None,
    progress: ProgressCallback | None = None,
) -> dict[str, Figure | Lacking]:
    """Draw all figures that a study has data for.

    Nothing is computed that is kept with a cut: its map, its concepts and its brain activation are drawn where they are
    there; see :mod:`alignedcut_viewer.pipeline`, or call ``alignedcut figures STUDY --all``.

    Parameters
    ----------
    study, cut
        The study, and one of its cuts or its name.
    figure_ground
        Figure and ground of the cut's nodes; by default guessed from the cut, see
        :func:`~alignedcut_viewer.figures.figure_ground_from_segments`.
    masks
        Whether `figure_ground` is from masks, so that layers can be scored against it.
    features
        Aligned features of the cut's nodes, a stream with ``rows(nodes)``, for similarity; without them eigenvectors
        are compared.
    names
        Which figures, see :data:`CATALOGUE`; all by default.
    progress
        Called after each figure.

    Returns
    -------
    dict
        Name to figure, or to :class:`~alignedcut_viewer.figures.Lacking` with the reason why it cannot be drawn, in the
        order of the catalogue.

    Raises
    ------
    StudyError
        If the study has no such cut.
    """
    chosen = study.cut(cut) if isinstance(cut, str) else cut
    wanted = [kind for kind in CATALOGUE if names is None or kind.name in names]
    known = figure_ground
    if known is None:
        from .figure_ground import figure_ground_from_segments

        try:
            known = figure_ground_from_segments(study, chosen, span(progress, 0.0, 0.2))
        except AlignedCutError as error:
            known = Lacking(str(error))
    material = Material(study, chosen, known, masks, features)
    result: dict[str, Figure | Lacking] = {}
    for number, kind in enumerate(wanted):
        stage = span(progress, 0.2 + 0.8 * number / len(wanted), 0.2 + 0.8 * (number + 1) / len(wanted))
        report(stage, 0, 1, f"Drawing {kind.name}")
        try:
            result[kind.name] = _DRAWN[kind.name](material, stage)
        except AlignedCutError as error:
            result[kind.name] = Lacking(" ".join(str(error).split()))
    report(progress, 1, 1, "Figures")
    return result


class _UnknownError(AlignedCutError):
    """Figure and ground are not known."""


def _split(material: Material) -> FigureGround:
    if isinstance(material.figure_ground, Lacking):
        raise _UnknownError(material.figure_ground.reason)
    return material.figure_ground


def _split_or_none(material: Material) -> FigureGround | None:
    return None if isinstance(material.figure_ground, Lacking) else material.figure_ground


def _mosaic(material: Material, progress: ProgressCallback | None) -> Figure:
    from .mosaic import mosaic, spread_images

    return mosaic(material.study, material.cut, images=spread_images(material.cut.index, 12))


def _layer_scores(material: Material, progress: ProgressCallback | None) -> Figure:
    from .layer_scores import layer_scores

    if not material.masks:
        raise _UnknownError(
            "Scores of layers need masks that tell figure from ground, made by somebody who looked; give a folder of "
            "them: `alignedcut figures STUDY --all --masks DIR`."
        )
    return layer_scores(material.study, material.cut, _split(material))


def _similarity(material: Material, progress: ProgressCallback | None) -> Figure:
    from .similarity import similarity

    return similarity(material.study, material.cut, figure_ground=_split_or_none(material), features=material.features)


def _activation(material: Material, progress: ProgressCallback | None) -> Figure:
    from .roi_activation import brain_of, figure_ground_activation

    brain_of(material.cut)
    return figure_ground_activation(material.study, material.cut, _split(material))


def _cortex(material: Material, progress: ProgressCallback | None) -> Figure:
    from .cortex import figure_ground_cortex
    from .roi_activation import brain_of

    brain_of(material.cut)
    return figure_ground_cortex(material.study, material.cut, _split(material))


def _roi_maps(material: Material, progress: ProgressCallback | None) -> Figure:
    from .roi_maps import roi_maps

    return roi_maps(material.study, material.cut)


def _concepts(material: Material, progress: ProgressCallback | None) -> Figure:
    from .concept_gallery import concept_gallery

    return concept_gallery(material.study, material.cut)


def _consistency(material: Material, progress: ProgressCallback | None) -> Figure:
    from .consistency import consistency

    return consistency(material.study, material.cut)


def _trajectories(material: Material, progress: ProgressCallback | None) -> Figure:
    from .trajectories import trajectories

    return trajectories(material.study, material.cut, figure_ground=_split_or_none(material))


def _pace(material: Material, progress: ProgressCallback | None) -> Figure:
    from .pace import pace

    return pace(material.study, material.cut, figure_ground=_split_or_none(material), progress=progress)


def _transitions(material: Material, progress: ProgressCallback | None) -> Figure:
    from .transitions import transitions

    return transitions(material.study, material.cut, _split_or_none(material))


def _flow(material: Material, progress: ProgressCallback | None) -> Figure:
    from .flow import flow

    return flow(material.study, material.cut, _split_or_none(material))


def _comparison(material: Material, progress: ProgressCallback | None) -> Figure:
    from .comparison import comparison

    return comparison(material.study, material.cut, progress=progress)


def _brain_scores(material: Material, progress: ProgressCallback | None) -> Figure:
    from .brain_scores import brain_scores

    return brain_scores(material.study, material.cut)


def _brain_scores_table(material: Material, progress: ProgressCallback | None) -> Figure:
    from .brain_scores import brain_scores_table

    return brain_scores_table(material.study, material.cut)


_DRAWN: Mapping[str, Callable[[Material, ProgressCallback | None], Any]] = {
    "mosaic": _mosaic,
    "layer-scores": _layer_scores,
    "similarity": _similarity,
    "figure-ground-activation": _activation,
    "cortex": _cortex,
    "roi-maps": _roi_maps,
    "concepts": _concepts,
    "consistency": _consistency,
    "trajectories": _trajectories,
    "pace": _pace,
    "transitions": _transitions,
    "flow": _flow,
    "comparison": _comparison,
    "brain-scores": _brain_scores,
    "brain-scores-table": _brain_scores_table,
}
