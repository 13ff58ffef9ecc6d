"""The command ``alignedcut``. Nothing heavy is imported before a command runs, so that help comes at once."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from . import __version__
from .commands.concept_options import add_concept_commands
from .commands.figure_options import add_figure_commands
from .errors import AlignedCutError, Cancelled, InputError

__all__ = ["main"]

_TAPS = ("attention", "block", "mlp", "q", "k", "v")
_EPILOG = """\
the usual order:
  alignedcut extract photos/ --networks clip-vit-b16 --study my-study
  alignedcut cut my-study
  alignedcut figures my-study
  alignedcut view my-study

`alignedcut demo` does all of it on sample pictures. `alignedcut COMMAND --help` tells more about each command.
"""


class _Help(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=100)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv
        Arguments; those of the process where None.

    Returns
    -------
    int
        0 when all went well, 2 where the user can mend what went wrong, 130 when stopped by Ctrl-C.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["align"] and words[1:2] in (["export"], ["import"]):
        words[:2] = [" ".join(words[:2])]  # a study in a folder of that name is called ./export
    arguments = _parser().parse_args(words)
    try:
        _run(arguments)
        sys.stdout.flush()
        return 0
    except AlignedCutError as error:
        print("alignedcut: " + " ".join(str(error).split()), file=sys.stderr)
        return 2
    except (KeyboardInterrupt, Cancelled):
        print(
            "alignedcut: stopped; what was finished is kept, and the same command goes on from there.", file=sys.stderr
        )
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone (`alignedcut networks | head`): not our fault, and nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(arguments: argparse.Namespace) -> None:
    values = vars(arguments)
    command = values.pop("command").replace(" ", "_").replace("-", "_")
    values = {name: _layers(value) if name == "layers" else value for name, value in values.items()}
    getattr(import_module(".commands.everyday", __package__), command)(**values)


def _layers(texts: Sequence[str] | None) -> tuple[int, ...] | None:
    """Layer numbers from words such as ``3``, ``5-8`` and ``0,2``."""
    if texts is None:
        return None
    layers: set[int] = set()
    for word in ",".join(texts).split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+))?\s*", word)
        if match is None or (match[2] and int(match[2]) < int(match[1])):
            raise InputError(f"{word!r} names no layers; write numbers from 0 and ranges, such as: --layers 0 3 5-8")
        layers.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return tuple(sorted(layers))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="alignedcut",
        description="See how vision networks turn pixels into concepts, layer by layer: features of pictures from one\n"
        "or more networks, one joint graph over all their tokens, and its normalised cut as colours.",
        epilog=_EPILOG,
        formatter_class=_Help,
    )
    parser.add_argument("--version", action="version", version=f"alignedcut {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, title="commands")
    everyday = (_demo, _networks, _extract, _align, _align_export, _align_import, _simulate_brain, _cut)
    for add in everyday:
        add(commands)
    add_figure_commands(commands, _command, _study_argument, _choice_arguments)
    _segment(commands)
    add_concept_commands(commands, _command, _study_argument, _choice_arguments)
    _view(commands)
    return parser


def _command(commands: Any, name: str, summary: str, description: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=description, epilog=f"example:\n  {example}\n ", formatter_class=_Help
    )
    return parser


def _study_argument(parser: argparse.ArgumentParser, *, cut: bool = True) -> None:
    parser.add_argument("study", metavar="STUDY", help="the study's folder, as given to `extract --study`")
    if cut:
        parser.add_argument(
            "--cut", default="default", metavar="NAME", help="which cut of the study (default: default)"
        )


def _choice_arguments(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--networks", nargs="+", metavar="NAME", help=f"networks {what} (default: all of the study)")
    parser.add_argument("--layers", nargs="+", metavar="N", help=f"layers {what}, from 0, such as 3 5-8 (default: all)")


def _device_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device", default="auto", help="auto (a GPU where there is one), cpu, cuda, cuda:1 or mps (default: auto)"
    )


def _demo(commands: Any) -> None:
    parser = _command(
        commands,
        "demo",
        "everything at once on sample pictures, without a download",
        "Computes the sample pictures with the network that needs no download (dinov2-vit-s14-saliency), writes the\n"
        "study, a figure (mosaic.png, mosaic.pdf) and masks into a folder, and opens the window where there is a\n"
        "display. Takes about a minute.",
        "alignedcut demo --out first-look --no-window",
    )
    parser.add_argument("--out", default="alignedcut-demo", metavar="DIR", help="folder (default: ./alignedcut-demo)")
    parser.add_argument("--no-window", action="store_true", help="write the files only")
    _device_argument(parser)


def _networks(commands: Any) -> None:
    _command(
        commands,
        "networks",
        "list the networks that have a name",
        "Lists the built-in networks. Any vision transformer of timm works too, by its name there, and CLIP, DINOv2\n"
        "and ViT-MAE of transformers as hf:HUB-ID or by a local folder.",
        "alignedcut networks",
    )


def _extract(commands: Any) -> None:
    parser = _command(
        commands,
        "extract",
        "pictures to features, kept in a study",
        "Runs networks over pictures and keeps their features in a study (a folder). What is there already is not\n"
        "computed again, so that the same command goes on where it was stopped, and adds new pictures or layers.",
        "alignedcut extract photos/ --networks clip-vit-b16 mae-vit-b16 --study my-study --layers 0-11",
    )
    parser.add_argument(
        "pictures", nargs="+", metavar="PICTURES", help="folders, files, or patterns such as 'cats/*.jpg'"
    )
    parser.add_argument(
        "--networks", nargs="+", metavar="NAME", default=["dinov2-vit-s14"], help="see `alignedcut networks`"
    )
    parser.add_argument("--study", required=True, metavar="STUDY", help="the study's folder; made if it is not there")
    parser.add_argument("--recursive", action="store_true", help="look into folders inside folders too")
    parser.add_argument("--layers", nargs="+", metavar="N", help="layers from 0, such as 3 5-8 (default: all)")
    parser.add_argument("--tap", default="attention", choices=_TAPS, help="where in each layer (default: attention)")
    parser.add_argument(
        "--size", nargs="+", type=int, metavar="PX", help="input size: one number, or height and width (default: usual)"
    )
    parser.add_argument(
        "--weights",
        nargs="+",
        default=[],
        metavar="FILE",
        help="checkpoint of the network, or NETWORK=FILE for several",
    )
    _device_argument(parser)
    parser.add_argument(
        "--precision", default="auto", choices=("auto", "float32", "float16", "bfloat16"), help="of the networks"
    )
    parser.add_argument("--batch", type=int, default=8, metavar="N", help="pictures at once, at most (default: 8)")
    parser.add_argument(
        "--storage", default="float16", choices=("float16", "float32"), help="of the features (default: float16)"
    )
    parser.add_argument(
        "--no-fallback", action="store_true", help="fail rather than take dinov2-vit-s14-saliency where there is no hub"
    )


def _align(commands: Any) -> None:
    parser = _command(
        commands,
        "align",
        "fit an alignment of layers and networks, and write it to a file",
        "Fits one map a layer into a common channel space and writes them to a safetensors file, which\n"
        "`cut --alignment FILE` takes in this study and in others. Without brain data the layers are fitted to one\n"
        "another on the study's pictures (hyperalignment), as `cut` does by itself where there are enough pictures.\n"
        "With --brain the maps are trained to predict responses to the study's pictures: a folder of the Algonauts\n"
        "2023 release, or your own data (see docs/brain.md).",
        "alignedcut align my-study --brain algonauts/subj01 --out my-alignment.safetensors",
    )
    _study_argument(parser, cut=False)
    parser.add_argument("--out", metavar="FILE", help="file to write (.safetensors); not with --table")
    _choice_arguments(parser, "to align")
    parser.add_argument("--samples", type=int, default=10_000, metavar="N", help="places to fit to (default: 10000)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of every random choice (default: 0)")
    _device_argument(parser)
    brain = parser.add_argument_group("with brain data")
    brain.add_argument("--brain", metavar="DATA", help="folder, .npz or .csv file with pictures and responses")
    brain.add_argument("--brain-pictures", metavar="DIR", help="folder that the picture names in DATA are relative to")
    brain.add_argument("--drop-voxels", action="store_true", help="leave out voxels with NaN or constant responses")
    brain.add_argument("--eigen-weight", type=float, metavar="W", help="weight of the eigen-constraint (default: 1)")
    brain.add_argument("--init", choices=("isometry", "ridge", "identity", "random"), help="start (default: isometry)")
    brain.add_argument("--epochs", type=int, metavar="N", help="most epochs (default: 30)")
    brain.add_argument("--patience", type=int, metavar="N", help="epochs without a better score (default: 5)")
    brain.add_argument("--test", type=float, metavar="SHARE", help="pictures kept apart for the scores (default: 0.1)")
    brain.add_argument("--memory", metavar="SIZE", help="bound on what training allocates (default: 4GiB)")
    brain.add_argument(
        "--table",
        nargs="*",
        type=float,
        metavar="W",
        help="train once for each eigen-constraint weight and print the scores (the paper's Table 1; default: 1 0.1 0)",
    )


def _align_export(commands: Any) -> None:
    parser = _command(
        commands,
        "align export",
        "write the alignment of a cut to a file",
        "Writes the alignment that a cut of the study was made with (maps, readout, recipe, scores) to a safetensors\n"
        "file.",
        "alignedcut align export my-study --out my-alignment.safetensors",
    )
    _study_argument(parser)
    parser.add_argument("--out", required=True, metavar="FILE", help="file to write (.safetensors)")


def _align_import(commands: Any) -> None:
    parser = _command(
        commands,
        "align import",
        "make an alignment of matrices from elsewhere",
        "Reads a state dict (.pt, .pth), a .safetensors or an .npz file with one matrix a layer, and writes them as\n"
        "an alignment that `cut --alignment FILE` takes. Name the layers in the order of the matrices.",
        "alignedcut align import maps.pth --slots clip-vit-b16:0-11 dinov2-vit-b14-reg:0-11 mae-vit-b16:0-11 "
        "--out maps.safetensors",
    )
    parser.add_argument("file", metavar="FILE", help="file with the matrices")
    parser.add_argument("--slots", nargs="+", required=True, metavar="NETWORK:LAYERS", help="such as clip-vit-b16:0-11")
    parser.add_argument("--out", required=True, metavar="FILE", help="file to write (.safetensors)")
    parser.add_argument("--tap", default="attention", choices=_TAPS, help="what the features are (default: attention)")
    parser.add_argument(
        "--convention",
        default="auto",
        choices=("auto", "right", "linear"),
        help="right: features times matrix; linear: weights of torch.nn.Linear (default: by the names in the file)",
    )
    parser.add_argument("--study", metavar="STUDY", help="check the matrices against the features of this study")


def _simulate_brain(commands: Any) -> None:
    parser = _command(
        commands,
        "simulate-brain",
        "made-up responses to the pictures of a study, to try brain data with",
        "Writes a folder in the layout of the Algonauts 2023 release with SIMULATED responses to the study's own\n"
        "pictures: a known map of its features, and noise. `align --brain` takes it, so that bars and cortex can be\n"
        "tried without brain data. Nothing about brains or networks can be read from it.",
        "alignedcut simulate-brain my-study simulated/subj01",
    )
    _study_argument(parser, cut=False)
    parser.add_argument("out", metavar="OUT", help="folder to write; must not exist")
    _choice_arguments(parser, "that shape the responses")
    parser.add_argument(
        "--vertices", type=int, default=4000, metavar="N", help="vertices of each hemisphere (default: 4000)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of map and noise (default: 0)")


def _cut(commands: Any) -> None:
    parser = _command(
        commands,
        "cut",
        "features to eigenvectors, colours and a map",
        "Aligns the layers, cuts the joint graph of all tokens of all pictures, layers and networks of a study,\n"
        "colours it, and lays it out on a plane for paths over the layers. Each stage that is there with the same\n"
        "settings is not computed again.",
        "alignedcut cut my-study --layers 6-11 --eigenvectors 10 --name late",
    )
    _study_argument(parser, cut=False)
    parser.add_argument("--name", default="default", metavar="NAME", help="what to call the cut (default: default)")
    _choice_arguments(parser, "in the graph")
    parser.add_argument("--images", nargs="+", type=int, metavar="N", help="image numbers from 0 (default: all)")
    parser.add_argument("--no-class-token", action="store_true", help="leave the class tokens out of the graph")
    parser.add_argument(
        "--alignment",
        default="auto",
        metavar="WHICH",
        help="auto, none, hyperalignment (fitted to these pictures), shipped, or a file of `align` (default: auto)",
    )
    parser.add_argument("--eigenvectors", type=int, metavar="N", help="how many (default: 20)")
    parser.add_argument("--gamma", metavar="G", help="width of the affinity, or auto")
    parser.add_argument("--method", choices=("auto", "exact", "knn", "nystrom"), help="how to solve (default: auto)")
    parser.add_argument("--landmarks", type=int, metavar="N", help="sampled nodes of the approximations")
    parser.add_argument("--balance", type=float, metavar="B", help="from 0 to 1: how much dense regions are held back")
    parser.add_argument("--perplexity", type=float, metavar="P", help="of the t-SNE that makes the colours")
    parser.add_argument("--spread", choices=("nearest", "interpolated"), help="colours between t-SNE's landmarks")
    parser.add_argument("--no-map", action="store_true", help="leave out the map that the Trajectories panel shows")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of every random choice (default: 0)")
    parser.add_argument("--memory", metavar="SIZE", help="bound on the working set, such as 2GiB (default: 4GiB)")
    _device_argument(parser)


def _segment(commands: Any) -> None:
    parser = _command(
        commands,
        "segment",
        "segments of one layer as masks of the original pictures",
        "Divides the tokens of one layer into segments and writes them as masks of each picture's own size: indexed\n"
        "PNG with a palette, COCO RLE (JSON), npz and TIFF.",
        "alignedcut segment my-study --segments 3 --layer 8 --formats png coco",
    )
    _study_argument(parser)
    parser.add_argument("--segments", type=int, default=2, metavar="K", help="how many (default: 2)")
    parser.add_argument("--network", metavar="NAME", help="which network (default: the first of the cut)")
    parser.add_argument("--layer", type=int, metavar="N", help="which layer, from 0 (default: two thirds up)")
    parser.add_argument(
        "--joint", action="store_true", help="segment all nodes of the cut together, not this layer's alone"
    )
    parser.add_argument("--blocky", action="store_true", help="do not interpolate edges between tokens")
    parser.add_argument(
        "--formats",
        nargs="+",
        default=["png", "coco", "npz", "tiff"],
        metavar="F",
        help="png coco npz tiff (default: all)",
    )
    parser.add_argument("--out", metavar="DIR", help="folder to write to (default: STUDY-masks)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of every random choice (default: 0)")


def _view(commands: Any) -> None:
    parser = _command(
        commands,
        "view",
        "open a study in the window",
        "Opens napari with the study: pictures, colours, sliders for picture, layer and network.",
        "alignedcut view my-study",
    )
    _study_argument(parser, cut=False)


if __name__ == "__main__":
    sys.exit(main())
