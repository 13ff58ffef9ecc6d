"""Build the site: these pages, a gallery of all figures, a notebook and the reference of the Python interface.

``python docs/make_site.py build/site`` fails where a link between pages leads nowhere; with ``--external`` the links to
other sites are checked, too, which needs a network.
"""

from __future__ import annotations

import argparse
import importlib
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
ROOMS = ("", "spectral", "alignment", "backbones", "study", "pipeline", "concepts", "brain", "segmentation", "images")
ROOMS += ("figures", "errors", "progress")
PAGES = {
    "Guides": [
        *("first_ten_minutes", "from_pictures_to_figures", "window", "figures", "gallery"),
        *("what_and_where", "segmentation", "concepts", "brain", "diffusion"),
    ],
    "Background": ["method", "alignment", "data", "scale", "reliability", "performance", "benchmarks"],
    "Project": ["design", "CONTRIBUTING", "CHANGELOG"],
}
_LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")


def assemble(source: Path) -> None:
    """Put all pages into one folder, their links bent to it."""
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    shutil.copy(DOCS / "site" / "conf.py", source)
    for folder in ("images", "figures"):
        shutil.copytree(DOCS / folder, source / folder)
    (source / "index.md").write_text(_bent(ROOT / "README.md") + _contents(), encoding="utf-8")
    for page in (ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *DOCS.glob("*.md")):
        (source / page.name).write_text(_bent(page), encoding="utf-8")
    (source / "gallery.md").write_text(gallery(), encoding="utf-8")
    (source / "from_pictures_to_figures.md").write_text(notebook(), encoding="utf-8")
    (source / "api").mkdir()
    for room in ROOMS:
        (source / "api" / f"{room or 'alignedcut_viewer'}.rst").write_text(reference(room), encoding="utf-8")


def _bent(page: Path) -> str:
    """A page as it lies in the site: all pages side by side; files of the repository that are no page as plain text."""
    site = {path.name for path in DOCS.glob("*.md")} | {
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "from_pictures_to_figures.ipynb",
    }

    def bend(match: re.Match[str]) -> str:
        target, mark, anchor = match[1].partition("#")
        if not target or "://" in target or target.startswith("mailto:"):
            return match[1]
        path = (page.parent / target).resolve()
        if not path.exists():
            raise SystemExit(f"{page.relative_to(ROOT)} links to {target}, which does not exist.")
        if path.name in site:
            return path.with_suffix(".md").name + mark + anchor
        if path == ROOT / "README.md":
            return "index.md" + mark + anchor
        if path.is_relative_to(DOCS) and path.parent != DOCS:
            return path.relative_to(DOCS).as_posix()
        return "design.md"  # a folder or file of the repository: the page that describes them

    return _LINK.sub(bend, page.read_text(encoding="utf-8"))


def _contents() -> str:
    trees = [
        f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(pages) + "\n```"
        for caption, pages in PAGES.items()
    ]
    modules = "\n".join(f"api/{room or 'alignedcut_viewer'}" for room in ROOMS)
    trees.append(f"```{{toctree}}\n:hidden:\n:caption: Python interface\n\n{modules}\n```")
    return "\n\n" + "\n\n".join(trees) + "\n"


def gallery() -> str:
    """Every kind of figure with its caption, and the picture that `docs/make_figures.py` made of it."""
    from alignedcut_viewer.figures import figure_kinds

    parts = ["# Gallery\n\nAll figures of a study, in one command: `alignedcut figures STUDY --all`.\n"]
    for kind in figure_kinds():
        paper = f" ({kind.paper} of the paper)" if kind.paper else ""
        text = f"## {kind.title}\n\n*{kind.name}*{paper}. {kind.caption}\n"
        for name in (kind.name, f"{kind.name}-simulated"):
            if (DOCS / "figures" / f"{name}.png").exists():
                text += f"\n![{kind.title}](figures/{name}.png)\n"
                text += "\nBrain data of this picture are simulated.\n" if name != kind.name else ""
        parts.append(text)
    return "\n".join(parts)


def notebook() -> str:
    """The notebook as a page; the tests run it."""
    import json

    cells = json.loads((DOCS / "from_pictures_to_figures.ipynb").read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    return "\n\n".join(
        text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```"
        for cell, text in zip(cells, texts, strict=True)
    )


def reference(room: str) -> str:
    """The page of a module: its public names with their docstrings."""
    module = "alignedcut_viewer" + (f".{room}" if room else "")
    names = [name for name in sorted(importlib.import_module(module).__all__) if not name.startswith("_")]
    parts = [f"{module}\n{'=' * len(module)}\n\n.. automodule:: {module}\n   :no-members:\n"]
    for name in names:
        value = getattr(importlib.import_module(module), name)
        kind = "autoclass" if isinstance(value, type) else "autofunction" if callable(value) else "autodata"
        parts.append(f".. {kind}:: {module}.{name}\n" + ("   :no-index:\n" if not room else ""))
    return "\n".join(parts)


def main() -> int:
    """Assemble, build, check."""
    from sphinx.cmd.build import build_main

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the site")
    parser.add_argument("--external", action="store_true", help="check links to other sites, too")
    arguments = parser.parse_args()
    source = arguments.out / "source"
    assemble(source)
    failed = build_main(["-W", "--keep-going", "-q", "-b", "html", str(source), str(arguments.out / "html")])
    if arguments.external and not failed:
        failed = build_main(["-q", "-b", "linkcheck", str(source), str(arguments.out / "links")])
    if not failed:
        print(f"{arguments.out / 'html' / 'index.html'}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
