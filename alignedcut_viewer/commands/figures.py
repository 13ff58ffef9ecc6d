"""``alignedcut figures`` and ``alignedcut report``."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..brain.centring import DEFAULT_CENTRING, Centring
from ..errors import InputError
from ..parameters import real
from ..progress import span
from . import options
from .command import Command
from .figure_material import MaskOptions, prepared
from .files import check_ending, put_beside
from .progress_bar import progress_bar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..figures import FigureKind, Lacking
    from ..figures.figure_writer import PageFigure

__all__ = ["COMMANDS"]


def _figures_options(parser: argparse.ArgumentParser) -> None:
    options.study(parser)
    parser.add_argument(
        "figures",
        nargs="*",
        metavar="FIGURE",
        help="which figures, such as similarity, cortex or layer-scores (default: mosaic; a wrong name lists all)",
    )
    parser.add_argument("--all", action="store_true", help="every figure that the study has data for")
    parser.add_argument(
        "--out",
        nargs="+",
        metavar="FILE",
        help="for one figure: files ending in .png, .svg, .pdf, or in .csv for its numbers; for several: a folder "
        "(default: STUDY-figures)",
    )
    parser.add_argument(
        "--report", metavar="FILE", help="with --all: also write the report (.html), drawing each figure only once"
    )
    parser.add_argument(
        "--beside",
        metavar="CUT",
        help="also draw each figure for this cut, and both side by side where they differ, to show what another "
        "recipe, such as --preset paper, changes",
    )
    parser.add_argument(
        "--formats",
        nargs="+",
        default=["png", "pdf"],
        metavar="F",
        help="png svg pdf, and csv for the numbers of figures that have a table (default: png pdf)",
    )
    chosen = parser.add_argument_group("what a figure shows (for figures that take these)")
    options.networks_and_layers(chosen, "to show")
    chosen.add_argument(
        "--images", nargs="+", type=int, metavar="N", help="image numbers from 0 (default: a few, spread over the cut)"
    )
    chosen.add_argument(
        "--query",
        nargs="+",
        metavar="IMAGE:X,Y",
        help="for similarity: pixels to compare with, counted from the upper left corner, such as 3:120,200",
    )
    chosen.add_argument("--smooth", action="store_true", help="for the mosaic: interpolate colours between tokens")
    parser.add_argument(
        "--dpi", type=float, metavar="N", help="resolution of PNG files in dots per inch (default: 300)"
    )
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
    figures: Sequence[str] = (),
    out: Sequence[str] | None = None,
    networks: Sequence[str] | None = None,
    layers: tuple[int, ...] | None = None,
    images: Sequence[int] | None = None,
    query: Sequence[str] | None = None,
    smooth: bool = False,
    all: bool = False,
    masks: str | None = None,
    figure_labels: Sequence[int] | None = None,
    unlabelled: Sequence[int] | None = None,
    formats: Sequence[str] = ("png", "pdf"),
    dpi: float | None = None,
    report: str | None = None,
    beside: str | None = None,
    about: Centring = DEFAULT_CENTRING,
) -> None:
    """Figures by name, or all figures of a study."""
    from ..figures import FigureOptions, Lacking, chosen_kinds, draw_figures, fitting_kinds, write_report
    from ..figures.figure_writer import write_figure
    from ..study.study import Study
    from .figure_crew import FigureCrew, FigureOrder, Finished, MaterialSource, spare_cores

    chosen = FigureOptions(
        None if networks is None else tuple(networks),
        layers,
        None if images is None else tuple(images),
        None if query is None else tuple(_pixel(text) for text in query),
        smooth,
    )
    if all and (figures or chosen.given):
        raise InputError("--all draws everything; names of figures and what they show go without it.")
    if report is not None and not all:
        raise InputError("A report shows all figures; use --report with --all.")
    real("dpi", dpi, above=0, unless=None)
    check_ending(report, ".html", ".htm")
    if beside is not None and (report is not None or "csv" in [kind.lower().lstrip(".") for kind in formats]):
        raise InputError("Figures of two cuts side by side go without --report and without tables.")
    kinds = chosen_kinds(None if all else figures or ("mosaic",))
    for kind in () if all else kinds:
        chosen.of(kind, kind.draw)  # says what does not fit before anything is computed
    targets = _targets(kinds, out, formats, put_beside(study, "figures"), several=all)
    if len(kinds) == 1 and kinds[0].table is None and any(file.suffix == ".csv" for file in targets[kinds[0].name]):
        raise InputError(f"{kinds[0].name} has no table; leave .csv out.")
    told = MaskOptions(masks, figure_labels, unlabelled)
    orders = {kind.name: FigureOrder(kind, tuple(targets[kind.name]), dpi, report is not None) for kind in kinds}
    written: dict[str, tuple[Path, ...]] = {}
    with progress_bar() as progress, FigureCrew(spare_cores() if all and beside is None else 0) as crew:

        def begin(computed: bool) -> None:
            if not told.given:  # masks that are wrong are found before anything is written
                crew.begin(orders.values(), MaterialSource.early(study, cut, about, chosen), computed=computed)

        Study.open(study).cut(cut)  # says what is not there before processes are started
        begin(False)
        ready = prepared(study, cut, kinds, told, about, chosen, span(progress, 0.0, 0.5), computed=lambda: begin(True))
        material = ready.material
        if all:
            kinds = fitting_kinds(kinds, material.cut)
        drawn: dict[str, Figure | PageFigure | Lacking] = {}
        if beside is None:
            source = MaterialSource.of(study, material)
            wanted = [orders[kind.name] for kind in kinds]
            for name, outcome in crew.finish(wanted, material, source, span(progress, 0.5, 1.0)).items():
                if isinstance(outcome, Finished):
                    written[name] = outcome.files
                    if outcome.page is not None:
                        drawn[name] = outcome.page
                else:
                    drawn[name] = outcome
        else:
            first = draw_figures(kinds, material, span(progress, 0.5, 0.6))
            other = prepared(study, beside, kinds, told, about, chosen, span(progress, 0.6, 0.8))
            second = draw_figures(kinds, other.material, span(progress, 0.8, 1.0))
            for name in first:
                pair = _pair(first[name], second[name], (cut, beside))
                drawn[name] = pair
                if not isinstance(pair, Lacking):
                    write_figure(pair, targets[name], dpi=dpi)
                    written[name] = tuple(targets[name])
        if report is not None:
            write_report(material.study, material.cut, drawn, Path(report), notes=ready.notes)
    for note in ready.notes:
        print(f"Note: {note}")
    lacking = {name: figure.reason for name, figure in drawn.items() if isinstance(figure, Lacking)}
    if not all:
        for file in (file for kind in kinds for file in written.get(kind.name, ())):
            print(file)
        if lacking:
            raise InputError(" ".join(f"{name} cannot be drawn: {reason}" for name, reason in lacking.items()))
        return
    for kind in kinds:
        suffixes = ", ".join(file.suffix[1:] for file in written.get(kind.name, ()))
        print(f"{kind.name:26}" + (f"lacking: {lacking[kind.name]}" if kind.name in lacking else suffixes))
    print(f"{len(written)} of {len(kinds)} figures in {next(iter(targets.values()))[0].parent}")
    if report is not None:
        print(f"{report}: the same on one page, with recipe and provenance.")


def _pair(left: Figure | Lacking, right: Figure | Lacking, names: tuple[str, str]) -> Figure | Lacking:
    """Both on one page, or why there is no such page."""
    from ..figures import Lacking
    from ..figures.beside import beside

    for figure, name in ((left, names[0]), (right, names[1])):
        if isinstance(figure, Lacking):
            return Lacking(f"{name}: {figure.reason}")
    assert not isinstance(left, Lacking)
    assert not isinstance(right, Lacking)
    found = beside(left, right, names)
    return Lacking("it is the same of both cuts.") if found is None else found


def _pixel(text: str) -> tuple[int, float, float]:
    match = re.fullmatch(r"(\d+):(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)", text.strip())
    if match is None:
        raise InputError(f"{text!r} names no pixel; write IMAGE:X,Y, such as: --query 3:120,200")
    return int(match[1]), float(match[2]), float(match[3])


def _targets(
    kinds: Sequence[FigureKind], out: Sequence[str] | None, formats: Sequence[str], folder: Path, *, several: bool
) -> dict[str, list[Path]]:
    """Files of each figure."""
    from ..figures import FIGURE_SUFFIXES

    endings = (*FIGURE_SUFFIXES, ".csv")
    suffixes = [f".{kind.lower().lstrip('.')}" for kind in formats]
    for suffix in suffixes:
        if suffix not in endings:
            raise InputError(f"{suffix[1:]} is not a kind of figure; choose from png, svg, pdf and csv.")
    if out and (several or len(kinds) > 1):
        if len(out) > 1 or Path(out[0]).suffix.lower() in endings:
            raise InputError("With --all or several figures, --out names one folder for all of them.")
        folder = Path(out[0])
    elif out:
        files = [Path(file) for file in out]
        for file in files:
            if file.suffix.lower() not in endings:
                raise InputError(f"{file} must end in {', '.join(endings)}.")
        return {kinds[0].name: files}
    return {kind.name: [folder / f"{kind.name}{suffix}" for suffix in suffixes] for kind in kinds}


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
    from ..figures import FigureOptions, Lacking, chosen_kinds, fitting_kinds, write_report
    from ..study.study import Study
    from .figure_crew import FigureCrew, FigureOrder, Finished, MaterialSource, spare_cores

    if Path(out).suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{out} must end in .html.")
    orders = {kind.name: FigureOrder(kind, page=True) for kind in chosen_kinds()}
    told, chosen = MaskOptions(masks, figure_labels, unlabelled), FigureOptions()
    with progress_bar() as progress, FigureCrew(spare_cores()) as crew:

        def begin(computed: bool) -> None:
            crew.begin(orders.values(), MaterialSource.early(study, cut, about, chosen), computed=computed)

        Study.open(study).cut(cut)  # says what is not there before processes are started
        begin(False)
        every = [order.kind for order in orders.values()]
        ready = prepared(study, cut, every, told, about, chosen, span(progress, 0.0, 0.5), computed=lambda: begin(True))
        material = ready.material
        wanted = [orders[kind.name] for kind in fitting_kinds(every, material.cut)]
        outcomes = crew.finish(wanted, material, MaterialSource.of(study, material), span(progress, 0.5, 0.9))
        drawn = {name: outcome.page if isinstance(outcome, Finished) else outcome for name, outcome in outcomes.items()}
        shown = {name: figure for name, figure in drawn.items() if figure is not None}
        target = write_report(material.study, material.cut, shown, Path(out), notes=ready.notes)
    count = sum(not isinstance(figure, Lacking) for figure in drawn.values())
    print(f"{target}: {count} of {len(drawn)} figures, recipe and provenance.")


COMMANDS = (
    Command(
        name="figures",
        summary="one figure by name, or with --all every figure of the paper",
        description=(
            "Draws figures by name, by default the mosaic: the colours of a cut, one row per picture and one column "
            "per layer.\n"
            "With --all, draws every figure that the study has data for, and says which are missing and why. If the "
            "map, the concepts, the brain activation or the scores of layers are still missing, they are computed "
            "and kept with the cut."
        ),
        example="alignedcut figures my-study --out mosaic.png mosaic.pdf --images 0 3 7\n"
        "  alignedcut figures my-study similarity --networks clip-vit-b16 --layers 9 --query 3:120,200 --out it.pdf "
        "it.csv\n"
        "  alignedcut figures my-study --all --masks masks/ --formats png svg csv",
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
