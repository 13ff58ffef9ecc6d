"""All figures of a study: what each shows and how it is read, drawn where there is data for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..brain.centring import DEFAULT_CENTRING, Centring
from ..errors import AlignedCutError, DamagedError, InputError
from ..plugins import contributed
from ..progress import ProgressCallback, report, span
from .agreement import agreement
from .brain_scores import brain_scores, brain_scores_table
from .comparison import comparison
from .concept_gallery import concept_gallery
from .concept_voxels import concept_voxel_table, concept_voxels
from .consistency import consistency
from .cortex import figure_ground_cortex
from .figure_kind import FigureKind, FigureOptions, Material, draw_figure
from .flow import flow
from .lacking import Lacking
from .layer_scores import layer_scores
from .mosaic import mosaic, spread_images
from .pace import pace
from .pathways import pathways
from .roi_activation import figure_ground_activation
from .roi_differences import roi_difference_table, roi_differences
from .roi_maps import roi_maps
from .similarity import similarity
from .tables import concept_table, figure_ground_table, layer_score_table, similarity_table
from .trajectories import trajectories
from .transitions import transitions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..segmentation import LayerScore
    from ..study.cut import Cut
    from ..study.study import Study
    from .figure_ground import FigureGround

__all__ = ["ENTRY_POINTS", "all_figures", "chosen_kinds", "draw_figures", "figure_kinds", "fitting_kinds"]

ENTRY_POINTS = "alignedcut_viewer.figures"
"""Group of entry points by which other packages add figures; each names a :class:`FigureKind`."""


def _mosaic(
    study: Study,
    cut: Cut,
    *,
    networks: Sequence[str] | None = None,
    layers: Sequence[int] | None = None,
    images: Iterable[int] | None = None,
    smooth: bool = False,
) -> Figure:
    shown = spread_images(cut.index, 12) if images is None else images
    return mosaic(study, cut, shown, networks, layers, smooth)


_OWN = (
    FigureKind(
        "mosaic",
        "AlignedCut colours over layers and networks",
        "figure 4",
        "One row per picture, one column per layer, grouped by network. Equal colours mean the same place in the space "
        "of eigenvectors, in whichever picture, layer or network.",
        draw=_mosaic,
    ),
    FigureKind(
        "layer-scores",
        "How well each layer tells apart what masks tell apart",
        "figure 5",
        "Mean IoU by layer, of figure and ground and of categories: each token takes the nearest class centre of the "
        "layer's ten eigenvectors. Solid: aligned features, dashed: raw ones, dotted: everything background.",
        draw=layer_scores,
        table=layer_score_table,
        needs="masks",
    ),
    FigureKind(
        "similarity",
        "Where else is this?",
        "figures 6 and 7",
        "Each row is the cosine similarity of one ringed token to all tokens of all pictures at its layer: bright is "
        "alike. Orange rings lie in the figure, blue ones in the ground.",
        draw=similarity,
        table=similarity_table,
        seconds=2.0,
    ),
    FigureKind(
        "figure-ground-activation",
        "What figure and ground do to regions of the brain",
        "figures 6 and 7, appendix E",
        "Above, bars by region at the layer where figure (orange) and ground (blue) differ most; below, all layers: "
        "red is above, blue below what the title says it is shown about.",
        draw=figure_ground_activation,
        needs="brain",
        uses=("brain activation",),
        table=figure_ground_table,
    ),
    FigureKind(
        "roi-differences",
        "Which regions tell figure from ground",
        "figure 6",
        "Figure less ground within pictures: above, at the layer where they differ most, with 95 % intervals; below, "
        "all layers. Dots are significant at a false-discovery rate of 5 %.",
        draw=roi_differences,
        needs="brain",
        uses=("brain activation",),
        table=roi_difference_table,
    ),
    FigureKind(
        "cortex",
        "What figure and ground do to visual cortex",
        "figure 6",
        "Both hemispheres seen from the side, behind, inside and below, with the outlines of regions. Red is above, "
        "blue below what the figure says it is shown about.",
        draw=figure_ground_cortex,
        needs="brain",
        uses=("brain activation",),
    ),
    FigureKind(
        "roi-maps",
        "What each region answers to in pictures",
        "figure 2",
        "One row per picture, one column per region: red where tokens drive the region more than on average, blue "
        "where less.",
        draw=roi_maps,
        uses=("brain activation",),
        seconds=1.7,
    ),
    FigureKind(
        "concepts",
        "Concepts, and what they do to the brain",
        "figure 8",
        "One row per concept: its colour, crops around its most typical tokens (all that does not belong is paled), "
        "and where brain data are there, activation of regions and cortex.",
        draw=concept_gallery,
        uses=("concepts", "brain activation"),
        table=concept_table,
        seconds=2.0,
    ),
    FigureKind(
        "consistency",
        "Are strongly driven channels steadier?",
        "figure 8",
        "A point is one channel of one concept: its mean over the concept's members against its standard deviation. "
        "The paper finds a reverse U: channels of large mean, of either sign, vary less.",
        draw=consistency,
        uses=("concepts",),
        seconds=0.3,
    ),
    FigureKind(
        "concept-voxels",
        "Are strongly driven voxels steadier?",
        "figure 8",
        "A point is one voxel of one concept, in the concept's colour: its mean activation over the concept's members "
        "against its standard deviation, a hemisphere at a time.",
        draw=concept_voxels,
        needs="brain",
        uses=("concepts", "brain activation"),
        table=concept_voxel_table,
        seconds=1.8,
    ),
    FigureKind(
        "trajectories",
        "Paths of tokens over the layers",
        "figure 9",
        "The 2-D spectral t-SNE of all layers: dark is early, bright is late; figure orange, ground blue; thick lines "
        "are mean paths, rings mark the first layer.",
        draw=trajectories,
        uses=("map",),
    ),
    FigureKind(
        "pace",
        "Pace of tokens, and where figure and ground part",
        "section 3.4",
        "Mean distance on the 2-D map from each layer to the next, by network, for all tokens, figure and ground. "
        "Dashed: first layer at which figure and ground can be told apart in pictures not fitted to.",
        draw=pace,
        uses=("map",),
        seconds=1.3,
    ),
    FigureKind(
        "transitions",
        "From concept to concept between two layers",
        "figure 10",
        "Above, circles on the map are concepts of one layer (A) and of the next (B). Below, the probability that a "
        "token in A goes to B, for all tokens, figure and ground.",
        draw=transitions,
        uses=("map",),
        seconds=2.3,
    ),
    FigureKind(
        "flow",
        "From concept to concept over all layers",
        "figure 10",
        "Boxes are concepts of each layer, as high as they have tokens, in the order of their share of figure; bands "
        "are tokens on their way to the next layer.",
        draw=flow,
        uses=("map",),
        seconds=1.5,
    ),
    FigureKind(
        "comparison",
        "How alike layers are, within and between networks",
        "section 3",
        "Layer by layer matrices of likeness; 1 is equal, 0 unrelated. In blocks of two networks, rings mark the most "
        "alike layer of the other.",
        draw=comparison,
        seconds=1.8,
    ),
    FigureKind(
        "brain-scores",
        "Which layer predicts which region",
        "table 1",
        "Correlation of each layer's part of the prediction with held-out responses, by region; rings mark each "
        "region's best layer; right, R² of all layers together.",
        draw=brain_scores,
    ),
    FigureKind(
        "brain-scores-table",
        "Brain score by region",
        "table 1",
        "R² on held-out pictures by region, for the eigen-constraint weight that the alignment was trained with.",
        draw=brain_scores_table,
        seconds=0.3,
    ),
    FigureKind(
        "pathways",
        "What beside where",
        "What and where, figures 5 and 6",
        "One row per picture; for each pathway the colours of the joint cut of all layers and its segments. Equal "
        "colours of one cut mean the same in all pictures.",
        draw=pathways,
        needs="layers",
    ),
    FigureKind(
        "agreement",
        "Where in the network what and where live",
        "",
        "How well each layer's graph of values (what) and of queries and keys (where) keeps the joint solution; discs "
        "are weights. By head, letters mark heads that act alike.",
        draw=agreement,
        needs="layers",
    ),
)


def figure_kinds() -> tuple[FigureKind, ...]:
    """All kinds of figure: our own in the order of the paper, then those of other packages.

    Another package adds one by an entry point of the group :data:`ENTRY_POINTS` that names a :class:`FigureKind`.
    """
    return _OWN + contributed(ENTRY_POINTS, FigureKind, taken=[kind.name for kind in _OWN])


def chosen_kinds(names: Iterable[str] | None = None) -> list[FigureKind]:
    """Kinds of those names in the order of the catalogue; all where `names` is None.

    Raises
    ------
    InputError
        If there is none of a name.
    """
    known = figure_kinds()
    if names is None:
        return list(known)
    wanted = list(names)
    missing = [name for name in wanted if name not in {kind.name for kind in known}]
    if missing:
        raise InputError(f"There is no figure {missing[0]!r}; there are: {', '.join(kind.name for kind in known)}.")
    return [kind for kind in known if kind.name in wanted]


def fitting_kinds(kinds: Iterable[FigureKind], cut: Cut) -> list[FigureKind]:
    """Those kinds that a cut can have at all: figures of pathways are of joint cuts of many layers alone."""
    return [kind for kind in kinds if kind.needs != "layers" or cut.layered is not None]


def all_figures(
    study: Study,
    cut: str | Cut = "default",
    *,
    figure_ground: FigureGround | Lacking | None = None,
    masks: bool = False,
    features: Any = None,
    about: Centring = DEFAULT_CENTRING,
    oracle: Sequence[LayerScore] | None = None,
    options: FigureOptions | None = None,
    names: Iterable[str] | None = None,
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
    about
        What brain activation is shown about.
    oracle
        Scores of layers, see :func:`alignedcut_viewer.pipeline.oracle_scores`.
    options
        Which networks, layers, pictures and query each figure shows, as far as it takes them.
    names
        Which figures, see :func:`figure_kinds`; all by default.
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
    InputError
        If there is no such figure, or one takes no such option.
    """
    chosen = study.cut(cut) if isinstance(cut, str) else cut
    wanted = chosen_kinds(names)
    if names is None:
        wanted = fitting_kinds(wanted, chosen)
    known = figure_ground
    if known is None and any("figure_ground" in kind.takes for kind in wanted):
        from .figure_ground import figure_ground_from_segments

        try:
            known = figure_ground_from_segments(study, chosen, span(progress, 0.0, 0.2))
        except DamagedError:
            raise
        except AlignedCutError as error:
            known = Lacking(str(error))
    if known is None:
        known = Lacking("Figure and ground are not known.")
    material = Material(study, chosen, known, masks, features, about, oracle, "", options or FigureOptions())
    return draw_figures(wanted, material, span(progress, 0.2, 1.0))


def draw_figures(
    kinds: Sequence[FigureKind],
    material: Material,
    progress: ProgressCallback | None = None,
) -> dict[str, Figure | Lacking]:
    """Draw some kinds of figure.

    Parameters
    ----------
    kinds
        Which, see :func:`chosen_kinds`.
    material
        What they are drawn from.
    progress
        Called before each figure.

    Returns
    -------
    dict
        Name to figure, or to :class:`~alignedcut_viewer.figures.Lacking` with the reason why it cannot be drawn.
    """
    result: dict[str, Figure | Lacking] = {}
    for number, kind in enumerate(kinds):
        stage = span(progress, number / len(kinds), (number + 1) / len(kinds))
        report(stage, 0, 1, f"Drawing {kind.name}")
        try:
            result[kind.name] = draw_figure(kind, material, stage)
        except DamagedError:
            raise
        except AlignedCutError as error:
            result[kind.name] = Lacking(" ".join(str(error).split()))
    report(progress, 1, 1, "Figures")
    return result
