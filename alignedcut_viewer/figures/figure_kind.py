"""What a kind of figure is, what it is drawn from, and which of the user's choices reach it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..brain.centring import DEFAULT_CENTRING, Centring
from ..errors import AlignedCutError, InputError
from ..progress import ProgressCallback
from .lacking import Lacking
from .roi_activation import brain_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..segmentation import LayerScore
    from ..study.cut import Cut
    from ..study.study import Study
    from .figure_ground import FigureGround

__all__ = ["Computed", "FigureKind", "FigureOptions", "Material", "draw_figure", "figure_table"]

Computed = Literal["map", "concepts", "brain activation"]
"""What is computed for a figure first, where the cut does not hold it."""


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
    draw
        Makes it of a study and one of its cuts. Its parameters beside these two say what else it takes:
        ``figure_ground`` (a :class:`~alignedcut_viewer.figures.FigureGround`; with a default, None where it is not
        known), ``features`` (aligned features of the cut's nodes, a stream, or None), ``about`` (what brain activation
        is shown about, see :data:`~alignedcut_viewer.brain.centring.Centring`), ``oracle`` (scores of layers) and
        ``source`` (of their masks), ``progress``,
        and what the user may choose, see :class:`FigureOptions`: ``networks`` or ``network``, ``layers`` or ``layer``,
        ``images``, ``query``, ``smooth``, each with a default.
    needs
        What there must be besides: ``"masks"`` that say what is figure, an alignment with ``"brain"`` data, a joint cut
        of many ``"layers"`` (the figure is none of other cuts), or "".
    uses
        What is computed and kept with the cut before it is drawn.
    table
        Gives its numbers, picture by picture or layer by layer, as rows of one header; takes what `draw` may take.
    seconds
        About how long it takes, so that of many the long ones are drawn first.
    """

    name: str
    title: str
    paper: str
    caption: str
    draw: Callable[..., Figure]
    needs: Literal["", "masks", "brain", "layers"] = ""
    uses: tuple[Computed, ...] = ()
    table: Callable[..., list[dict[str, Any]]] | None = None
    seconds: float = 1.0

    @property
    def takes(self) -> frozenset[str]:
        """Parameters of `draw` and of `table`."""
        found = set(inspect.signature(self.draw).parameters)
        if self.table is not None:
            found |= set(inspect.signature(self.table).parameters)
        return frozenset(found)


@dataclass(frozen=True)
class FigureOptions:
    """What a user may choose of a figure; what is not chosen the figure chooses itself.

    Attributes
    ----------
    networks, layers, images
        Names, numbers from 0, and image numbers.
    query
        Pixels that are asked about: (image, x, y) each, from the upper left corner of the picture.
    smooth
        Whether colours are interpolated between tokens.
    """

    networks: tuple[str, ...] | None = None
    layers: tuple[int, ...] | None = None
    images: tuple[int, ...] | None = None
    query: tuple[tuple[int, float, float], ...] | None = None
    smooth: bool = False

    @property
    def given(self) -> dict[str, Any]:
        """Those that were chosen, by name."""
        return {name: value for name, value in vars(self).items() if value is not None and value is not False}

    def of(self, kind: FigureKind, function: Callable[..., Any]) -> dict[str, Any]:
        """What reaches `function` of a kind of figure.

        Raises
        ------
        InputError
            If the figure takes no such choice, or one of several.
        """
        parameters = inspect.signature(function).parameters
        found: dict[str, Any] = {}
        for name, value in self.given.items():
            single = name.removesuffix("s")
            if name in parameters:
                found[name] = value
            elif name in ("networks", "layers") and single in parameters:
                if len(value) > 1:
                    raise InputError(f"{kind.name} shows a single {single}; name one with --{name}.")
                found[single] = value[0]
            elif name not in kind.takes and single not in kind.takes:
                raise InputError(f"{kind.name} takes no --{name}.")
        return found


@dataclass(frozen=True, eq=False)
class Material:
    """What figures are drawn from.

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
    about
        What brain activation is shown about.
    oracle
        Scores of layers, or None where there are none.
    source
        Where the classes of those scores are from, as the end of a sentence.
    options
        What the user chose.
    """

    study: Study
    cut: Cut
    figure_ground: FigureGround | Lacking
    masks: bool = False
    features: Any = None
    about: Centring = DEFAULT_CENTRING
    oracle: Sequence[LayerScore] | None = None
    source: str = ""
    options: FigureOptions = FigureOptions()


class _LacksError(AlignedCutError):
    """Something that a figure needs is not there."""


def draw_figure(kind: FigureKind, material: Material, progress: ProgressCallback | None = None) -> Figure:
    """Draw one figure.

    Raises
    ------
    AlignedCutError
        If something that it needs is not there; the sentence says what, and how to get it.
    """
    return kind.draw(material.study, material.cut, **_given(kind, kind.draw, material, progress))


def figure_table(
    kind: FigureKind, material: Material, progress: ProgressCallback | None = None
) -> list[dict[str, Any]] | None:
    """The numbers of one figure, row by row; None where it has no table.

    Raises
    ------
    AlignedCutError
        If something that it needs is not there.
    """
    if kind.table is None:
        return None
    return kind.table(material.study, material.cut, **_given(kind, kind.table, material, progress))


def _given(
    kind: FigureKind, function: Callable[..., Any], material: Material, progress: ProgressCallback | None
) -> dict[str, Any]:
    if kind.needs == "brain":
        brain_of(material.cut)
    if kind.needs == "masks" and not material.masks:
        raise _LacksError(
            f"{kind.title}: this needs masks that tell figure from ground, drawn by hand; give a folder "
            "of them: `alignedcut figures STUDY --all --masks DIR`."
        )
    known = None if isinstance(material.figure_ground, Lacking) else material.figure_ground
    offered = {
        "figure_ground": known,
        "features": material.features,
        "about": material.about,
        "oracle": material.oracle,
        "source": material.source,
        "progress": progress,
    }
    takes = inspect.signature(function).parameters
    for name, why in (
        ("figure_ground", "" if known is not None else getattr(material.figure_ground, "reason", "")),
        ("oracle", "Layers were not scored; see `pipeline.oracle_scores`."),
    ):
        if name in takes and offered[name] is None and takes[name].default is inspect.Parameter.empty:
            raise _LacksError(why)
    return {name: value for name, value in offered.items() if name in takes} | material.options.of(kind, function)
