"""``alignedcut check``."""

from __future__ import annotations

import argparse

from ..errors import StudyError
from ..progress import span
from . import options
from .command import Command
from .progress_bar import progress_bar, say

__all__ = ["COMMANDS"]


def check(study: str, repair: bool, no_weights: bool) -> None:
    """Compare what a study holds with its digests, and mend what can be computed again."""
    from .. import pipeline
    from ..study.study import Study

    with Study.open(study, writable=repair) as opened, progress_bar() as progress:
        found = pipeline.check_study(opened, span(progress, 0.0, 0.5 if repair else 1.0), weights=not no_weights)
        for finding in found:
            say(f"{'Note' if finding.harmless else 'Damaged'}: {finding}")
        left = found
        if repair and any(finding.remedy for finding in found):
            left = pipeline.repair_study(opened, found, span(progress, 0.5, 1.0), say)
    damaged = [finding for finding in left if not finding.harmless]
    if damaged:
        how = "cannot be mended" if repair else f"run `alignedcut check {study} --repair`"
        one = len(damaged) == 1
        what = f"One thing in {opened.path} is" if one else f"{len(damaged)} things in {opened.path} are"
        raise StudyError(f"{what} not what was written{':' if one else ', first'} {damaged[0]}; {how}.")
    mended = sum(not finding.harmless for finding in found)
    told = "" if not mended else "one thing was mended, and " if mended == 1 else f"{mended} things were mended, and "
    print(f"{opened.path}: " + told + "all is what was written.")


def _options(parser: argparse.ArgumentParser) -> None:
    options.study(parser, with_cut=False)
    parser.add_argument("--repair", action="store_true", help="recompute what is damaged, where possible")
    parser.add_argument("--no-weights", action="store_true", help="do not load networks to compare their weights")


COMMANDS = (
    Command(
        name="check",
        summary="check that a study still holds what was put into it, and repair it",
        description=(
            "Reads all of a study and compares it with the digests that were taken when it was made: pictures, weights "
            "(those on this machine; nothing is downloaded), features, alignments, cuts and all that belongs to them. "
            "Names what is damaged and what of it can be recomputed; with --repair, recomputes it.\n"
            "Exits with 0 if all is well, and with 2 if something is damaged."
        ),
        example="alignedcut check my-study --repair",
        options=_options,
        run=check,
        spreads=True,
    ),
)
