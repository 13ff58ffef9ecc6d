"""How much processor time an answer to a click and to a stroke takes at a million tokens.

``python -m tests.benchmarks.bench_live_prompt``; random rows, since time does not depend on their values.
"""

from __future__ import annotations

import time

import numpy as np

from alignedcut_viewer.spectral.live_prompt import LivePrompt

TOKENS, EIGENVECTORS = 1_000_000, 20


def main() -> None:
    """Print the table."""
    rows = np.random.default_rng(0).normal(size=(TOKENS, EIGENVECTORS)).astype(np.float32)
    start = time.process_time()
    live = LivePrompt(rows)
    print(f"{TOKENS} tokens, {EIGENVECTORS} eigenvectors; made ready in {time.process_time() - start:.2f} s\n")
    print("| step | all tokens | picture in view |\n|---|---|---|")
    positive: list[int] = []
    for name, more in (("first click", 1), ("second click", 1), ("third click", 1), ("stroke of 20 tokens", 20)):
        positive += [1000 * (len(positive) + i) for i in range(more)]
        times = []
        for nodes in (None, slice(0, 1024)):
            start = time.process_time()
            live.score(positive, [TOKENS - 1], nodes)
            times.append(1000 * (time.process_time() - start))
        print(f"| {name} | {times[0]:.0f} ms | {times[1]:.1f} ms |")


if __name__ == "__main__":
    main()
