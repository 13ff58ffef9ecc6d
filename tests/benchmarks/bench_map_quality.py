"""How well map and colours keep neighbours together, and what that takes: ``python -m tests.benchmarks map_quality``.

The eigenvectors are those of all layers of two real networks on 100 COCO photographs of the shared test data,
hyperaligned, in one joint cut; the study is computed once and kept. Times and memory are also taken with a million
tokens: the same ones drawn with replacement and shaken, which is simulated.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .brain_features import NETWORKS, cache_folder, shared_data
from .harness import in_subprocess, machine_description, markdown_table, peak_memory, write_section

__all__ = ["main", "measure"]

ONLY_REAL = ("for those who wait", "the paper's: nearest of 10,000")
N_SAMPLE, N_QUERIES, N_NEIGHBOURS = 50_000, 5000, 30
N_MANY = 1_000_000

MAPS: dict[str, dict[str, Any]] = {
    "nearest of 3,000 (before)": {
        "n_landmarks": 3000, "perplexity": 100.0, "spread": "nearest", "sampling": "farthest", "n_neighbors": 8,
        "max_iter": 1000,
    },
    "default": {},
    "for those who wait": {"n_landmarks": 150_000},
}  # fmt: skip
"""Settings of the map that are not the default."""
COLOURS: dict[str, dict[str, Any]] = {
    "nearest of 2,000 (before)": {"n_landmarks": 2000, "spread": "nearest"},
    "default": {},
    "the paper's: nearest of 10,000": {"n_landmarks": 10_000, "perplexity": 150.0, "spread": "nearest"},
}
"""Settings of the colours that are not the default."""


def eigenvectors(many: bool) -> NDArray[np.float32]:
    """Of the real cut, made where it is not there yet; or a million rows of them, drawn with replacement and shaken."""
    from alignedcut_viewer import pipeline
    from alignedcut_viewer.images import open_pictures
    from alignedcut_viewer.study import Study

    path = cache_folder() / "map-quality.npy"
    if not path.exists():
        pictures = open_pictures(str(shared_data() / "coco" / "images"))
        weights = {name: str(shared_data() / "weights" / f"{file}.safetensors") for name, file in NETWORKS.items()}
        with Study.create(cache_folder() / "map-quality.zarr", pictures) as study:
            pipeline.extract(study, pipeline.ExtractSettings(networks=tuple(NETWORKS), weights=weights, device="cpu"))
            settings = pipeline.CutSettings(map=None, device="cpu")
            made = pipeline.cut(study, settings, align=pipeline.AlignSettings(method="hyperalignment", device="cpu"))
            np.save(path, np.asarray(made.eigenvectors))
    found: NDArray[np.float32] = np.load(path)
    if not many:
        return found
    rng = np.random.default_rng(0)
    found = found[rng.integers(0, len(found), N_MANY)]
    found += (0.05 * found.std(axis=0)).astype(np.float32) * rng.standard_normal(found.shape, dtype=np.float32)
    return found


def neighbours(points: NDArray[np.float32], queries: NDArray[np.int64]) -> NDArray[np.int32]:
    """The nearest other points of some, by number."""
    from alignedcut_viewer.spectral.neighbours import nearest

    scaled = np.ascontiguousarray(points / points.std(), dtype=np.float32)
    found = nearest(scaled[queries], scaled, N_NEIGHBOURS + 1)[0]
    others = found != queries[:, None]
    others[others.all(axis=1), -1] = False  # where many coincide, a point may be missing among its own
    return found[others].reshape(len(queries), N_NEIGHBOURS)


def recall(points: NDArray[np.float32], places: NDArray[np.float32], queries: NDArray[np.int64]) -> float:
    """Share of the nearest by eigenvectors that are among the nearest on the map."""
    shaken = places + 1e-6 * places.std() * np.random.default_rng(0).standard_normal(places.shape)
    wanted, found = neighbours(points, queries), neighbours(shaken.astype(np.float32), queries)
    return float(np.mean([len(np.intersect1d(a, b)) for a, b in zip(wanted, found, strict=True)])) / N_NEIGHBOURS


def colour_quality(
    points: NDArray[np.float32], colours: NDArray[np.uint8], queries: NDArray[np.int64], near: NDArray[np.int32]
) -> dict[str, float]:
    """Distances of colours (to those of `near`, numbers of rows), and how full the cube is."""
    values = colours.astype(np.float32)
    close = float(np.linalg.norm(values[queries][:, None] - values[near], axis=2).mean())
    pairs = np.random.default_rng(1).integers(0, len(values), (2, 200_000))
    apart = float(np.linalg.norm(values[pairs[0]] - values[pairs[1]], axis=1).mean())
    share = np.bincount((colours // 32).astype(int) @ np.array([64, 8, 1]), minlength=512) / len(colours)
    held = share[share > 0]
    return {
        "ratio": close / apart,
        "occupied": float((share > 1e-4).mean()),
        "even": float(np.exp(-(held * np.log(held)).sum())) / 512,
        "apart": apart,
    }


def measure(what: str, settings: dict[str, Any], many: bool) -> dict[str, float]:
    """Make a map or colours in this process; seconds, memory, and quality where the eigenvectors are real."""
    import resource

    from alignedcut_viewer.pipeline.settings import ColourSettings, MapSettings
    from alignedcut_viewer.pipeline.stages import colour_engine
    from alignedcut_viewer.spectral import SpectralTSNE, rgb

    points = eigenvectors(many)
    if what == "map":
        engine = SpectralTSNE(2, **MapSettings(**settings, device="cpu").as_dict())
        small = SpectralTSNE(**(engine.get_params() | {"n_landmarks": 6000, "max_iter": 2}))
    else:
        engine = colour_engine(ColourSettings(**settings, device="cpu"))
        small = SpectralTSNE(**(engine.get_params() | {"n_landmarks": 200, "max_iter": 2}))
    small.fit_transform(points[:20_000])  # compiles, or loads what was compiled
    found: dict[str, float] = {}

    def processor() -> float:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime

    with peak_memory(found):
        began, busy = time.perf_counter(), processor()
        places = engine.fit_transform(points)
        colours = rgb(places) if what == "colour" else None
        found["wall"], found["processor"] = time.perf_counter() - began, processor() - busy
    if not many:
        rng = np.random.default_rng(7)
        rows = np.sort(rng.choice(len(points), N_SAMPLE, replace=False))
        queries = rng.choice(N_SAMPLE, N_QUERIES, replace=False)
        if colours is None:
            found["recall"] = recall(points[rows], places[rows], queries)
        else:
            found |= colour_quality(points[rows], colours[rows], queries, neighbours(points[rows], queries))
            chosen = rows[queries[:2000]]
            found["ratio_all"] = colour_quality(points, colours, chosen, neighbours(points, chosen))["ratio"]
    return found


def table(what: str, many: bool) -> str:
    """One row a setting."""
    rows = []
    for name, settings in (MAPS if what == "map" else COLOURS).items():
        if many and name in ONLY_REAL:
            continue
        found = in_subprocess("tests.benchmarks.bench_map_quality", "measure", what=what, settings=settings, many=many)
        cost = [f"{found['wall']:.1f}", f"{found['processor']:.1f}", f"{found['peak_mb']:.0f}"]
        quality = []
        if not many and what == "map":
            quality = [f"{found['recall']:.3f}"]
        elif not many:
            quality = [f"{found[key]:.3f}" for key in ("ratio", "ratio_all", "occupied", "even")]
        rows.append([name, *quality, *cost])
        print(rows[-1], flush=True)
    qualities = {
        "map": [f"recall of {N_NEIGHBOURS}"],
        "colour": ["ratio in the sample", "ratio in all", "cells in use", "evenness"],
    }[what]
    return markdown_table([what, *([] if many else qualities), "s", "s of processor", "MB more"], rows)


def main(arguments: list[str] | None = None) -> None:
    """Measure all, or some parts, and write ``map-quality`` of docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("map", "colour"), nargs="+", default=["map", "colour"])
    parser.add_argument("--no-write", action="store_true", help="print only")
    options = parser.parse_args([] if arguments is None else arguments)
    n = len(eigenvectors(False))
    for what in options.only:
        text = (
            f"{machine_description()}. {n:,} tokens, 20 eigenvectors.\n\n{table(what, False)}\n\n"
            f"{N_MANY:,} tokens (simulated: the same, drawn with replacement and shaken):\n\n{table(what, True)}"
        )
        if not options.no_write:
            write_section(f"{what}-quality", text)


if __name__ == "__main__":
    main(sys.argv[1:])
