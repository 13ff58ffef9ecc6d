"""``alignedcut extract``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..choices import DEFAULT_NETWORK, OFFLINE_NETWORK, PRECISIONS, STORAGES, TAPS
from ..errors import InputError
from . import options
from .command import Command
from .progress_bar import progress_bar, say

__all__ = ["COMMANDS", "input_size", "weights_by_network"]


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "pictures", nargs="+", metavar="PICTURES", help="folders, files, or patterns such as 'cats/*.jpg'"
    )
    parser.add_argument(
        "--networks", nargs="+", metavar="NAME", help=f"see `alignedcut networks` (default: {DEFAULT_NETWORK})"
    )
    options.preset(parser)
    parser.add_argument(
        "--study",
        required=True,
        metavar="STUDY",
        help="the study's folder, or a URL such as s3://bucket/my-study; created if it does not exist",
    )
    parser.add_argument("--recursive", action="store_true", help="search subfolders as well")
    options.layers(parser)
    parser.add_argument(
        "--tap",
        nargs="+",
        choices=TAPS,
        help="where in each layer; several are taken in one pass (default: attention)",
    )
    parser.add_argument(
        "--size",
        nargs="+",
        type=int,
        metavar="PX",
        help="input size: one number, or height and width (default: the network's own)",
    )
    parser.add_argument(
        "--window",
        type=int,
        metavar="PX",
        help="let networks slide over pictures of that input size in windows of so many pixels, which overlap by half",
    )
    parser.add_argument(
        "--weights",
        nargs="+",
        default=[],
        metavar="FILE",
        help="checkpoint of the network, or NETWORK=FILE for several",
    )
    options.device(parser)
    parser.add_argument(
        "--precision", default="auto", choices=PRECISIONS, help="precision of the networks (default: auto)"
    )
    parser.add_argument("--batch-size", type=int, default=8, metavar="N", help="most pictures per batch (default: 8)")
    parser.add_argument(
        "--storage", default="float16", choices=STORAGES, help="precision of the stored features (default: float16)"
    )
    parser.add_argument(
        "--for-alignment",
        action="store_true",
        help="keep of each picture only what `align --brain` trains on: means of all tokens, and a few tokens",
    )
    parser.add_argument(
        "--no-fallback",
        action="store_true",
        help=f"fail instead of falling back to {OFFLINE_NETWORK} when weights cannot be downloaded",
    )


def extract(
    pictures: Sequence[str],
    networks: Sequence[str] | None,
    preset: str | None,
    study: str,
    recursive: bool,
    layers: tuple[int, ...] | None,
    tap: Sequence[str] | None,
    size: Sequence[int] | None,
    window: int | None,
    weights: Sequence[str],
    device: str,
    precision: str,
    batch_size: int,
    storage: str,
    for_alignment: bool,
    no_fallback: bool,
) -> None:
    """Features of pictures into a study."""
    from ..pipeline.presets import paper_extract
    from ..pipeline.settings import ExtractSettings

    given: dict[str, Any] = {} if tap is None else {"tap": tuple(tap)}
    if networks is not None:
        given["networks"] = tuple(networks)
    chosen = paper_extract(**given) if preset else ExtractSettings(**given)
    settings = replace(
        chosen,
        layers=layers,
        input_size=input_size(size),
        window=window,
        weights=weights_by_network(weights, chosen.networks),
        device=device,
        precision=precision,
        batch_size=batch_size,
        storage=storage,
        for_alignment=for_alignment,
        fallback=not no_fallback,
    )
    from .. import pipeline
    from ..images import open_pictures

    opened, images = pipeline.open_study(study, open_pictures(list(pictures), recursive=recursive))
    with opened, pipeline.removed_if_empty(opened), progress_bar() as progress:
        names = pipeline.extract(opened, settings, progress, say)
    there = set((opened.for_training() if for_alignment else opened).node_index(names, layers).images)
    skipped = {image: reason for image, reason in opened.skipped.items() if image not in there}
    _tell_skipped(skipped)
    _tell_unreachable(len(opened.pictures) - len(there | set(skipped)))
    n_good = len(set(images) & there)
    following = f"align {study} --brain DATA" if for_alignment else f"cut {study}"
    print(f"{opened.path}: features of {n_good} pictures from {', '.join(names)}. Next: alignedcut {following}")


def _tell_skipped(skipped: dict[int, str]) -> None:
    if not skipped:
        return
    count = "1 picture was" if len(skipped) == 1 else f"{len(skipped)} pictures were"
    print(f"{count} skipped: " + " ".join(list(skipped.values())[:3]) + (" …" if len(skipped) > 3 else ""))


def _tell_unreachable(count: int) -> None:
    if count:
        what = "1 picture could" if count == 1 else f"{count} pictures could"
        print(f"{what} not be reached; run the same command again when they are there.")


def input_size(size: Sequence[int] | None) -> int | tuple[int, int] | None:
    """One number, or height and width, from words of the command line."""
    if size is None:
        return None
    if len(size) > 2:
        raise InputError("--size takes one number, or height and width.")
    return size[0] if len(size) == 1 else (size[0], size[1])


def weights_by_network(texts: Sequence[str], networks: Sequence[str]) -> dict[str, str]:
    """Checkpoint files from words such as FILE and NETWORK=FILE."""
    weights: dict[str, str] = {}
    for text in texts:
        name, separator, file = text.partition("=")
        if not separator:
            if len(networks) != 1:
                raise InputError("With several networks, say whose weights a file holds: --weights NETWORK=FILE")
            name, file = networks[0], text
        if not Path(file).expanduser().is_file():
            raise InputError(f"There is no checkpoint file {file}.")
        weights[name] = str(Path(file).expanduser())
    return weights


COMMANDS = (
    Command(
        name="extract",
        summary="pictures to features, kept in a study",
        description=(
            "Runs networks over pictures and keeps their features in a study (a folder). What already exists is "
            "not computed again: the same command resumes where it stopped, or adds new pictures or layers."
        ),
        example="alignedcut extract photos/ --networks clip-vit-b16 mae-vit-b16 --study my-study --layers 0-11",
        options=_options,
        run=extract,
        spreads=True,
    ),
)
