"""``alignedcut nsd-pictures``."""

from __future__ import annotations

import argparse

from .command import Command
from .progress_bar import progress_bar

__all__ = ["COMMANDS"]


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("betas", metavar="BETAS", help="a person's folder of betas in the layout of NSD")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write to")


def nsd_pictures(betas: str, out: str) -> None:
    """The pictures that a person of NSD saw, as files."""
    from ..brain import write_nsd_pictures

    with progress_bar() as progress:
        files = write_nsd_pictures(betas, out, progress)
    print(
        f"{out}: {len(files)} pictures. Next: alignedcut align STUDY --brain {betas} --brain-pictures {out} --extract"
    )


COMMANDS = (
    Command(
        name="nsd-pictures",
        summary="the pictures that a person of the Natural Scenes Dataset saw, as files",
        description=(
            "Extracts from nsd_stimuli.hdf5 the pictures that one person saw, named by their number in NSD "
            "(nsd02951.png). Files that exist already are kept."
        ),
        example="alignedcut nsd-pictures nsddata_betas/ppdata/subj01/func1pt8mm/betas_fithrf_GLMdenoise_RR --out "
        "nsd-pictures",
        options=_options,
        run=nsd_pictures,
    ),
)
