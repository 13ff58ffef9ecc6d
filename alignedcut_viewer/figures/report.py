"""A study on one page: all figures, what they show, recipe and provenance, in one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic_files import replace_file, writing
from ..network_nodes import NetworkNodes
from ..versions import software_version
from .catalogue import figure_kinds
from .figure_kind import FigureKind
from .figure_writer import REPORT_DPI, PageFigure, page_figure
from .lacking import Lacking
from .provenance import brief_provenance, made_with_simulated_data, network_provenance, without_folders

if TYPE_CHECKING:
    from jinja2 import Template
    from matplotlib.figure import Figure

    from ..study.cut import Cut
    from ..study.study import Study

__all__ = ["report_html", "write_report"]


def write_report(
    study: Study,
    cut: Cut,
    figures: Mapping[str, Figure | PageFigure | Lacking],
    path: str | Path,
    *,
    title: str | None = None,
    notes: Sequence[str] = (),
) -> Path:
    """Write the report of a study; see :func:`report_html`.

    Returns
    -------
    Path
        The file; an older one is replaced in one step.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    target = Path(path).expanduser().absolute()
    text = report_html(study, cut, figures, title=title, notes=notes)
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, text.encode("utf-8", "backslashreplace"))
    return target


def report_html(
    study: Study,
    cut: Cut,
    figures: Mapping[str, Figure | PageFigure | Lacking],
    *,
    title: str | None = None,
    notes: Sequence[str] = (),
) -> str:
    """A study on one page, as HTML with everything inside: nothing is fetched, no script runs.

    Parameters
    ----------
    study, cut
        The study and the cut that the figures are of.
    figures
        Name to figure or to what is lacking, from :func:`~alignedcut_viewer.figures.all_figures`; a figure that was
        drawn already is a :class:`~alignedcut_viewer.figures.figure_writer.PageFigure`.
    title
        Of the page; the study's name by default.
    notes
        Sentences that the reader should know.

    Returns
    -------
    str
        The HTML.
    """
    kinds = {kind.name: kind for kind in figure_kinds()}
    simulated = is_simulated(study, cut)
    provenance = brief_provenance(study, cut)
    shown = [(kinds[name], figure) for name, figure in figures.items() if not isinstance(figure, Lacking)]
    text: str = _template().render(
        heading=title or f"{study.path.stem}: what its networks see",
        cut=cut.name,
        study=study.path.name,
        provenance=provenance,
        simulated=simulated,
        notes=[without_folders(words) for words in (*cut.warnings, *notes)],
        numbers=_numbers(cut),
        figures=[_entry(kind, figure, simulated and _shows_brain(kind), provenance) for kind, figure in shown],
        lacking=[(kinds[name].title, found.reason) for name, found in figures.items() if isinstance(found, Lacking)],
        networks=[network_provenance(study, network.name) for network in cut.index.networks],
        recipe=_recipe(study, cut),
        date=f"{datetime.now(UTC):%d %B %Y}",
        version=software_version(),
    )
    return text


@cache
def _template() -> Template:
    """The page; whatever is put into it is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html.jinja")


def is_simulated(study: Study, cut: Cut) -> bool:
    """Whether brain data that were made up had a part in a cut."""
    brain = cut.brain_activation
    name = cut.recipe["cut"].get("alignment")
    recipe = {} if name is None else study.store.attributes(f"alignments/{name}").get("recipe", {})
    return bool(brain is not None and brain.simulated) or made_with_simulated_data(recipe)


def _shows_brain(kind: FigureKind) -> bool:
    return kind.needs == "brain" or "brain activation" in kind.uses or kind.name.startswith("brain-scores")


def _grid_text(network: NetworkNodes) -> str:
    sizes = sorted(set(network.grids or ((network.rows, network.columns),)))
    return " to ".join(f"{rows} × {columns}" for rows, columns in dict.fromkeys((sizes[0], sizes[-1])))


def _numbers(cut: Cut) -> list[tuple[str, str]]:
    index = cut.index
    return [
        ("pictures", f"{len(index.images):,}"),
        *((f"network {n.name}", f"{len(n.layers)} layers, {_grid_text(n)} tokens") for n in index.networks),
        ("nodes in the graph", f"{len(index):,}"),
        ("eigenvectors", f"{cut.eigenvectors.shape[1]}"),
        ("concepts", "not discovered" if cut.concepts is None else f"{len(cut.concepts)}"),
        ("brain data", "none" if cut.brain_activation is None else cut.brain_activation.title),
    ]


def _entry(kind: FigureKind, figure: Figure | PageFigure, simulated: bool, provenance: str) -> dict[str, Any]:
    drawn = figure if isinstance(figure, PageFigure) else page_figure(figure)
    wide, high = (round(REPORT_DPI * side) for side in drawn.inches)
    return {
        "kind": kind,
        "data": base64.b64encode(drawn.content).decode("ascii"),
        "width": wide,
        "height": high,
        "narrow": drawn.inches[0] < 4.5,
        "simulated": simulated,
        # readers of small screens and screen readers get it as text
        "told": drawn.small_print.replace(" ".join(provenance.split()), "").strip(),
    }


def _recipe(study: Study, cut: Cut) -> str:
    recipe: dict[str, Any] = dict(cut.recipe)
    name = recipe["cut"].get("alignment")
    if name is not None:
        recipe["alignment"] = study.store.attributes(f"alignments/{name}").get("recipe", {})
    if cut.concepts is not None:
        recipe["concepts"] = cut.concepts.recipe
    recipe["pictures"] = {"count": len(cut.index.images), "first": study.pictures.names[cut.index.images[0]]}
    text = json.dumps(_without_folders(recipe), indent=1, default=str, ensure_ascii=False)
    # long lists of numbers go on one line
    return re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda m: "[" + " ".join(m[1].split()) + "]", text)


def _without_folders(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_folders(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_folders(part) for part in value]
    return without_folders(value) if isinstance(value, str) else value
