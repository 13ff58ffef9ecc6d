"""``alignedcut view``."""

from __future__ import annotations

import argparse

from ..errors import InputError
from . import options
from .command import Command
from .display import why_no_window

__all__ = ["COMMANDS"]


def _options(parser: argparse.ArgumentParser) -> None:
    options.study(parser, with_cut=False)


def view(study: str) -> None:
    """The window."""
    from ..study.study import Study

    Study.open(study).close()  # says what is wrong before napari is loaded
    reason = why_no_window()
    if reason:
        raise InputError(reason)
    from ..viewer import launch

    launch(study)


COMMANDS = (
    Command(
        name="view",
        summary="open a study in the window",
        description=("Opens napari with the study: pictures, colours, sliders for picture, layer and network."),
        example="alignedcut view my-study",
        options=_options,
        run=view,
    ),
)
