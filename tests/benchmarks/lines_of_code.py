"""Lines of code per room, without docstrings, comments and blank lines; beside those of an earlier revision.

``python -m tests.benchmarks.lines_of_code [REVISION]``
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from collections import Counter
from pathlib import Path

__all__ = ["count", "rooms"]

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = "alignedcut_viewer"
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


def at(revision: str) -> dict[str, str]:
    """Files as they were."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout

    names = [n for n in git("ls-tree", "-r", "--name-only", revision, PACKAGE).splitlines() if n.endswith(".py")]
    return {name.removeprefix(f"{PACKAGE}/"): git("show", f"{revision}:{name}") for name in names}


def main(revision: str | None) -> None:
    """Print the table."""
    after = rooms(now())
    before = Counter[str]() if revision is None else rooms(at(revision))
    print("| room | lines |" if revision is None else f"| room | {revision} | now |")
    print("|---|--:|" if revision is None else "|---|--:|--:|")
    for room in sorted({*after, *before}, key=lambda name: (name == "all", name)):
        numbers = (after[room],) if revision is None else (before[room], after[room])
        print(f"| {room} | " + " | ".join(f"{number:,}" for number in numbers) + " |")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
