"""Make the figures of docs/what_and_where.md, all by the command line.

    python docs/make_what_where.py

takes the photographs that come with scikit-image and scikit-learn and the network that needs no hub. Where a hub can be
reached,

    python docs/make_what_where.py --pictures photographs/ --network stable-diffusion-1.4 --paper --out figures/

makes the same figures with the self-attention of Stable Diffusion by the paper's own solver and settings (an empty
prompt, 512 px, grids of 8², 16² and 32²). What is in the study already is not computed again.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from alignedcut_viewer import cli
from alignedcut_viewer.choices import CUT_SEGMENT_METHODS
from alignedcut_viewer.figures.segments import segments_figure
from alignedcut_viewer.images import sample_pictures
from alignedcut_viewer.study import Study

IMAGES = Path(__file__).resolve().parent / "images"
WIDEST = 1400  # pixels
DPI = 110


def run(*words: str | Path) -> None:
    """One command of ``alignedcut``, shown as it is typed."""
    print("$ alignedcut", *words, flush=True)
    if cli.main([str(word) for word in words]):
        raise SystemExit(1)


def build(arguments: argparse.Namespace, study: Path) -> None:
    """Features, both cuts with their agreement, and segments by the three ways."""
    given = arguments.pictures or [Path(path) for path in sample_pictures().paths]
    device = ["--device", arguments.device]
    size = ["--size", str(arguments.size)] if arguments.size else []
    if not study.exists():
        run(
            "extract", *given, "--networks", arguments.network, "--tap", "q", "k", "v", "--study", study, *size, *device
        )
    options = ["--preset", "paper"] if arguments.paper else []
    if arguments.eigenvectors:
        options += ["--eigenvectors", str(arguments.eigenvectors)]
    if arguments.neighbours:
        options += ["--neighbours", str(arguments.neighbours)]
    for pathway in ("what", "where"):
        if pathway not in Study.open(study).cuts:
            run("cut", study, "--pathway", pathway, "--name", pathway, "--agreement", "--no-map", *options, *device)
    segments = {"regions": [], "instances": [], "semantics": ["--segments", "8"]}
    for method in CUT_SEGMENT_METHODS:
        if method not in Study.open(study).segmentations:
            folder = study.with_name(f"{study.stem}-{method}")
            words = ["--cut", "what", "--method", method, "--name", method, "--out", folder, "--formats", "png"]
            run("segment", study, *words, "--replace", *segments[method])


def draw(arguments: argparse.Namespace, study: Path) -> None:
    """Figures of the cuts by the command line, and one of each way to segments."""
    folder = Path(tempfile.mkdtemp())
    for name in ("pathways", "agreement"):
        run("figures", study, name, "--cut", "what", "--out", folder / f"{name}.png")
        keep(folder / f"{name}.png", arguments.out / f"what-where-{name}.png")
    opened = Study.open(study)
    for method in CUT_SEGMENT_METHODS:
        figure = segments_figure(opened, method, max_images=8)
        figure.savefig(folder / f"{method}.png", dpi=DPI)
        keep(folder / f"{method}.png", arguments.out / f"what-where-{method}.png")


def keep(source: Path, target: Path) -> None:
    """A figure, small enough for a page."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(source) as image:
        picture = image.convert("RGB")
    picture.thumbnail((WIDEST, WIDEST), Image.Resampling.LANCZOS)
    picture.quantize(128).save(target, optimize=True)
    print(target)


def main(words: Sequence[str] | None = None) -> None:
    """Read the options and make the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", nargs="+", type=Path, help="photographs, or a folder (default: samples)")
    parser.add_argument("--network", default="dinov2-vit-s14-saliency", help="any network of alignedcut")
    parser.add_argument("--size", type=int, help="input size in pixels (default: the network's)")
    parser.add_argument("--paper", action="store_true", help="the paper's own solver and settings")
    parser.add_argument("--eigenvectors", type=int, help="pseudo-eigenvectors that are kept (default: 20)")
    parser.add_argument("--neighbours", type=int, help="nearest neighbours of a token (default: 50)")
    parser.add_argument("--study", type=Path, help="where to keep what is computed (default: not at all)")
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder of the figures (default: docs/images)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda…")
    arguments = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as scratch:
        study = arguments.study or Path(scratch) / "study"
        build(arguments, study)
        draw(arguments, study)


if __name__ == "__main__":
    main()
