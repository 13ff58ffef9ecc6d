"""``alignedcut figures`` and ``alignedcut report``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..brain.centring import DEFAULT_CENTRING, Centring
from ..errors import AlignedCutError, DamagedError, InputError
from ..progress import ProgressCallback, span
from . import options
from .command import Command
from .groups import figure_and_ground
from .progress_bar import progress_bar

if TYPE_CHECKING:
    from ..figures import FigureGround, Lacking
    from ..study.cut import Cut
    from ..study.study import Study


__all__ = ["COMMANDS"]


def _figures_options(parser: argparse.ArgumentParser) -> None:
    options.study(parser)
    parser.add_argument(
        "--out",
        nargs="+",
        metavar="FILE",
        help="files ending in .png, .svg or .pdf, or with --all a folder (default: mosaic.png and .pdf, or all "
        "figures, in STUDY-figures)",
    )
    options.networks_and_layers(parser, "to draw")
    parser.add_argument(
        "--images", nargs="+", type=int, metavar="N", help="image numbers from 0 (default: the first 16)"
    )
    parser.add_argument("--smooth", action="store_true", help="interpolate colours between tokens")
    parser.add_argument("--all", action="store_true", help="every figure that the study has data for")
    parser.add_argument(
        "--formats", nargs="+", default=["png", "pdf"], metavar="F", help="with --all: png svg pdf (default: png pdf)"
    )
    parser.add_argument("--dpi", type=float, metavar="N", help="dots an inch of PNG files (default: 300)")
    options.masks(parser.add_argument_group("figure and ground"))
    options.about(parser)


def _report_options(parser: argparse.ArgumentParser) -> None:
    options.study(parser)
    parser.add_argument("out", metavar="FILE", help="file to write (.html)")
    options.masks(parser.add_argument_group("figure and ground"))
    options.about(parser)


def figures(
    study: str,
    cut: str,
    out: Sequence[str] | None,
    networks: Sequence[str] | None,
    layers: tuple[int, ...] | None,
    images: Sequence[int] | None,
    smooth: bool,
    all: bool = False,
    masks: str | None = None,
    figure_labels: Sequence[int] | None = None,
    unlabelled: Sequence[int] | None = None,
    formats: Sequence[str] = ("png", "pdf"),
    dpi: float | None = None,
    about: Centring = DEFAULT_CENTRING,
) -> None:
    """The mosaic of a cut, or all figures of a study."""
    from ..figures import FIGURE_SUFFIXES, mosaic, save_figure
    from ..study.study import Study

    folder = Path(f"{study.rstrip('/' + os.sep)}-figures")
    if all:
        if networks or layers or images or smooth:
            raise InputError("--all draws everything; --networks, --layers, --images and --smooth go without it.")
        if out and (len(out) > 1 or Path(out[0]).suffix.lower() in FIGURE_SUFFIXES):
            raise InputError("With --all, --out names one folder for all figures.")
        _all_figures(study, cut, Path(out[0]) if out else folder, masks, figure_labels, unlabelled, formats, dpi, about)
        return
    if masks is not None or figure_labels is not None or unlabelled is not None:
        raise InputError("--masks, --figure-labels and --unlabelled go with --all.")
    files = [Path(file) for file in out] if out else [folder / "mosaic.png", folder / "mosaic.pdf"]
    for file in files:
        if file.suffix.lower() not in FIGURE_SUFFIXES:
            raise InputError(f"{file} must end in {', '.join(FIGURE_SUFFIXES)}.")
    figure = mosaic(Study.open(study), cut, images, networks, layers, smooth)
    for file in files:
        print(save_figure(figure, file, dpi=dpi))


def _all_figures(
    study: str,
    cut: str,
    folder: Path,
    masks: str | None,
    figure_labels: Sequence[int] | None,
    unlabelled: Sequence[int] | None,
    formats: Sequence[str],
    dpi: float | None,
    about: Centring,
) -> None:
    from ..figures import FIGURE_SUFFIXES, Lacking, all_figures, save_figure

    suffixes = [f".{kind.lower().lstrip('.')}" for kind in formats]
    for suffix in suffixes:
        if suffix not in FIGURE_SUFFIXES:
            raise InputError(f"{suffix[1:]} is no kind of figure; choose from png, svg and pdf.")
    with progress_bar() as progress:
        ready = _prepared(study, cut, masks, figure_labels, unlabelled, span(progress, 0.0, 0.5))
        drawn = all_figures(
            ready.study,
            ready.cut,
            figure_ground=ready.figure_ground,
            masks=masks is not None,
            features=ready.features,
            about=about,
            progress=span(progress, 0.5, 0.9),
        )
        for figure_name, figure in drawn.items():
            if not isinstance(figure, Lacking):
                for suffix in suffixes:
                    save_figure(figure, folder / f"{figure_name}{suffix}", dpi=dpi)
    for note in ready.notes:
        print(f"Note: {note}")
    for figure_name, figure in drawn.items():
        told = f"lacking: {figure.reason}" if isinstance(figure, Lacking) else ", ".join(s[1:] for s in suffixes)
        print(f"{figure_name:26}{told}")
    count = sum(not isinstance(figure, Lacking) for figure in drawn.values())
    print(f"{count} of {len(drawn)} figures in {folder}")


def report(
    study: str,
    out: str,
    cut: str,
    masks: str | None = None,
    figure_labels: Sequence[int] | None = None,
    unlabelled: Sequence[int] | None = None,
    about: Centring = DEFAULT_CENTRING,
) -> None:
    """A report of a study in one HTML file."""
    from ..figures import Lacking, all_figures, write_report

    if Path(out).suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{out} must end in .html.")
    with progress_bar() as progress:
        ready = _prepared(study, cut, masks, figure_labels, unlabelled, span(progress, 0.0, 0.5))
        drawn = all_figures(
            ready.study,
            ready.cut,
            figure_ground=ready.figure_ground,
            masks=masks is not None,
            features=ready.features,
            about=about,
            progress=span(progress, 0.5, 0.9),
        )
        target = write_report(ready.study, ready.cut, drawn, Path(out), notes=ready.notes)
    count = sum(not isinstance(figure, Lacking) for figure in drawn.values())
    print(f"{target}: {count} of {len(drawn)} figures, recipe and provenance.")


@dataclass(frozen=True, eq=False)
class _Ready:
    """What figures are drawn from, computed as far as the study has data for it."""

    study: Study
    cut: Cut
    figure_ground: FigureGround | Lacking
    features: Any
    notes: tuple[str, ...]


def _prepared(
    path: str,
    name: str,
    masks: str | None,
    figure_labels: Sequence[int] | None,
    unlabelled: Sequence[int] | None,
    progress: ProgressCallback | None,
) -> _Ready:
    """Compute what the figures need and the study does not hold yet: map, brain activation, concepts."""
    from .. import pipeline
    from ..figures import Lacking, figure_ground_from_segments
    from ..study.study import Study

    reader = Study.open(path)
    cut = reader.cut(name)
    network = next((n for n in cut.index.networks if len(n.layers) > 1), cut.index.networks[0])
    layer = network.layers[2 * len(network.layers) // 3]
    alike = pipeline.ConceptSettings(networks=(network.name,), layers=(layer,))
    wanted: list[tuple[str, bool, Any]] = [
        ("map", cut.map2d is None, lambda s, p: pipeline.spectral_map(s, name, progress=p)),
        ("brain activation", cut.brain_activation is None, lambda s, p: pipeline.brain_activation(s, name, p)),
        ("concepts", cut.concepts is None, lambda s, p: pipeline.discover_concepts(s, name, alike, p)),
    ]
    notes: list[str] = []
    missing = [(what, make) for what, lacks, make in wanted if lacks]
    if missing:
        try:
            with Study.open(path, writable=True) as writer:
                for number, (_, make) in enumerate(missing):
                    stage = span(progress, 0.6 * number / len(missing), 0.6 * (number + 1) / len(missing))
                    try:
                        make(writer, stage)
                    except DamagedError:
                        raise
                    except AlignedCutError:
                        continue  # the figure that needs it says what is missing
        except DamagedError:
            raise
        except AlignedCutError as error:
            notes.append(f"{', '.join(what for what, _ in missing)} could not be computed and kept: {error}")
        reader = Study.open(path)
        cut = reader.cut(name)
    split: FigureGround | Lacking
    stage = span(progress, 0.6, 1.0)
    told = figure_and_ground(reader, cut, masks, figure_labels, unlabelled, False, stage)
    if told is not None:
        split = told
    else:
        try:
            split = figure_ground_from_segments(reader, cut, stage)
        except DamagedError:
            raise
        except AlignedCutError as error:
            split = Lacking(str(error))
    return _Ready(reader, cut, split, pipeline.aligned_features(reader, cut), tuple(notes))


COMMANDS = (
    Command(
        name="figures",
        summary="the mosaic of a cut, or with --all every figure of the paper",
        description=(
            "Draws the colours of a cut: a row a picture, a column a layer, grouped by network.\n"
            "With --all, draws every figure that the study has data for, and says which it lacks and why; the map, "
            "the concepts and the brain activation that they need are computed and kept with the cut where they are "
            "not there."
        ),
        example="alignedcut figures my-study --out mosaic.png mosaic.pdf --images 0 3 7\n"
        "  alignedcut figures my-study --all --masks masks/ --formats png svg",
        options=_figures_options,
        run=figures,
    ),
    Command(
        name="report",
        summary="a report of a study in one HTML file",
        description=(
            "Writes all figures that the study has data for, what they show, the recipe and where everything came "
            "from into one HTML file that needs no network and no other file."
        ),
        example="alignedcut report my-study my-study.html",
        options=_report_options,
        run=report,
    ),
)
