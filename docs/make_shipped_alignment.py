"""Make an alignment that travels with the package, from many pictures.

The one for the network that needs no download was made with 400 ImageNet photographs, one a class::

    python docs/make_shipped_alignment.py photographs/ --pictures-are "400 ImageNet photographs, one a class"

See docs/alignment.md. The features are kept in the folder named with --study, so that a run that was stopped goes on
where it was.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from pathlib import Path

from alignedcut_viewer import pipeline
from alignedcut_viewer.commands.extract import weights_by_network
from alignedcut_viewer.commands.progress_bar import progress_bar
from alignedcut_viewer.pipeline.settings import AlignSettings, ExtractSettings
from alignedcut_viewer.progress import span
from alignedcut_viewer.versions import versions

FOLDER = Path(__file__).resolve().parent.parent / "resources" / "alignments"


def make(arguments: argparse.Namespace, study_path: Path) -> Path:
    """Extract, fit, and write one file."""
    weights = weights_by_network(arguments.weights, arguments.networks)
    extract = ExtractSettings(networks=tuple(arguments.networks), tap=arguments.tap, weights=weights, fallback=False)
    align = AlignSettings(
        method="hyperalignment", n_samples=arguments.samples, n_channels=arguments.channels, seed=arguments.seed
    )
    study, images = pipeline.open_study(study_path, arguments.pictures)
    with study, progress_bar() as progress:
        pipeline.extract(study, extract, span(progress, 0.0, 0.7), announce=print)
        good = [image for image in images if image not in study.skipped]
        index = study.node_index(arguments.networks, images=good)
        name = pipeline.align(study, index, align, span(progress, 0.7, 1.0))
        assert name is not None
        alignment = pipeline.portable_alignment(study, name)
    if alignment.scores["warning"]:
        raise SystemExit(f"Not good enough to ship: {alignment.scores['warning']}")
    recipe = {
        **alignment.recipe,
        "pictures": arguments.pictures_are or f"{len(good)} pictures",
        "made_by": "docs/make_shipped_alignment.py",
        "weights": {network: f"sha256 {study.network(network).key['weights']}" for network in arguments.networks},
        "versions": versions("torch", "numpy", "timm"),
    }
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{'+'.join(arguments.networks)}_{arguments.tap}.safetensors"
    return dataclasses.replace(alignment, recipe=recipe).save(file, precision="float16")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("pictures", help="folder of pictures, several hundred at least")
    parser.add_argument("--networks", nargs="+", default=["dinov2-vit-s14-saliency"], metavar="NAME")
    parser.add_argument("--weights", nargs="+", default=[], metavar="NETWORK=FILE", help="as for `alignedcut extract`")
    parser.add_argument("--tap", default="attention")
    parser.add_argument("--channels", type=int, default=128, help="width of the common space (default: 128)")
    parser.add_argument("--samples", type=int, default=20_000, help="places to fit to (default: 20000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures-are", metavar="TEXT", help="what the pictures are, for the file's record")
    parser.add_argument("--study", type=Path, help="folder to keep the features in (default: a temporary one)")
    arguments = parser.parse_args()
    if arguments.study is not None:
        print(make(arguments, arguments.study))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(make(arguments, Path(folder) / "study"))


if __name__ == "__main__":
    main()
