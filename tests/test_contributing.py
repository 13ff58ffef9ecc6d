"""What CONTRIBUTING.md says about adding parts, carried out on a copy of the package."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.benchmarks.planted_study import write_planted_study
from tests.planted import noise_pictures

ROOT = Path(__file__).resolve().parent.parent
_BLOCK = re.compile(
    r"<!-- (?:new file: (?P<new>\S+)|in (?P<old>\S+) after: (?P<line>.+?)) -->\n```\w+\n(?P<text>.*?)```\n", re.S
)


def blocks() -> Iterator[tuple[str, str | None, str]]:
    """File, the line after which to insert (None for a new file), and text of every part of the page."""
    for match in _BLOCK.finditer((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        yield match["new"] or match["old"], match["line"], match["text"]


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with everything that the page adds, and the package `more-of-it` beside it as installed."""
    folder = tmp_path_factory.mktemp("extended")
    shutil.copytree(ROOT / "alignedcut_viewer", folder / "alignedcut_viewer")  # with what numba has compiled
    shutil.copytree(ROOT / "resources", folder / "resources")
    for name, line, text in blocks():
        path = folder / name
        if line is None:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            continue
        before = path.read_text(encoding="utf-8")
        assert before.count(f"{line}\n") == 1, f"{name} has no single line {line!r}"
        path.write_text(before.replace(f"{line}\n", f"{line}\n{text}"), encoding="utf-8")
    project = tomllib.loads((folder / "more_of_it" / "pyproject.toml").read_text())["project"]
    metadata = folder / "more_of_it-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1.0\n")
    entries = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in found.items())
        for group, found in project["entry-points"].items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(entries))
    return folder


def run(folder: Path, *commands: list[str]) -> list[str]:
    """Run commands of the copy, all in one process; what each printed."""
    code = (
        "import contextlib, io, json, sys, alignedcut_viewer.cli as cli\n"
        f"assert cli.__file__.startswith({str(folder)!r}), cli.__file__\n"
        "told = []\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):\n"
        "        assert cli.main(words) == 0, words\n"
        "    told.append(out.getvalue())\n"
        "print(json.dumps(told))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
    )
    assert result.returncode == 0, result.stderr
    told: list[str] = json.loads(result.stdout)
    return told


def test_no_part_needs_more_than_three_files() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    parts = page.split("## Adding a part")[1].split("\n### ")[1:]
    assert [part.splitlines()[0] for part in parts] == [
        "A command",
        "A method of the cut",
        "A figure",
        "A family of networks",
        "A panel",
    ]
    for part in parts:
        assert len({match["new"] or match["old"] for match in _BLOCK.finditer(part)}) <= 3


def test_a_command_a_method_a_network_and_a_figure(extended: Path, tmp_path: Path) -> None:
    pictures = noise_pictures(tmp_path / "pictures", 4, (64, 64))
    study, figures, report = (str(tmp_path / name) for name in ("study", "figures", "report.html"))
    cpu = ["--device", "cpu"]
    names, help_, extracted, _, counted, drawn, _ = run(
        extended,
        ["networks"],
        ["--help"],
        ["extract", str(pictures), "--study", study, "--networks", "pixels-p8", *cpu],
        ["cut", study, "--method", "uniform", "--perplexity", "10", "--no-map", *cpu],
        ["count-nodes", study],
        ["figures", study, "--all", "--out", figures, "--formats", "png"],
        ["report", study, report],
    )
    assert "pixels-p8" in names
    assert "count-nodes" in help_
    assert "pixels-p8" in extracted
    assert counted == f"pixels-p8: {4 * 3 * 64}\n"
    assert re.search(r"^eigenvalues +png$", drawn, re.M)
    assert np.asarray(Image.open(Path(figures) / "eigenvalues.png")).std() > 1
    assert "How many eigenvectors matter" in Path(report).read_text(encoding="utf-8")


def test_a_panel(extended: Path, tmp_path: Path) -> None:
    study = write_planted_study(tmp_path, 2, layers=3, side=4)
    code = (
        "import json, sys, napari\n"
        "from alignedcut_viewer.viewer.coordinator.coordinator import Coordinator\n"
        "from alignedcut_viewer.viewer.coordinator.docks import show_panel\n"
        "from alignedcut_viewer.viewer.frames.loading import load_study\n"
        "viewer = napari.Viewer(show=True)\n"
        "coordinator, panel = Coordinator.of(viewer), show_panel(viewer, 'Tally')\n"
        "told = [panel.note.text(), show_panel(viewer, 'Help').text.text()]\n"
        "coordinator.show_opened_study(load_study(sys.argv[1]))\n"
        "told += [panel.count.text(), panel.pages.currentIndex()]\n"
        "coordinator.selection.select([*range(30, 40), 90])\n"
        "told.append(panel.count.text())\n"
        "viewer.dims.set_current_step(1, 1)\n"
        "told.append(panel.count.text())\n"
        "coordinator.close()\n"
        "viewer.close()\n"
        "print('told', json.dumps(told))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(extended), "NAPARI_CONFIG": ""}
    command = [sys.executable, "-c", code, str(study)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=extended, env=environment)
    assert result.returncode == 0, result.stderr
    note, help_, *counts = json.loads(result.stdout.split("told ")[-1])
    assert "counts the selected pixels" in note
    assert "First steps" in help_
    # 2 pictures of 4 × 4 tokens a layer; the sliders begin at layer 2, nodes 64 to 95.
    assert counts == ["0 of 32", 1, "1 of 32", "8 of 32"]


def test_without_the_additions_nothing_of_it_is_there() -> None:
    names, help_ = run(ROOT, ["networks"], ["--help"])
    assert "pixels-p8" not in names
    assert "count-nodes" not in help_
