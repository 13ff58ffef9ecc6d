"""A stroke in the window, from the move of the mouse to the painted answer, at a million tokens.

``xvfb-run python -m tests.benchmarks prompt_window``. Wall time is that of a machine with others on it; beside it
stands the processor time of the window's thread, which is what one stroke costs.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from .bench_window import N_COMPONENTS, PIXELS, Window
from .planted_study import write_planted_study

PICTURES = 426
"""1,001,952 tokens."""
STROKES, MOVES = 6, 8


class PromptWindow(Window):
    """A window with a tool for prompts in hand."""

    def stroke(self) -> list[tuple[float, float]]:
        """Milliseconds of wall and of processor time of each move of one scribble."""
        from alignedcut_viewer.viewer.frames.picture_layout import Place

        coordinator = self.coordinator
        coordinator.view.update(tool="scribble")
        box = coordinator.shown.pictures.layout.box(coordinator.view.picture)
        at = [Place(box.top + y * box.height, box.left + x * box.width) for y, x in self.rng.uniform(0.1, 0.9, (2, 2))]
        begin, end = at
        found = []
        for number in range(1, MOVES + 1):
            share = number / MOVES
            place = Place(begin.y + share * (end.y - begin.y), begin.x + share * (end.x - begin.x))
            self.settle(0.03)
            used = time.thread_time()

            def move(place: Place = place, ended: bool = number == MOVES) -> None:
                coordinator.picking.drag(begin, place, "replace", ended)

            taken = self.until_painted(move)
            found.append((taken, 1000 * (time.thread_time() - used)))
        return found

    def all_pictures(self) -> float:
        """Seconds from the end of a stroke until every picture has its answer."""
        began = time.perf_counter()
        prompting, heat_map = self.coordinator.prompting, self.coordinator.heat_map
        while prompting.values is None or heat_map.values is not prompting.values:
            self.settle(0.01)
            if time.perf_counter() - began > 120:
                raise RuntimeError("no answer came")
        return time.perf_counter() - began


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        window = PromptWindow(write_planted_study(Path(folder), PICTURES, n_components=N_COMPONENTS, pixels=PIXELS))
        try:
            window.stroke()
            first = window.all_pictures()
            moves, waits = [], []
            for _ in range(STROKES):
                window.coordinator.prompting.marks.clear()
                moves += window.stroke()
                waits.append(window.all_pictures())
            n_nodes = len(window.coordinator.shown.index)
        finally:
            window.close()
    wall, processor = np.array(moves).T
    print(f"{n_nodes:,} tokens; the first stroke of a study, which prepares the rows: {first:.1f} s until all answer\n")
    print("| a move of a stroke, to the painted heat map and mask | median | 95 % |\n|---|---|---|")
    for name, values in (("wall time", wall), ("processor time of the window's thread", processor)):
        print(f"| {name} | {np.median(values):.0f} ms | {np.percentile(values, 95):.0f} ms |")
    print(f"| all pictures, in the background | {np.median(waits):.1f} s | {np.percentile(waits, 95):.1f} s |")


if __name__ == "__main__":
    main()
