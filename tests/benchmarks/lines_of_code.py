"""Lines of code per room, without docstrings, comments and blank lines; beside those of an earlier revision.

``python -m tests.benchmarks.lines_of_code [REVISION [--new]]``
"""

from __future__ import annotations

import argparse
import ast
import io
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

__all__ = ["came_since", "count", "rooms"]

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = "alignedcut_viewer"
ALIKE = 35
"""Per cent of a file that make it one that was there, under another name."""
NO_CODE = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    *(tokenize.ENCODING, tokenize.ENDMARKER),
}


def count(text: str) -> int:
    """Lines of a Python file that hold code."""
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        # Strings that stand alone: docstrings, and those below attributes.
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            docstrings |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - docstrings)


def rooms(files: dict[str, str]) -> Counter[str]:
    """Lines of code by room, of files by their paths below the package; those of the window by its rooms."""
    found: Counter[str] = Counter()
    for name, text in files.items():
        parts = Path(name).parts[:-1]
        depth = 2 if parts[:1] == ("viewer",) else 1
        found["/".join(parts[:depth]) or "top"] += count(text)
        if parts[:1] == ("viewer",):
            found["viewer, all"] += count(text)
        found["all"] += count(text)
    return found


def now() -> dict[str, str]:
    """Files as they are."""
    root = REPOSITORY / PACKAGE
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in root.rglob("*.py")}


def _git(*words: str, repository: Path = REPOSITORY) -> str:
    return subprocess.run(["git", *words], cwd=repository, capture_output=True, text=True, check=True).stdout


def at(revision: str) -> dict[str, str]:
    """Files as they were."""
    names = [n for n in _git("ls-tree", "-r", "--name-only", revision, PACKAGE).splitlines() if n.endswith(".py")]
    return {name.removeprefix(f"{PACKAGE}/"): _git("show", f"{revision}:{name}") for name in names}


def came_since(revision: str, repository: Path = REPOSITORY) -> list[str]:
    """Files that were not there, by their paths below the package; what was moved or split off is not among them.

    A file counts as moved or split off where git finds a third of it in one that was there.
    """
    likeness = [f"-M{ALIKE}%", f"-C{ALIKE}%", "--find-copies-harder", "-l0"]
    told = _git("diff", "--name-status", *likeness, revision, "--", PACKAGE, repository=repository).splitlines()
    names = [line.split("\t") for line in told]
    return sorted(path.removeprefix(f"{PACKAGE}/") for kind, path, *_ in names if kind == "A" and path.endswith(".py"))


def main(arguments: Sequence[str]) -> None:
    """Print the table, and after it the files that are new."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revision", nargs="?", help="an earlier revision to compare with")
    parser.add_argument("--new", action="store_true", help="count and list files that have come since")
    chosen = parser.parse_args(arguments)
    if chosen.new and not chosen.revision:
        parser.error("--new needs a revision")
    files = now()
    columns = {"lines" if chosen.revision is None else "now": rooms(files)}
    fresh: dict[str, str] = {}
    if chosen.revision is not None:
        columns = {chosen.revision: rooms(at(chosen.revision)), **columns}
    if chosen.new:
        fresh = {name: files[name] for name in came_since(chosen.revision)}
        columns["of these in new files"] = rooms(fresh)
        columns["in files of then"] = columns["now"] - columns["of these in new files"]
    print(f"| room | {' | '.join(columns)} |")
    print("|---" + "|--:" * len(columns) + "|")
    every = {name for counts in columns.values() for name in counts}
    for room in sorted(every, key=lambda name: (name == "all", name)):
        print(f"| {room} | " + " | ".join(f"{counts[room]:,}" for counts in columns.values()) + " |")
    for name, text in fresh.items():
        print(f"{count(text):6,}  {name}")


if __name__ == "__main__":
    main(sys.argv[1:])
