"""The options of ``alignedcut cut`` for joint cuts of many layers, and what they do."""

from __future__ import annotations

import argparse
from typing import Any

from ..choices import LAYERED_SCOPES, LAYERED_SOLVERS, PATHWAYS
from ..errors import InputError
from ..progress import span
from .progress_bar import progress_bar

__all__ = ["LAYERED_OPTIONS", "add_layered_options", "cut_layers"]

LAYERED_OPTIONS = ("scope", "solver", "weights", "heads", "metric", "power", "agreement")
"""Options that only joint cuts have."""

_FOREIGN = ("gamma", "method", "sampling", "balance", "orthonormal", "no_class_token")


def add_layered_options(parser: argparse.ArgumentParser) -> None:
    """The options of joint cuts."""
    group = parser.add_argument_group(
        "what and where",
        "instead of AlignedCut, one cut that all layers' graphs of values (what) or of queries and keys (where) agree "
        "on; the study must hold these taps: alignedcut extract PICTURES --tap q k v",
    )
    group.add_argument("--pathway", choices=PATHWAYS, help="values, queries and keys, or the graphs of both")
    group.add_argument(
        "--scope",
        choices=[scope.replace(" ", "-") for scope in LAYERED_SCOPES],
        help="one cut of all pictures, or one per picture (default: data-set)",
    )
    group.add_argument("--solver", choices=LAYERED_SOLVERS, help="how the joint cut is solved (default: direct)")
    group.add_argument(
        "--weights",
        choices=("agreement", "uniform", "resolution"),
        help="how much each layer counts (default: by its agreement with the joint solution)",
    )
    group.add_argument(
        "--heads", choices=("joined", "apart"), help="one graph per layer, or one per head (default: joined)"
    )
    group.add_argument(
        "--metric",
        choices=("pooled", "isometric", "generalised"),
        help="how layers of different resolution are joined (default: pooled)",
    )
    group.add_argument(
        "--agreement",
        action="store_const",
        const=True,
        help="ask every head of both pathways how well it agrees with the result, for the figure `agreement`",
    )
    group.add_argument(
        "--power", type=float, metavar="P", help="exponent of the power mean over the layers, such as -1 (default: 1)"
    )


def cut_layers(study: str, name: str, pathway: str, values: dict[str, Any]) -> None:
    """A joint cut of a study.

    Parameters
    ----------
    study, name, pathway
        As on the command line.
    values
        The other options by name; None is what was not said.

    Raises
    ------
    InputError
        If an option of AlignedCut was given.
    """
    from ..pipeline import LayeredSettings, layered_agreement, layered_cut
    from ..pipeline.presets import paper_layered
    from ..pipeline.settings import ColourSettings, MapSettings
    from ..study.study import Study

    foreign = [option for option in _FOREIGN if values.get(option)]
    if foreign:
        raise InputError(f"--{foreign[0].replace('_', '-')} is an option of AlignedCut; leave it out with --pathway.")
    common = {"seed": values["seed"], "device": values["device"]}
    named = {
        "n_components": "eigenvectors",
        "n_landmarks": "landmarks",
        "n_inside": "neighbours",
        "n_across": "neighbours",
        **{option: option for option in (*LAYERED_OPTIONS, "memory", "layers") if option != "agreement"},
    }
    given = {key: values[option] for key, option in named.items() if values.get(option) is not None}
    if "scope" in given:
        given["scope"] = given["scope"].replace("-", " ")
    for key in ("networks", "images"):
        if values.get(key) is not None:
            given[key] = tuple(values[key])
    colour = {"perplexity": "perplexity", "spread": "spread", "n_landmarks": "colour_landmarks"}
    plane = {"perplexity": "map_perplexity", "n_landmarks": "map_landmarks"}
    make = paper_layered if values.get("preset") else LayeredSettings
    settings = make(
        pathway=pathway,
        **given,
        **common,
        colour=ColourSettings(**{k: values[o] for k, o in colour.items() if values[o] is not None}, **common),
        map=None
        if values["no_map"]
        else MapSettings(**{k: values[o] for k, o in plane.items() if values[o] is not None}, **common),
    )
    with Study.open(study, writable=True) as opened, progress_bar() as progress:
        share = 0.5 if values["agreement"] else 1.0
        result = layered_cut(opened, settings, name, span(progress, 0.0, share))
        if values["agreement"]:
            layered_agreement(opened, name, span(progress, share, 1.0))
    for warning in result.warnings:
        print(f"Note: {warning}")
    assert result.layered is not None
    best = max(result.layered.graphs, key=lambda graph: graph.agreement)
    print(
        f"{opened.path}: cut {name!r} ({pathway}) of {len(result.layered.graphs)} layers' graphs of "
        f"{len(result.index.images)} pictures, {result.eigenvectors.shape[1]} eigenvectors. Layer {best.layer} of "
        f"{best.network} agrees most ({best.agreement:.2f}). Next: alignedcut figures {study} --cut {name}"
    )
