"""``alignedcut demo``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..choices import OFFLINE_NETWORK
from ..errors import InputError
from ..progress import span
from . import options
from .command import Command
from .display import why_no_window
from .progress_bar import progress_bar, say

__all__ = ["COMMANDS"]


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", default="alignedcut-demo", metavar="DIR", help="folder (default: ./alignedcut-demo)")
    parser.add_argument("--no-window", action="store_true", help="write the files only")
    options.device(parser)


def demo(out: str, no_window: bool, device: str) -> None:
    """Sample pictures, offline network: study, mosaic, masks, window."""
    from .. import pipeline
    from ..backbones import OFFLINE_NETWORK
    from ..figures import mosaic, save_figure
    from ..images import sample_pictures
    from ..pipeline.mask_export import export_segment_set
    from ..pipeline.segment_stage import SegmentSettings
    from ..pipeline.settings import AlignSettings, ColourSettings, CutSettings, ExtractSettings, MapSettings
    from ..study.study import Study

    folder = Path(out).expanduser()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the demo.")
    pictures = sample_pictures()
    print(f"{len(pictures)} sample pictures, network {OFFLINE_NETWORK}")
    with progress_bar() as progress:
        study = pipeline.run(
            pictures,
            folder / "study",
            ExtractSettings(networks=(OFFLINE_NETWORK,), device=device),
            AlignSettings(device=device),
            CutSettings(device=device, colour=ColourSettings(device=device), map=MapSettings(device=device)),
            span(progress, 0.0, 0.85),
            announce=say,
        )
        result = study.cut()
        progress(870, 1000, "Drawing")
        figure = mosaic(study)
        files = [save_figure(figure, folder / f"mosaic.{kind}") for kind in ("png", "pdf")]
        with Study.open(study.path, writable=True) as opened:
            found = pipeline.segment(opened, SegmentSettings(device=device), progress=span(progress, 0.9, 0.98))
            masks = export_segment_set(
                opened, found, folder / "masks", replace=True, progress=span(progress, 0.98, 1.0)
            )
    for warning in result.warnings:
        print(f"Note: {warning}")
    print(f"study    {study.path}")
    print(f"figure   {' and '.join(str(file) for file in files)}")
    print(f"masks    {folder / 'masks'} ({len(masks)} files)")
    reason = "" if no_window else why_no_window()
    if no_window or reason:
        print(f"{reason} Look at it later with: alignedcut view {study.path}".strip())
        return
    from ..viewer import launch

    launch(study.path)


COMMANDS = (
    Command(
        name="demo",
        summary="everything at once on sample pictures, without a download",
        description=(
            f"Computes the sample pictures with the network that needs no download ({OFFLINE_NETWORK}), writes "
            "the study, a figure (mosaic.png, mosaic.pdf) and masks into a folder, and opens the window where there "
            "is a display. Takes about a minute."
        ),
        example="alignedcut demo --out first-look --no-window",
        options=_options,
        run=demo,
    ),
)
