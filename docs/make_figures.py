"""Make the figures of docs/figures.md out of a folder of photographs: study, cuts and figures, all by the command line.

    python docs/make_figures.py photographs/ --study figures-study \
        --networks vit-tiny-p16 dinov2-vit-s14-saliency --weights vit-tiny-p16=vit_tiny.safetensors

What is there already is not computed again. With ``--brain DATA`` the layers are aligned to predict responses to all
pictures that the data name, of which the study holds what training needs; else by hyperalignment. Figures of the
paper's regions and of the cortex are of a second cut, aligned to SIMULATED responses to the same photographs, and
say so. With ``--paper`` there is a third cut, aligned and computed by ``--preset paper``, and every figure in which it
differs from the first is drawn of both, side by side. Its graph is that of fewer sampled nodes than the preset's, which
would take 10 GB of memory.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alignedcut_viewer import cli
from alignedcut_viewer.brain import open_brain_data
from alignedcut_viewer.figures import figure_kinds
from alignedcut_viewer.nodes import NodeIndex
from alignedcut_viewer.study import Study

FIGURES = Path(__file__).resolve().parent / "figures"
SIMULATED = ("figure-ground-activation", "cortex", "roi-maps", "concepts", "brain-scores")
LARGEST = 240_000  # bytes
DPI = 150
PAPER_LANDMARKS = 10_000  # of 50,000


def run(*words: str | Path) -> None:
    """One command of ``alignedcut``, shown as it is typed."""
    print("$ alignedcut", *words, flush=True)
    if cli.main([str(word) for word in words]):
        raise SystemExit(1)


def build(arguments: argparse.Namespace) -> None:
    """Features, simulated responses, and both cuts, as far as they are not there."""
    study: Path = arguments.study
    pictures = sorted(p for p in arguments.pictures.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    step = max(1, len(pictures) // arguments.count)
    chosen = pictures[::step][: arguments.count]
    weights = ["--weights", *arguments.weights] if arguments.weights else []
    if not study.exists():
        run("extract", *chosen, "--study", study, "--networks", *arguments.networks, *weights)
    cuts = Study.open(study).cuts
    if "default" not in cuts:
        options: list[str | Path] = []
        if arguments.brain:
            alignment = study.with_name(f"{study.stem}-brain.safetensors")
            if not alignment.exists():
                seen = [path for path in open_brain_data(arguments.brain).pictures.paths if path is not None]
                run("extract", *seen, "--for-alignment", "--study", study, "--networks", *arguments.networks, *weights)
                run("align", study, "--brain", arguments.brain, "--out", alignment)
            options = ["--alignment", alignment]
        run("cut", study, *options)
    if "brain" not in cuts:
        subject = study.with_name(f"{study.stem}-simulated") / "subj01"
        alignment = study.with_name(f"{study.stem}-simulated.safetensors")
        if not subject.exists():
            run("simulate-brain", study, subject)
        if not alignment.exists():
            run("align", study, "--brain", subject, "--out", alignment)
        run("cut", study, "--name", "brain", "--alignment", alignment)
    if arguments.paper and "paper" not in cuts:
        alignment = study.with_name(f"{study.stem}-paper.safetensors")
        if not alignment.exists():
            run("align", study, "--brain", arguments.brain, "--preset", "paper", "--out", alignment)
        few = ["--landmarks", str(PAPER_LANDMARKS)]
        run("cut", study, "--name", "paper", "--alignment", alignment, "--preset", "paper", *few)
    for cut in ("default", "brain", *(["paper"] if arguments.paper else [])):
        if Study.open(study).cut(cut).concepts is None:
            # the concepts of one layer say most
            run("concepts", study, "--cut", cut, "--networks", arguments.networks[0], "--layers", "8", "--number", "20")


def keep(folder: Path, names: Sequence[str], ending: str = "") -> None:
    """Copy figures into docs, small enough for a page."""
    FIGURES.mkdir(exist_ok=True)
    for name in names:
        source = folder / f"{name}.png"
        if not source.exists():
            continue
        target = FIGURES / f"{name}{ending}.png"
        with Image.open(source) as image:
            picture = image.convert("RGB")
        scale = 1.0
        while True:
            size = round(picture.width * scale), round(picture.height * scale)
            small = picture.resize(size, Image.Resampling.LANCZOS) if scale < 1 else picture
            small.save(target, optimize=True)
            if target.stat().st_size > LARGEST:
                # 256 colours, of which the reduction of every pixel's error to its neighbours leaves no bands
                small.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(target, optimize=True)
            if target.stat().st_size <= LARGEST:
                break
            scale *= 0.92
        print(f"{target} {target.stat().st_size // 1000} kB", flush=True)


def apart(values: NDArray[np.floating], index: NodeIndex) -> float:
    """Share of the variance of columns (N, c) over all nodes of a cut that tells layers apart."""
    total = np.square(values - values.mean(axis=0, dtype=np.float64)).sum(axis=0)
    within = np.zeros(values.shape[1])
    for slot in index.slots:
        part = values[index.slot_slice(*slot)]
        within += np.square(part - part.mean(axis=0, dtype=np.float64)).sum(axis=0)
    return float((1 - within / total).mean())


def tell(study: Study, names: Sequence[str]) -> None:
    """Print what can be counted of the difference between cuts, as a table for docs/figures.md."""
    print("| cut | held-out R² | variance that tells layers apart: 20 eigenvectors | colours | map |")
    print("|---|---:|---:|---:|---:|")
    for name in names:
        cut = study.cut(name)
        scores = study.store.attributes(f"alignments/{cut.recipe['cut']['alignment']}")["scores"]["rois"]["all"]
        found = [apart(np.asarray(part, dtype=np.float32), cut.index) for part in (cut.eigenvectors[:], cut.rgb[:])]
        assert cut.map2d is not None
        found.append(apart(np.asarray(cut.map2d, dtype=np.float32), cut.index))
        print(f"| {name} | {scores['r2']:.3f} | " + " | ".join(f"{100 * share:.0f} %" for share in found) + " |")


def main() -> int:
    """Build the study, draw, and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, help="folder of photographs")
    parser.add_argument("--study", type=Path, required=True, help="the study's folder; made if it is not there")
    parser.add_argument("--count", type=int, default=200, help="how many photographs (default: 200)")
    parser.add_argument("--networks", nargs="+", default=["vit-tiny-p16", "dinov2-vit-s14-saliency"])
    parser.add_argument("--weights", nargs="+", default=[], metavar="NETWORK=FILE", help="as for `alignedcut extract`")
    parser.add_argument("--brain", type=Path, help="responses to the photographs, as for `alignedcut align --brain`")
    parser.add_argument("--masks", type=Path, help="masks named like the photographs, if there are any")
    parser.add_argument(
        "--paper", action="store_true", help="also a cut by `--preset paper`, drawn beside the first; needs --brain"
    )
    arguments = parser.parse_args()
    if arguments.paper and not arguments.brain:
        parser.error("--paper needs --brain")
    build(arguments)
    masks = ["--masks", arguments.masks] if arguments.masks else []
    for cut in ("default", "brain"):
        folder = arguments.study.with_name(f"{arguments.study.stem}-figures") / cut
        run(
            "figures", arguments.study, "--cut", cut, "--all", "--out", folder, "--formats", "png", "--dpi", DPI, *masks
        )
        if cut == "brain":
            keep(folder, SIMULATED, "-simulated")
        else:
            keep(folder, [kind.name for kind in figure_kinds() if kind.name != "roi-maps"])
    if arguments.paper:
        folder = arguments.study.with_name(f"{arguments.study.stem}-figures") / "paper"
        beside = ["--beside", "paper", "--out", folder, "--formats", "png", "--dpi", str(DPI)]
        run("figures", arguments.study, "--all", *beside, *masks)
        keep(folder, [kind.name for kind in figure_kinds()], "-paper")
        tell(Study.open(arguments.study), ("default", "paper"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
