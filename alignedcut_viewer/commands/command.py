"""One command of ``alignedcut``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Command"]


@dataclass(frozen=True)
class Command:
    """What the command line knows about a command, and how it runs.

    Attributes
    ----------
    name
        What the user types; two words are possible.
    summary, description, example
        For the help: one line, some lines, and a command that works as it stands.
    options
        Adds the command's own options to its parser.
    run
        Does it; takes every option by name. Whatever is heavy is imported inside it, so that help comes at once.
    spreads
        Whether its long passes can go to other processes and machines: it then has the options ``--workers`` and
        ``--scheduler``, and runs where they say, without seeing them.
    """

    name: str
    summary: str
    description: str
    example: str
    options: Callable[[argparse.ArgumentParser], None]
    run: Callable[..., None]
    spreads: bool = False
