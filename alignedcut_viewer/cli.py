"""The command ``alignedcut``. Nothing heavy is imported before a command runs, so that help comes at once."""

from __future__ import annotations

import argparse
import errno
import io
import os
import sys
import textwrap
import warnings
from collections.abc import Sequence
from typing import TextIO

from . import __version__
from .commands import Command, all_commands, options
from .commands.progress_bar import say
from .errors import AlignedCutError, Cancelled, InputError

__all__ = ["main"]

_EPILOG = """\
typical use:
  alignedcut extract photos/ --networks clip-vit-b16 --study my-study
  alignedcut cut my-study
  alignedcut figures my-study
  alignedcut view my-study

`alignedcut demo` does all of it on sample pictures. `alignedcut COMMAND --help` explains each command.
"""


class _Help(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=100)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Paragraphs are wrapped; lines that are indented, such as examples, stay as they are."""
        return "\n".join(
            line
            if line.startswith(" ")
            else textwrap.fill(line, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
            for line in text.splitlines()
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv
        Arguments; those of the process where None.

    Returns
    -------
    int
        0 when all went well, 2 where the user can fix what went wrong, 130 when stopped by Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # whatever the terminal's encoding, and file names in none
    words = list(sys.argv[1:] if argv is None else argv)
    with warnings.catch_warnings():
        warnings.showwarning = _note
        return _run(words)


def _note(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning as a line for the user; where in the code it arose says nothing to them."""
    if not issubclass(category, DeprecationWarning | FutureWarning):  # those are for whoever programs
        say(f"Note: {' '.join(str(message).split())}")


def _run(words: list[str]) -> int:
    try:
        if "" in words:  # an empty path would mean the folder one is in, and empty layers all of them
            raise InputError("An argument is empty (''); say what it is, or leave its option out.")
        commands = {command.name: command for command in all_commands()}
        if " ".join(words[:2]) in commands:
            words[:2] = [" ".join(words[:2])]  # for `align`, a study in a folder called export is ./export
        arguments = vars(_parser(tuple(commands.values())).parse_args(words))
        command = commands[arguments.pop("command")]
        from .cluster import computing_on  # only now: help has ended the program before

        with computing_on(arguments.pop("workers", None), arguments.pop("scheduler", None), announce=say):
            command.run(**arguments)
        sys.stdout.flush()
        return 0
    except AlignedCutError as error:
        print("alignedcut: " + " ".join(str(error).split()), file=sys.stderr)
        return 2
    except (KeyboardInterrupt, Cancelled):
        print(
            "alignedcut: stopped; what was finished is kept, and the same command resumes from there.", file=sys.stderr
        )
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone (`alignedcut networks | head`): not our fault, and nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        print(f"alignedcut: {error.filename}: this name is too long for the disk; use a shorter one.", file=sys.stderr)
        return 2


def _parser(commands: Sequence[Command]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="alignedcut",
        description="See how vision networks turn pixels into concepts, layer by layer: features of pictures from one\n"
        "or more networks, one joint graph over all their tokens, and its normalised cut as colours.",
        epilog=_EPILOG,
        formatter_class=_Help,
    )
    parser.add_argument("--version", action="version", version=f"alignedcut {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, title="commands")
    for command in commands:
        own = subparsers.add_parser(
            command.name,
            help=command.summary,
            description=command.description,
            epilog=f"example:\n  {command.example}\n ",
            formatter_class=_Help,
        )
        command.options(own)
        if command.spreads:
            options.computers(own)
    return parser


if __name__ == "__main__":
    sys.exit(main())
