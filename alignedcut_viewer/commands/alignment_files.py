"""``alignedcut align export`` and ``alignedcut align import``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, cast

from ..choices import TAPS
from ..errors import InputError
from ..layer_text import parse_layers
from . import options
from .command import Command
from .files import check_ending

if TYPE_CHECKING:
    from ..nodes import Slot

__all__ = ["COMMANDS"]


def _align_export_options(parser: argparse.ArgumentParser) -> None:
    options.study(parser)
    parser.add_argument("--out", required=True, metavar="FILE", help="file to write (.safetensors)")
    parser.add_argument("--subject", metavar="NAME", help="with the readout of this person only")


def _align_import_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="file with the matrices")
    parser.add_argument("--slots", nargs="+", required=True, metavar="NETWORK:LAYERS", help="such as clip-vit-b16:0-11")
    parser.add_argument("--out", required=True, metavar="FILE", help="file to write (.safetensors)")
    parser.add_argument("--tap", default="attention", choices=TAPS, help="what the features are (default: attention)")
    parser.add_argument(
        "--convention",
        default="auto",
        choices=("auto", "right", "linear"),
        help="right: features times matrix; linear: weights of torch.nn.Linear (default: by the names in the file)",
    )
    parser.add_argument("--study", metavar="STUDY", help="check the matrices against the features of this study")


def align_export(study: str, cut: str, out: str, subject: str | None) -> None:
    """The alignment of a cut into a file."""
    check_ending(out, ".safetensors")
    from .. import pipeline
    from ..study.study import Study

    opened = Study.open(study)
    name = opened.cut(cut).recipe["cut"]["alignment"]
    if name is None:
        raise InputError(f"The cut {cut!r} of {study} was made without an alignment; there is nothing to export.")
    alignment = pipeline.portable_alignment(opened, name)
    if subject is not None:
        alignment = alignment.of_subject(subject)
    alignment.save(out)
    print(f"{out}: {alignment.kind}, maps of {len(alignment.slots)} layers")


def align_import(file: str, slots: Sequence[str], out: str, tap: str, convention: str, study: str | None) -> None:
    """Matrices from elsewhere into a file that cuts take."""
    check_ending(out, ".safetensors")
    from ..alignment import import_matrices
    from ..nodes import Slot

    named = [slot for text in slots for slot in _slots(text)]

    widths: dict[Slot, int] = {}
    if study is not None:
        from ..study.study import Study

        for features in Study.open(study).networks.values():
            widths |= {Slot(features.network, layer): features.width(layer) for layer in features.layers}
    known = cast(Literal["auto", "right", "linear"], convention)
    alignment = import_matrices(file, named, convention=known, tap=tap, widths=widths)
    alignment.save(out)
    print(f"{out}: maps of {len(alignment.slots)} layers into {alignment.n_channels} channels")


def _slots(text: str) -> list[Slot]:
    """Slots from a word such as ``clip-vit-b16:0-11``; the network's own name may hold a colon."""
    from ..nodes import Slot

    network, separator, layers = text.rpartition(":")
    numbers = parse_layers(layers)
    if not separator or not network or numbers is None:
        raise InputError(f"{text!r} names no layers of a network; write, for example: --slots clip-vit-b16:0-11")
    return [Slot(network, layer) for layer in numbers]


COMMANDS = (
    Command(
        name="align export",
        summary="write the alignment of a cut to a file",
        description=(
            "Writes the alignment that a cut of the study was made with (maps, readout, recipe, scores) to a "
            "safetensors file."
        ),
        example="alignedcut align export my-study --out my-alignment.safetensors",
        options=_align_export_options,
        run=align_export,
    ),
    Command(
        name="align import",
        summary="make an alignment of matrices from elsewhere",
        description=(
            "Reads a state dict (.pt, .pth), a .safetensors or an .npz file with one matrix per layer, and writes them "
            "as an alignment that `cut --alignment FILE` takes. List the layers in the order of the matrices."
        ),
        example="alignedcut align import maps.pth --slots clip-vit-b16:0-11 mae-vit-b16:0-11 --out maps.safetensors",
        options=_align_import_options,
        run=align_import,
    ),
)
