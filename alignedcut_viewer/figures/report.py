"""A study on one page: all figures, what they show, recipe and provenance, in one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic_files import replace_file, writing
from ..versions import versions
from .catalogue import figure_kinds
from .figure_kind import FigureKind
from .lacking import Lacking
from .provenance import brief_provenance, made_with_simulated_data, network_provenance, without_folders
from .save import figure_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..study.cut import Cut
    from ..study.study import Study

__all__ = ["report_html", "write_report"]

_DPI = 170

_STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1b1b; --soft: #595959; --line: #d4d4d4; --card: #f6f6f4;
  --link: #0a5a9c; --stamp: #8b1a1a; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181b; --ink: #e8e6e3; --soft: #aeb1b5; --line: #3a3e44;
  --card: #1f2226; --link: #7fbdf0; --stamp: #c94040; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
main, header, footer { max-width: 62rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 2rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 .6rem; padding-top: .6rem; border-top: 1px solid var(--line); }
a { color: var(--link); }
a:focus-visible, summary:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 1rem; top: .5rem; background: var(--paper); padding: .4rem; }
nav ul { columns: 17rem; padding-left: 1.2rem; margin: .4rem 0; }
figure { margin: 0; }
figure img { display: block; max-width: 100%; height: auto; background: #ffffff; padding: .5rem; border-radius: 4px;
  border: 1px solid var(--line); }
figure img.narrow { max-width: min(100%, 36rem); }
figcaption { margin: .5rem 0 0; max-width: 46rem; }
.soft { color: var(--soft); }
.stamp { display: inline-block; background: var(--stamp); color: #ffffff; font-weight: 600; padding: .1rem .5rem;
  border-radius: 4px; }
.scroll { overflow-x: auto; }
figure .scroll:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
@media screen and (max-width: 45rem) { figure img:not(.narrow) { max-width: none; width: 44rem; } }
caption { text-align: left; padding-top: .5rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
pre { background: var(--card); border: 1px solid var(--line); padding: .8rem; overflow-x: auto; font-size: .8rem; }
dt { font-weight: 600; margin-top: .5rem; }
dd { margin: 0; }
summary { cursor: pointer; }
footer { padding-bottom: 2rem; }
@media print { :root { --paper: #ffffff; --ink: #000000; --soft: #444444; --line: #bbbbbb; --card: #ffffff;
    --link: #000000; }
  body { font-size: 10pt; } nav, .skip { display: none; } main, header, footer { max-width: none; }
  section { break-inside: avoid-page; } h2 { break-after: avoid; } figure img { max-height: 21cm; width: auto;
    border: 0; padding: 0; } pre { white-space: pre-wrap; overflow-wrap: anywhere; } }
"""


