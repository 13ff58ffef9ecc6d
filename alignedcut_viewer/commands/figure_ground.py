"""``alignedcut figure-ground``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..atomic_files import replace_json
from ..brain.centring import Centring, centring_info
from ..errors import InputError
from ..progress import span
from ..tables import write_table
from . import options
from .command import Command
from .files import check_ending
from .groups import figure_and_ground
from .progress_bar import progress_bar

__all__ = ["COMMANDS"]


def _options(parser: argparse.ArgumentParser) -> None:
    options.study(parser)
    options.figure_and_ground(parser)
    options.about(parser)
    parser.add_argument("--out", metavar="FILE", help="file to write, .csv or .json")


def figure_ground(
    study: str,
    cut: str,
    masks: str | None,
    figure_labels: Sequence[int] | None,
    unlabelled: Sequence[int] | None,
    segments: bool,
    about: Centring,
    out: str | None,
) -> None:
    """Activation of brain regions by figure and ground."""
    check_ending(out, ".csv", ".json")
    from .. import pipeline
    from ..study.study import Study

    opened = Study.open(study)
    chosen = opened.cut(cut)
    with progress_bar() as progress:
        groups = figure_and_ground(opened, chosen, masks, figure_labels, unlabelled, segments, span(progress, 0.0, 0.3))
        if groups is None:
            raise InputError("Say what is figure: with --masks DIR, or with --segments to guess it.")
        found = pipeline.figure_ground_activation(opened, groups.labels, cut, span(progress, 0.3, 1.0), about=about)
    print(f"{found.title}. {groups.source}")
    print(centring_info(about).figure_ground_note)
    print("figure minus ground, * where the 95 % interval leaves 0 out")
    width = max(len(str(slot)) for slot in found.slots)
    print(" " * width + "".join(f"{name:>10}" for name in found.names))
    for slot, one in found.slots.items():
        cells = [f"{d:+9.3f}{'*' if sure else ' '}" for d, sure in zip(one.difference, one.differs, strict=True)]
        print(f"{slot!s:{width}}" + "".join(cells))
    names = list(dict.fromkeys(slot.network for slot in found.slots))
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            print(f"{first} and {second}: correlation over regions {found.agreement(first, second):.2f}")
    if out is not None:
        rows = found.as_rows()
        if out.endswith(".json"):
            replace_json(Path(out), {"brain": found.title, "groups": groups.source, "about": about, "rows": rows})
        else:
            write_table(Path(out), rows)
        print(out)


COMMANDS = (
    Command(
        name="figure-ground",
        summary="which brain regions figure and ground activate, layer by layer",
        description=(
            "Mean activation of every brain region by the pixels of the figure and by those of the ground, at each "
            "layer of each network, with intervals by bootstrap over pictures. Needs an alignment with brain data."
        ),
        example="alignedcut figure-ground my-study --masks masks/ --out figure-ground.csv",
        options=_options,
        run=figure_ground,
    ),
)
