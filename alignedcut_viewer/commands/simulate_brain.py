"""``alignedcut simulate-brain``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from . import options
from .command import Command
from .progress_bar import progress_bar

__all__ = ["COMMANDS"]


def _options(parser: argparse.ArgumentParser) -> None:
    options.study(parser, with_cut=False)
    parser.add_argument("out", metavar="OUT", help="folder to write; must not exist")
    options.networks_and_layers(parser, "that shape the responses")
    parser.add_argument(
        "--vertices", type=int, default=4000, metavar="N", help="vertices of each hemisphere (default: 4000)"
    )
    options.seed(parser, "map and noise")


def simulate_brain(
    study: str, out: str, networks: Sequence[str] | None, layers: tuple[int, ...] | None, vertices: int, seed: int
) -> None:
    """A simulated subject who looked at a study's pictures, as a folder that ``align --brain`` takes."""
    from .. import pipeline
    from ..study.study import Study

    with progress_bar() as progress:
        pipeline.simulate_brain(
            Study.open(study), out, networks=networks, layers=layers, n_vertices=vertices, seed=seed, progress=progress
        )
    print(
        f"{out}: SIMULATED responses to the pictures of {study}; they say nothing about any brain. "
        f"Next: alignedcut align {study} --brain {out} --out simulated.safetensors"
    )


COMMANDS = (
    Command(
        name="simulate-brain",
        summary="simulated responses to a study's pictures, for trying out brain data",
        description=(
            "Writes a folder in the layout of the Algonauts 2023 release with SIMULATED responses to the study's own "
            "pictures: a known map of its features, and noise. `align --brain` takes it, so that bars and cortex can "
            "be tried without brain data. It says nothing about brains or networks."
        ),
        example="alignedcut simulate-brain my-study simulated/subj01",
        options=_options,
        run=simulate_brain,
    ),
)
