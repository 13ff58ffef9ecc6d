"""The progress bar of the command line, and lines above it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..progress import ProgressCallback

__all__ = ["progress_bar", "say"]


@contextlib.contextmanager
def progress_bar() -> Iterator[ProgressCallback]:
    """A progress bar on standard error; on a terminal only."""
    from tqdm import tqdm

    with tqdm(total=1000, unit_scale=True, disable=None, leave=False, bar_format="{l_bar}{bar:30}| {elapsed}") as bar:

        def show(done: int, total: int, text: str) -> None:
            bar.set_description(text[:60], refresh=False)
            bar.update(round(1000 * done / total if total else 1000) - bar.n)

        yield show


def say(line: str) -> None:
    """Print a line without disturbing a progress bar."""
    from tqdm import tqdm

    tqdm.write(line)
