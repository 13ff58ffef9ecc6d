"""Discovery and transitions of a million nodes: ``python -m tests.benchmarks concepts``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from alignedcut_viewer.concepts import (
    bifurcation_layer,
    compare_transitions,
    cosine_similarity,
    discover,
    transition_matrix,
)
from tests.benchmarks.harness import interleaved, machine_description, markdown_table, write_section

N_NODES = 1_000_000
N_CLUSTERS = 25
ROUNDS = 5


def planted(rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Gaussian clusters of unequal sizes in three dimensions, standard deviation 1, at least 10 apart."""
    centres: list[NDArray[np.float64]] = []
    while len(centres) < N_CLUSTERS:
        place = rng.uniform(-40, 40, 3)
        if all(np.linalg.norm(place - other) >= 10 for other in centres):
            centres.append(place)
    truth = np.sort(rng.choice(N_CLUSTERS, N_NODES, p=rng.dirichlet(np.full(N_CLUSTERS, 5))))
    return (np.array(centres)[truth] + rng.standard_normal((N_NODES, 3))).astype(np.float32), truth


def main() -> None:
    """Write the table of docs/performance.md."""
    rng = np.random.default_rng(0)
    clusters, truth = planted(rng)
    ball = rng.standard_normal((N_NODES, 3)).astype(np.float32)
    # As t-SNE leaves them that places every node at its nearest landmark.
    places = (20 * rng.standard_normal((1500, 3))).astype(np.float32)[rng.integers(0, 1500, N_NODES)]
    before, after = rng.integers(-1, 20, (2, N_NODES)).astype(np.int32)
    images = np.arange(N_NODES) // 200
    groups = rng.integers(0, 2, N_NODES)
    eigenvectors = rng.standard_normal((N_NODES, 20)).astype(np.float32)
    features = rng.standard_normal((100_000, 768)).astype(np.float16)
    along = rng.standard_normal((20_000, 12, 20)).astype(np.float32)
    found = discover(clusters)
    work = {
        f"discovery, {N_CLUSTERS} planted clusters, radius and number by the data": lambda: discover(clusters),
        "discovery, one Gaussian ball, radius and number by the data": lambda: discover(ball),
        "discovery, 1,500 places with many nodes each, 20 concepts": lambda: discover(places, n_concepts=20),
        "discovery, one Gaussian ball, 100 concepts": lambda: discover(ball, n_concepts=100),
        "discovery, one Gaussian ball, radius 0.5 (256 concepts)": lambda: discover(ball, radius=0.5),
        "transitions between 20 concepts and 20": lambda: transition_matrix(before, after, 20, 20),
        "transitions of figure and ground, 1,000 bootstraps of 5,000 pictures": lambda: compare_transitions(
            before, after, 20, 20, groups, images
        ),
        "similarity of one node to all by 20 eigenvectors": lambda: cosine_similarity(eigenvectors, eigenvectors[7]),
        "similarity of one node to 100,000 by 768 channels in half precision": lambda: cosine_similarity(
            features, features[7]
        ),
        "where 20,000 paths part: 12 layers, 20 eigenvectors, 200 permutations": lambda: bifurcation_layer(
            along, groups[:20_000], images[:20_000]
        ),
    }
    timings = interleaved(work, rounds=ROUNDS)
    rows = [(name, f"{timing.median:.3g} s", timing.spread) for name, timing in timings.items()]
    text = (
        f"{machine_description()}. {N_NODES:,} nodes unless said otherwise; medians of {ROUNDS} interleaved rounds in "
        f"one process. Of the planted clusters {len(found)} of {N_CLUSTERS} were discovered, adjusted Rand index "
        f"{adjusted_rand_score(truth, found.labels):.3f} over all nodes, those outside every sphere counted as a "
        f"cluster of their own.\n\n{markdown_table(('concepts', 'median', 'fastest to slowest'), rows)}"
    )
    print(text)
    write_section("concepts", text)


if __name__ == "__main__":
    main()
