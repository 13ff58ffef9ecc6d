"""``alignedcut cut``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..choices import CUT_SAMPLINGS, SPREADS
from ..errors import InputError
from ..spectral.methods import method_names
from . import options
from .command import Command
from .layered import LAYERED_OPTIONS, add_layered_options, cut_layers
from .progress_bar import progress_bar

__all__ = ["COMMANDS"]


def _options(parser: argparse.ArgumentParser) -> None:
    options.study(parser, with_cut=False)
    parser.add_argument("--name", default="default", metavar="NAME", help="name of the cut (default: default)")
    options.networks_and_layers(parser, "in the graph")
    parser.add_argument("--images", nargs="+", type=int, metavar="N", help="image numbers from 0 (default: all)")
    parser.add_argument("--no-class-token", action="store_true", help="leave the class tokens out of the graph")
    parser.add_argument(
        "--alignment",
        default="auto",
        metavar="WHICH",
        help="auto, none, hyperalignment (fitted to these pictures), shipped, or a file of `align` (default: auto)",
    )
    options.preset(parser)
    parser.add_argument("--eigenvectors", type=int, metavar="N", help="number of eigenvectors (default: 20)")
    parser.add_argument("--gamma", metavar="G", help="width of the affinity, or auto")
    parser.add_argument("--method", choices=method_names(), help="how to solve (default: auto)")
    parser.add_argument("--landmarks", type=int, metavar="N", help="sampled nodes of the approximations")
    parser.add_argument("--neighbours", type=int, metavar="K", help="nearest samples of `knn` (default: 100)")
    parser.add_argument("--sampling", choices=CUT_SAMPLINGS, help="how landmarks are chosen")
    parser.add_argument("--orthonormal", action="store_true", help="make the vectors of `knn` orthonormal")
    parser.add_argument(
        "--balance", type=float, metavar="B", help="from 0 to 1: how strongly dense regions are evened out"
    )
    parser.add_argument("--perplexity", type=float, metavar="P", help="perplexity of the t-SNE that makes the colours")
    parser.add_argument(
        "--colour-landmarks", type=int, metavar="N", help="nodes that the colours' t-SNE places (default: 1500)"
    )
    parser.add_argument("--map-perplexity", type=float, metavar="P", help="perplexity of the t-SNE that makes the map")
    parser.add_argument(
        "--map-landmarks", type=int, metavar="N", help="nodes that the map's t-SNE places (default: 100000)"
    )
    parser.add_argument("--spread", choices=SPREADS, help="how nodes between t-SNE's landmarks get their colours")
    parser.add_argument(
        "--map-spread",
        choices=SPREADS,
        help="how the other nodes get their places (default: refined, each a place of its own)",
    )
    parser.add_argument("--no-map", action="store_true", help="leave out the map that the Trajectories panel shows")
    options.seed(parser)
    parser.add_argument("--memory", metavar="SIZE", help="bound on the working set, such as 2GiB (default: 4GiB)")
    options.device(parser)
    add_layered_options(parser)


def _cut_either(study: str, name: str, pathway: str | None, **values: Any) -> None:
    """A joint cut where a pathway is named, else AlignedCut."""
    joint = {option: values.pop(option) for option in LAYERED_OPTIONS}
    if pathway is not None:
        cut_layers(study, name, pathway, values | joint)
        return
    stray = [option for option, value in joint.items() if value is not None]
    if stray:
        raise InputError(f"--{stray[0]} is an option of joint cuts; say --pathway what, where or both as well.")
    cut(study, name, **values)


def cut(
    study: str,
    name: str,
    networks: Sequence[str] | None,
    layers: tuple[int, ...] | None,
    images: Sequence[int] | None,
    no_class_token: bool,
    alignment: str,
    preset: str | None,
    eigenvectors: int | None,
    gamma: str | None,
    method: str | None,
    landmarks: int | None,
    neighbours: int | None,
    sampling: str | None,
    orthonormal: bool,
    balance: float | None,
    perplexity: float | None,
    colour_landmarks: int | None,
    map_perplexity: float | None,
    map_landmarks: int | None,
    spread: str | None,
    map_spread: str | None,
    no_map: bool,
    seed: int,
    memory: str | None,
    device: str,
) -> None:
    """Eigenvectors and colours of a study."""
    from ..pipeline.presets import paper_cut
    from ..pipeline.settings import AlignSettings, ColourSettings, CutSettings, MapSettings

    given: dict[str, Any] = {
        "networks": None if networks is None else tuple(networks),
        "layers": layers,
        "images": None if images is None else tuple(images),
        "class_token": False if no_class_token else None,
        "n_components": eigenvectors,
        "gamma": None if gamma is None else options.number_or_auto("--gamma", gamma),
        "method": method,
        "n_landmarks": landmarks,
        "n_neighbors": neighbours,
        "sampling": sampling,
        "orthonormal": True if orthonormal else None,
        "balance": balance,
        "memory": memory,
        "seed": seed,
        "device": device,
    }
    common = {"seed": seed, "device": device}
    colour = _given(perplexity=perplexity, spread=spread, n_landmarks=colour_landmarks) | common
    plane = _given(perplexity=map_perplexity, n_landmarks=map_landmarks, spread=map_spread) | common
    if preset:
        settings = paper_cut(colour=colour, map=plane, **_given(**given))
    else:
        settings = CutSettings(**_given(**given), colour=ColourSettings(**colour), map=MapSettings(**plane))
    if no_map:
        settings = replace(settings, map=None)
    named = alignment in ("auto", "none", "hyperalignment", "shipped")
    aligned = AlignSettings(
        method=alignment if named else "file", file=None if named else alignment, seed=seed, device=device
    )
    from .. import pipeline
    from ..study.study import Study

    with Study.open(study, writable=True) as opened, progress_bar() as progress:
        result = pipeline.cut(opened, settings, name, progress, align=aligned)
    for warning in result.warnings:
        print(f"Note: {warning}")
    print(
        f"{opened.path}: cut {name!r} of {len(result.index)} nodes, {result.eigenvectors.shape[1]} eigenvectors. "
        f"Next: alignedcut figures {study}, or alignedcut view {study}"
    )


def _given(**values: Any) -> dict[str, Any]:
    """What was said on the command line."""
    return {name: value for name, value in values.items() if value is not None}


COMMANDS = (
    Command(
        name="cut",
        summary="features to eigenvectors, colours and a map",
        description=(
            "Aligns the layers, cuts the joint graph of all tokens of all pictures, layers and networks of a study, "
            "colours it, and lays it out on a plane for paths over the layers. A stage that already exists with "
            "the same settings is not computed again."
        ),
        example="alignedcut cut my-study --layers 6-11 --eigenvectors 10 --name late",
        options=_options,
        run=_cut_either,
        spreads=True,
    ),
)
