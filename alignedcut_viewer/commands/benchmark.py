"""``alignedcut benchmark``."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

from ..choices import BENCHMARK_PROTOCOLS, REFINEMENTS
from . import options
from .command import Command
from .extract import input_size, weights_by_network
from .progress_bar import progress_bar, say

__all__ = ["COMMANDS", "draw_curves"]


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", metavar="DATA", help="folder of a data set, or the .mat file of ImageNet-Segmentation")
    parser.add_argument("--networks", nargs="+", required=True, metavar="NAME", help="see `alignedcut networks`")
    options.layers(parser)
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for features, results and tables")
    parser.add_argument("--layout", default="auto", metavar="NAME", help="layout of the data set (default: auto)")
    parser.add_argument(
        "--protocol",
        nargs="+",
        default=["hungarian"],
        choices=BENCHMARK_PROTOCOLS,
        metavar="NAME",
        help=f"{', '.join(BENCHMARK_PROTOCOLS)} (default: hungarian)",
    )
    parser.add_argument(
        "--scope",
        default="picture",
        choices=("picture", "data-set"),
        help="what one matching covers (default: picture)",
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        default=["alignedcut", "k-means", "tokencut", "diffcut"],
        metavar="NAME",
        help="alignedcut k-means ncut-pytorch tokencut diffcut (default: all but ncut-pytorch, a package of its own)",
    )
    parser.add_argument(
        "--peer-layers", nargs="+", type=int, metavar="N", help="which layer, for peers that use only one"
    )
    parser.add_argument("--figure", type=int, metavar="N", help="in folders of masks: labels below N are figure")
    parser.add_argument("--refine", default="bilateral", choices=REFINEMENTS, help="edges of alignedcut's segments")
    parser.add_argument("--gamma", type=float, metavar="G", help="width of alignedcut's kernel (default: 0.06)")
    parser.add_argument("--size", nargs="+", type=int, metavar="PX", help="input size (default: usual)")
    parser.add_argument("--weights", nargs="+", default=[], metavar="FILE", help="as for `extract`")
    parser.add_argument("--limit", type=int, metavar="N", help="use only this many pictures, spread evenly")
    options.seed(parser)
    options.device(parser)


def benchmark(
    data: str,
    networks: Sequence[str],
    layers: tuple[int, ...] | None,
    out: str,
    layout: str,
    protocol: Sequence[str],
    scope: str,
    methods: Sequence[str],
    peer_layers: Sequence[int] | None,
    figure: int | None,
    refine: str,
    gamma: float | None,
    size: Sequence[int] | None,
    weights: Sequence[str],
    limit: int | None,
    seed: int,
    device: str,
) -> None:
    """Scores of segments against what people drew."""
    from ..pipeline.benchmark import BenchmarkSettings, run_benchmark
    from ..pipeline.segment_stage import GAMMA
    from ..pipeline.settings import ExtractSettings
    from ..segmentation import RefineSettings, SegmentChoice

    settings = BenchmarkSettings(
        extract=ExtractSettings(
            networks=tuple(networks),
            layers=layers,
            weights=weights_by_network(weights, networks),
            input_size=input_size(size),
            device=device,
        ),
        protocols=tuple(protocol),
        scope=scope.replace("-", " "),
        methods=tuple(methods),
        peer_layers=None if peer_layers is None else tuple(peer_layers),
        gamma=GAMMA if gamma is None else gamma,
        choice=SegmentChoice(refine=RefineSettings(filter=refine), seed=seed),
        limit=limit,
        seed=seed,
    )
    with progress_bar() as progress:
        table = run_benchmark(data, out, settings, layout=layout, figure=figure, progress=progress, announce=say)
    print(table.read_text(encoding="utf-8").split("\nSettings:")[0])
    drawn = ", curves.png" if "oracle" in protocol and draw_curves(table.parent) else ""
    print(f"{table.parent}: table.md, results.csv, settings.json{drawn}")


def draw_curves(folder: Path) -> bool:
    """Draw the paper's figure 5 of the points in ``curves.csv``; False where there are none."""
    from ..figures import layer_scores_from_arrays, save_figure

    file = folder / "curves.csv"
    if not file.exists():
        return False
    points: dict[str, dict[str, dict[str, tuple[list[int], list[float]]]]] = {"aligned": {}, "raw": {}}
    chance: dict[str, float] = {}
    for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines()):
        at, scores = points[row["features"]].setdefault(row["task"], {}).setdefault(row["network"], ([], []))
        at.append(int(row["layer"]))
        scores.append(float(row["miou"]))
        chance[row["task"]] = float(row["chance"])
    note = (
        "Oracle protocol (AlignedCut, appendix C.4): of each layer's own graph over the tokens of all pictures, the "
        "ten leading eigenvectors; class centres and the best of ten thresholds come from the masks themselves."
    )
    figure = layer_scores_from_arrays(
        points["aligned"], before=points["raw"], chance=chance, title="What each layer tells apart", note=note
    )
    save_figure(figure, folder / "curves.png")
    return True


COMMANDS = (
    Command(
        name="benchmark",
        summary="score segments against what people drew, beside k-means and other methods",
        description=(
            "Runs this program's segments and its peers over a data set with masks, on the same features, and writes "
            "scores of every picture and a table with intervals. A run that was stopped continues where it left off. "
            "Scores with one matching per picture and with one for the whole data set are not comparable."
        ),
        example="alignedcut benchmark VOC2012/ --networks dinov2-vit-s14 --protocol hungarian --out voc-scores",
        options=_options,
        run=benchmark,
        spreads=True,
    ),
)