def write_report(
    study: Study,
    cut: Cut,
    figures: Mapping[str, Figure | Lacking],
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
        replace_file(target, text.encode("utf-8"))
    return target


def report_html(
    study: Study,
    cut: Cut,
    figures: Mapping[str, Figure | Lacking],
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
        Name to figure or to what is lacking, from :func:`~alignedcut_viewer.figures.all_figures`.
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
    drawn = {name: figure for name, figure in figures.items() if not isinstance(figure, Lacking)}
    lacking = {name: figure.reason for name, figure in figures.items() if isinstance(figure, Lacking)}
    heading = title or f"{study.path.stem}: what its networks see"
    simulated = is_simulated(study, cut)
    parts = [_opening(study, cut, heading, simulated, [*cut.warnings, *notes])]
    parts.append(_contents([kinds[name] for name in drawn], bool(lacking)))
    parts.append('</header>\n<main id="content">')
    provenance = brief_provenance(study, cut)
    for name, figure in drawn.items():
        parts.append(_section(kinds[name], figure, simulated and _shows_brain(name), provenance))
    if lacking:
        rows = "\n".join(f"<dt>{_text(kinds[n].title)}</dt><dd>{_text(why)}</dd>" for n, why in lacking.items())
        parts.append(f'<section id="lacking"><h2>What this study has no data for</h2>\n<dl>\n{rows}\n</dl></section>')
    parts.append(_provenance(study, cut))
    parts.append("</main>")
    parts.append(
        f'<footer class="soft"><p>Made on {datetime.now(UTC):%d %B %Y} by alignedcut-viewer '
        f"{_text(versions()['alignedcut-viewer'])}. The method is of Yang, Gee and Shi 2024 (AlignedCut, arXiv "
        "2406.18344).</p></footer>\n</body>\n</html>\n"
    )
    return "\n".join(parts)


def is_simulated(study: Study, cut: Cut) -> bool:
    """Whether brain data that were made up had a part in a cut."""
    brain = cut.brain_activation
    name = cut.recipe["cut"].get("alignment")
    recipe = {} if name is None else study.store.attributes(f"alignments/{name}").get("recipe", {})
    return bool(brain is not None and brain.simulated) or made_with_simulated_data(recipe)


def _shows_brain(name: str) -> bool:
    return name in ("figure-ground-activation", "cortex", "roi-maps", "concepts", "brain-scores", "brain-scores-table")


def _text(words: object) -> str:
    return html.escape(str(words))


def _opening(study: Study, cut: Cut, heading: str, simulated: bool, warnings: Sequence[str]) -> str:
    index = cut.index
    rows = [
        ("pictures", f"{len(index.images):,}"),
        *((f"network {n.name}", f"{len(n.layers)} layers, {n.rows} × {n.columns} tokens") for n in index.networks),
        ("nodes in the graph", f"{len(index):,}"),
        ("eigenvectors", f"{cut.eigenvectors.shape[1]}"),
        ("concepts", "not discovered" if cut.concepts is None else f"{len(cut.concepts)}"),
        ("brain data", "none" if cut.brain_activation is None else cut.brain_activation.title),
    ]
    table = "\n".join(f'<tr><th scope="row">{_text(a)}</th><td>{_text(b)}</td></tr>' for a, b in rows)
    said = "".join(f"<p><strong>Note.</strong> {_text(without_folders(words))}</p>\n" for words in warnings)
    stamp = (
        '<p><span class="stamp">simulated brain data</span> Brain responses in this report were made up to try the '
        "tools with; nothing about brains can be read from them.</p>\n"
        if simulated
        else ""
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(heading)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#content">Skip to the figures</a>\n<header>\n'
        f'<h1>{_text(heading)}</h1>\n<p class="soft">Cut “{_text(cut.name)}” of the study {_text(study.path.name)}. '
        f"{_text(brief_provenance(study, cut))}</p>\n{stamp}{said}"
        f'<div class="scroll"><table>\n<caption class="soft">The study in numbers</caption>\n{table}\n</table></div>'
    )


def _contents(kinds: Sequence[FigureKind], lacking: bool) -> str:
    links = [f'<li><a href="#{kind.name}">{_text(kind.title)}</a></li>' for kind in kinds]
    if lacking:
        links.append('<li><a href="#lacking">What this study has no data for</a></li>')
    links.append('<li><a href="#recipe">Recipe and provenance</a></li>')
    return f'<nav aria-label="Contents"><ul>\n{"".join(links)}\n</ul></nav>'


def _section(kind: FigureKind, figure: Figure, simulated: bool, provenance: str) -> str:
    data = base64.b64encode(figure_bytes(figure, ".png", dpi=_DPI)).decode("ascii")
    wide, high = (round(_DPI * side) for side in figure.get_size_inches())
    narrow = ' class="narrow"' if figure.get_figwidth() < 4.5 else ""
    stamp = '<span class="stamp">simulated brain data</span> ' if simulated else ""
    paper = f'<span class="soft">After the paper’s {_text(kind.paper)}.</span>' if kind.paper else ""
    told = _small_print(figure, provenance)
    note = f'<br><span class="soft">{_text(told)}</span>' if told else ""
    return (
        f'<section id="{kind.name}"><h2>{_text(kind.title)}</h2>\n<figure>\n'
        f'<div class="scroll" tabindex="0" role="group" aria-label="{_text(kind.title)}">'
        f'<img{narrow} src="data:image/png;base64,{data}" width="{wide}" height="{high}" '
        f'alt="{_text(kind.title)}. {_text(kind.caption)}"></div>\n'
        f"<figcaption>{stamp}{_text(kind.caption)} {paper}{note}</figcaption>\n</figure></section>"
    )


def _small_print(figure: Figure, provenance: str) -> str:
    """What a figure says of itself, which readers of small screens and screen readers get as text."""
    lines = [text.get_text() for text in figure.texts if text.get_color() == "0.35"]
    said = " ".join(" ".join(lines).split())
    return said.replace(" ".join(provenance.split()), "").strip()


def _provenance(study: Study, cut: Cut) -> str:
    rows = "".join(f"<li>{_text(network_provenance(study, n.name))}</li>\n" for n in cut.index.networks)
    recipe: dict[str, Any] = dict(cut.recipe)
    name = recipe["cut"].get("alignment")
    if name is not None:
        recipe["alignment"] = study.store.attributes(f"alignments/{name}").get("recipe", {})
    if cut.concepts is not None:
        recipe["concepts"] = cut.concepts.recipe
    recipe["pictures"] = {"count": len(cut.index.images), "first": study.pictures.names[cut.index.images[0]]}
    text = json.dumps(_without_folders(recipe), indent=1, default=str, ensure_ascii=False)
    # long lists of numbers go on one line
    text = re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda m: "[" + " ".join(m[1].split()) + "]", text)
    return (
        '<section id="recipe"><h2>Recipe and provenance</h2>\n'
        f"<ul>\n{rows}</ul>\n<p>Every parameter, seed, version and digest that this result was made with:</p>\n"
        f"<details><summary>The recipe (JSON)</summary>\n<pre>{_text(text)}</pre></details></section>"
    )


def _without_folders(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_folders(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_folders(part) for part in value]
    return without_folders(value) if isinstance(value, str) else value
