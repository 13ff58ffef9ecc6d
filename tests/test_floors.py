"""The house: rooms import only from floors below, nothing but the viewer knows Qt or napari, help comes at once."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick

PACKAGE = Path(__file__).resolve().parent.parent / "alignedcut_viewer"
WINDOW = ("PyQt5", "PyQt6", "PySide2", "PySide6", "qtpy", "napari", "vispy", "magicgui")
HEAVY = ("numpy", "torch", "zarr", "scipy", "timm", "transformers", "matplotlib", "sklearn", "PIL", "tqdm", *WINDOW)

FLOORS = {
    1: [
        "cluster",
        "choices",
        "compiled",
        "errors",
        "farthest",
        "kmeans",
        "progress",
        "network_nodes",
        "nodes",
        "parameters",
        "places",
        "device",
        "plugins",
        "regular_files",
        "foreign_files",
        "resource_files",
        "versions",
    ],
    1.5: ["array_files", "atomic_files", "layer_text", "node_ranges"],
    1.7: ["tables", "study_files"],
    2: ["images", "spectral", "segmentation", "brain", "concepts", "store"],
    3: ["study", "alignment", "backbones"],
    4: ["pipeline", "figures"],
    5: ["cli", "commands", "viewer"],
}
FLOOR = {room: floor for floor, rooms in FLOORS.items() for room in rooms}

# Rooms of one floor that may know one another; everything else on one floor may not.
SAME_FLOOR = {
    "alignment": {"brain", "spectral"},
    "array_files": {"atomic_files"},
    "cluster": {"errors", "parameters", "versions"},
    "backbones": {"images"},
    "progress": {"errors"},
    "farthest": {"compiled"},
    "kmeans": {"progress"},
    "versions": {"choices"},
    "network_nodes": {"errors", "parameters"},
    "nodes": {"errors", "network_nodes", "parameters"},
    "parameters": {"errors"},
    "device": {"errors"},
    "foreign_files": {"errors", "places"},
    "places": {"errors"},
    "resource_files": {"choices", "errors"},
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


def test_the_name_of_this_package_is_written_out_once() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
        texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        found += [path.name for text in texts if id(text) not in alone and "alignedcut-viewer" in text.value]
    assert found == ["choices.py"]


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


def imports_of_window(path: Path) -> list[str]:
    """Packages of the window that a file imports."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = [node.module]
        found += [n for n in names if n.split(".")[0] in WINDOW]
    return found


def test_only_the_viewer_names_qt_or_napari() -> None:
    found = {name: imports_of_window(path) for name, path in modules().items() if room(name) != "viewer"}
    assert not {name: packages for name, packages in found.items() if packages}


def test_no_circle_of_files() -> None:
    known = modules()
    graph = {name: imports(name, path, known) for name, path in known.items() if path.name != "__init__.py"}
    list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


# -- the rooms inside the window: the table and the picture of docs/design.md are the law ----------------------------


def window_room(name: str, path: Path) -> str:
    """The room of a module of the viewer; files that lie beside the rooms are the top."""
    parts = name.split(".")
    return parts[1] if len(parts) > 2 or (len(parts) == 2 and path.name == "__init__.py") else "top"


def window_uses() -> dict[str, set[str]]:
    """Which rooms of the window each one imports from."""
    known = {name: path for name, path in modules().items() if room(name) == "viewer"}
    uses: dict[str, set[str]] = {window_room(name, path): set() for name, path in known.items()}
    for name, path in known.items():
        here = window_room(name, path)
        uses[here] |= {window_room(target, known[target]) for target in imports(name, path, known)} - {here}
    return uses


def rooms_table() -> dict[str, set[str]]:
    """Rooms of the window and what each may use, as docs/design.md tells it."""
    rows = re.findall(r"(?m)^\| ([^|]*) \|[^|]*\| ([^|]*) \|$", section("## Rooms of the window"))
    picture = rooms_picture()
    below = {name: set(chain(*picture[row + 1 :])) for row, names in enumerate(picture) for name in names}
    table = {}
    for names, uses in rows:
        for name in ["top"] if names == "top" else re.findall(r"`(\w+)/`", names):
            named = set(re.findall(r"`(\w+)/`", uses))
            table[name] = below[name] if uses == "all below" else named
    return table


def rooms_picture() -> list[list[str]]:
    """Rooms of the window as the picture in docs/design.md stacks them, the highest row first."""
    picture = section("## Rooms of the window").split("```")[1]
    rows = [re.findall(r"[a-z_]+", line.split("#")[0]) for line in picture.splitlines()]
    return [row for row in rows if row]


def section(title: str) -> str:
    text = (PACKAGE.parent / "docs" / "design.md").read_text(encoding="utf-8")
    return text.split(title)[1].split("\n## ")[0]


def test_rooms_of_the_window_use_what_the_table_allows() -> None:
    table, uses = rooms_table(), window_uses()
    assert set(table) == set(uses)
    assert not {here: wrong for here in uses if (wrong := uses[here] - table[here])}
    assert {"state", "frames", "layers", "work"} == uses["coordinator"] == table["coordinator"]


def test_in_the_picture_of_rooms_every_arrow_leads_down() -> None:
    height = {name: -number for number, row in enumerate(rooms_picture()) for name in row}
    uses = window_uses()
    assert set(height) == set(uses)
    assert not [f"{here} uses {there}" for here in uses for there in uses[here] if height[there] >= height[here]]


def test_panels_do_not_know_one_another() -> None:
    panels, uses = rooms_picture()[1], window_uses()
    assert "trajectories" in panels
    assert not [f"{here} uses {there}" for here in panels for there in panels if there in uses[here]]


def test_rooms_that_hold_numbers_know_no_window() -> None:
    names = []
    for name in ("state", "points", "frames"):
        paths = list((PACKAGE / "viewer" / name).glob("*.py"))
        assert len(paths) > 3
        assert not {path.name: imports_of_window(path) for path in paths if imports_of_window(path)}
        names += [f"alignedcut_viewer.viewer.{name}.{path.stem}" for path in paths if path.stem != "__init__"]
    run(f"import sys, {', '.join(names)}; assert not set(sys.modules) & set({WINDOW!r})")


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


STUBS = sorted(path.parent.relative_to(PACKAGE.parent).as_posix().replace("/", ".") for path in PACKAGE.rglob("*.pyi"))


def test_public_names_resolve() -> None:
    run(
        "import importlib\n"
        f"for room in {STUBS!r}:\n"
        "    module = importlib.import_module(room)\n"
        "    assert module.__all__\n"
        "    for name in module.__all__: getattr(module, name)"
    )


@pytest.mark.parametrize("room", STUBS)
def test_no_public_name_is_that_of_a_file_of_its_room(room: str) -> None:
    """Importing that file puts it in the place of the name, before anybody asked for the name."""
    folder = PACKAGE.parent / room.replace(".", "/")
    files = {path.stem if path.suffix == ".py" else path.name for path in folder.iterdir()}
    imported = (
        node for node in ast.parse((folder / "__init__.pyi").read_text()).body if isinstance(node, ast.ImportFrom)
    )
    assert not files & {alias.asname or alias.name for node in imported for alias in node.names if node.module}
