"""Options that several commands share, each written once, and what their texts mean."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from .. import parameters
from ..brain.centring import CENTRING_NAMES, DEFAULT_CENTRING
from ..choices import PRESETS
from ..errors import InputError
from ..layer_text import parse_layers

__all__ = [
    "about",
    "computers",
    "cut",
    "device",
    "figure_and_ground",
    "layers",
    "masks",
    "networks_and_layers",
    "none",
    "number_or_auto",
    "preset",
    "seed",
    "study",
]


def none(parser: argparse.ArgumentParser) -> None:
    """A command without options."""


def study(parser: argparse.ArgumentParser, *, with_cut: bool = True) -> None:
    """The study, and which cut of it."""
    parser.add_argument("study", metavar="STUDY", help="the study's folder or URL, as given to `extract --study`")
    if with_cut:
        cut(parser)


def cut(parser: argparse.ArgumentParser) -> None:
    """Which cut of the study."""
    parser.add_argument("--cut", default="default", metavar="NAME", help="which cut of the study (default: default)")


def networks_and_layers(parser: Any, what: str) -> None:
    """Networks and layers of the study; the help says what they are chosen for."""
    parser.add_argument("--networks", nargs="+", metavar="NAME", help=f"networks {what} (default: all of the study)")
    layers(parser, f"layers {what}")


def layers(parser: Any, what: str = "layers") -> None:
    """Layer numbers, which reach the command as a tuple, or None for all."""
    parser.add_argument(
        "--layers", nargs="+", action=_Layers, metavar="N", help=f"{what}, from 0, such as 3 5-8 (default: all)"
    )


class _Layers(argparse.Action):
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, parse_layers(" ".join(values or ())))


def device(parser: argparse.ArgumentParser) -> None:
    """Where to compute."""
    parser.add_argument(
        "--device", default="auto", help="auto (a GPU where there is one), cpu, cuda, cuda:1 or mps (default: auto)"
    )


def computers(parser: argparse.ArgumentParser) -> None:
    """Which processes and machines take part; read by :func:`alignedcut_viewer.cli.main` alone."""
    group = parser.add_argument_group("several processes or machines (docs/scale.md)")
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="compute in N processes on this machine; the result is the same to the bit",
    )
    group.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="compute on the workers of a Dask scheduler that runs already, such as tcp://10.0.0.1:8786",
    )


def seed(parser: argparse.ArgumentParser, what: str = "every random choice") -> None:
    """The seed."""
    parser.add_argument("--seed", type=_seed, default=0, metavar="N", help=f"seed of {what} (default: 0)")


def _seed(text: str) -> int:
    try:
        return parameters.seed(int(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"a seed is a whole number from 0; got {text!r}") from None


def preset(parser: argparse.ArgumentParser) -> None:
    """A recipe by name; single options beside it win."""
    parser.add_argument(
        "--preset",
        choices=PRESETS,
        help="every setting as in the AlignedCut paper (docs/method.md says what is assumed where it is silent); "
        "options given with it take precedence",
    )


def masks(parser: Any, otherwise: str = "figure and ground are guessed from a 2-way cut") -> None:
    """Masks of the pictures and what their labels mean; the help says what happens without them."""
    parser.add_argument("--masks", metavar="DIR", help=f"masks named like the pictures (default: {otherwise})")
    parser.add_argument(
        "--figure-labels",
        nargs="+",
        action=_Labels,
        metavar="N",
        help="labels of the masks that are the figure, such as 1-91 (default: all but 0 and the unlabelled)",
    )
    parser.add_argument(
        "--unlabelled",
        nargs="*",
        action=_Labels,
        metavar="N",
        help="labels of the masks that are neither figure nor ground; no number for none (default: 255, but not of "
        "masks of 0 and 255 alone; and 0 where there are labels from 92 to 254 and no 255, as of COCO with stuff)",
    )


class _Labels(argparse.Action):
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        try:
            setattr(namespace, self.dest, parse_layers(" ".join(values)) or () if values else ())
        except InputError:
            raise InputError(f"{option_string} takes labels, numbers from 0, such as: 3 5-8") from None


def figure_and_ground(parser: argparse.ArgumentParser) -> None:
    """Masks, or a guess; see :func:`alignedcut_viewer.commands.groups.figure_and_ground`."""
    masks(parser, "none")
    parser.add_argument(
        "--segments", action="store_true", help="without masks: guess the figure by a 2-way cut of one layer"
    )


def about(parser: Any) -> None:
    """What brain activation is measured from."""
    parser.add_argument(
        "--about",
        choices=CENTRING_NAMES,
        default=DEFAULT_CENTRING,
        help="show brain activation about zero, about the mean of all pixels, or about the mean of each layer of each "
        f"network (default: {DEFAULT_CENTRING}); figure minus ground is the same about any",
    )


def number_or_auto(option: str, text: str) -> float | str:
    """The value of an option that takes a number or ``auto``.

    Raises
    ------
    InputError
        If it is neither.
    """
    try:
        return text if text == "auto" else float(text)
    except ValueError:
        raise InputError(f"{option} must be a number or auto; got {text!r}.") from None
