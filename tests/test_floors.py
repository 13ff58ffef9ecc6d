"""The house: rooms import only from floors below, nothing but the viewer knows Qt or napari, help comes at once."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick

PACKAGE = Path(__file__).resolve().parent.parent / "alignedcut_viewer"
WINDOW = ("PyQt5", "PyQt6", "PySide2", "PySide6", "qtpy", "napari", "vispy", "magicgui")
HEAVY = ("numpy", "torch", "zarr", "scipy", "timm", "transformers", "matplotlib", "sklearn", "PIL", "tqdm", *WINDOW)

FLOORS = {
    1: ["choices", "errors", "progress", "nodes", "device", "resource_files", "versions"],
    1.5: ["atomic_files", "layer_text"],
    2: ["images", "spectral", "segmentation", "brain", "concepts", "store"],
    3: ["study", "alignment", "backbones"],
    4: ["pipeline", "figures"],
    5: ["cli", "commands", "viewer"],
}
FLOOR = {room: floor for floor, rooms in FLOORS.items() for room in rooms}

# Rooms of one floor that may know one another; everything else on one floor may not.
SAME_FLOOR = {
    "alignment": {"brain", "spectral"},
    "backbones": {"images"},
    "progress": {"errors"},
    "versions": {"choices"},
    "nodes": {"errors"},
    "device": {"errors"},
    "resource_files": {"errors"},
    "cli": {"commands"},
    "commands": {"viewer"},
}


def modules() -> dict[str, Path]:
    """All modules of the package by dotted name, the package's name left out."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """Modules of the package that a module imports, anywhere in its text, type hints included."""
    is_package = path.name == "__init__.py"
    here = name.split(".") if name else []
    package = here if is_package else here[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        targets: list[str] = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
            targets = [
                t.removeprefix("alignedcut_viewer").lstrip(".") for t in targets if t.startswith("alignedcut_viewer")
            ]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = package[: len(package) - node.level + 1]
            elif node.module and node.module.split(".")[0] == "alignedcut_viewer":
                base = []
            else:
                continue
            module = (node.module or "").removeprefix("alignedcut_viewer").strip(".") if not node.level else node.module
            stem = ".".join([*base, *(module.split(".") if module else [])])
            targets = [f"{stem}.{alias.name}".strip(".") for alias in node.names] + [stem]
            # `from . import x` names the module x, not the package that holds both.
            if node.module is None and all(target in known for target in targets[:-1]):
                targets = targets[:-1]
        found.update(target for target in targets if target in known)
    found.discard(name)
    return found


def room(name: str) -> str:
    return name.split(".")[0]


def test_imports_are_seen() -> None:
    known = modules()
    seen = imports("study.study", known["study.study"], known)
    assert {"store", "study.cut", "study.feature_set", "errors", "images"} <= seen
    assert "pipeline.extraction" in imports("pipeline.stages", known["pipeline.stages"], known)
    assert "nodes" in imports("alignment.hyperalignment", known["alignment.hyperalignment"], known)


def test_every_file_has_a_floor() -> None:
    rooms = {room(name) for name in modules() if name}
    assert rooms - set(FLOOR) == set()


def test_rooms_import_only_from_floors_below() -> None:
    known = modules()
    wrong = []
    for name, path in sorted(known.items()):
        if not name:
            continue
        for target in sorted(imports(name, path, known)):
            here, there = room(name), room(target)
            if here == there or not there:
                continue
            if FLOOR[there] >= FLOOR[here] and there not in SAME_FLOOR.get(here, set()):
                wrong.append(f"{name} imports {target}")
    assert not wrong


def test_no_two_files_import_each_other() -> None:
    known = modules()
    graph = {name: imports(name, path, known) for name, path in known.items() if path.name != "__init__.py"}
    assert not [f"{a} and {b}" for a in graph for b in graph[a] if b in graph and a in graph[b] and a < b]


def test_only_the_viewer_names_qt_or_napari() -> None:
    wrong = []
    for name, path in modules().items():
        if room(name) == "viewer":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names = [node.module]
            wrong += [f"{name} imports {n}" for n in names if n.split(".")[0] in WINDOW]
    assert not wrong


def run(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=240)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_no_room_but_the_viewer_loads_qt_or_napari() -> None:
    """All other modules in one fresh interpreter; whoever loads a window is named."""
    names = sorted(f"alignedcut_viewer.{name}".rstrip(".") for name in modules() if room(name) != "viewer")
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module(name)\n"
        f"    loaded = sorted(set(sys.modules) & set({WINDOW!r}))\n"
        "    assert not loaded, f'{name} loads {loaded}'\n"
    )
    run(code)


@pytest.mark.parametrize("module", ["alignedcut_viewer", "alignedcut_viewer.cli"])
def test_the_package_and_the_command_line_import_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    assert run(code).strip() == ""


def test_the_help_of_every_command_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from alignedcut_viewer import cli, commands\n"
        "parser = cli._parser(commands.all_commands())\n"
        "print(len(parser.format_help().splitlines()) > 30, *sorted(set(sys.modules) & set({heavy!r})))"
    )
    assert run(code.format(heavy=HEAVY)).split() == ["True"]


def test_public_names_resolve() -> None:
    run("import alignedcut_viewer as a\nfor name in a.__all__: getattr(a, name)")
