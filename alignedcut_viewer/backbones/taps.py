"""Taking intermediate tensors out of a running model, and stopping it as soon as the last one is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

__all__ = ["TapPoint", "capture", "first_output", "merge_heads"]


@dataclass(frozen=True)
class TapPoint:
    """One tensor to take.

    Attributes
    ----------
    module
        The module whose call is observed.
    select
        Makes the wanted (batch, tokens, channels) tensor out of what the module returned, or was given.
    before
        Observe the module's first argument instead of its output; the module is then not run if it comes last.
    """

    module: nn.Module
    select: Callable[[Any], torch.Tensor]
    before: bool = False


class _Finished(Exception):
    """Unwinds the model's forward pass once every tap point has been seen."""


def first_output(output: Any) -> torch.Tensor:
    """The tensor of a module that returns a tensor, or a tuple that begins with it."""
    tensor: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return tensor


def merge_heads(output: torch.Tensor) -> torch.Tensor:
    """(batch, heads, tokens, channels) to (batch, tokens, heads × channels)."""
    return output.transpose(1, 2).flatten(2)


def capture(run: Callable[[], object], points: Sequence[TapPoint]) -> list[torch.Tensor]:
    """Run a model until all points have been seen.

    Parameters
    ----------
    run
        Starts the model. It is left by an exception of our own as soon as the last point is reached, so that nothing
        after it is computed.
    points
        What to take, in any order.

    Returns
    -------
    list of torch.Tensor
        One (batch, tokens, channels) tensor a point, in the order of `points`; no copies beyond what ``select`` makes.
    """
    taken: dict[int, torch.Tensor] = {}

    def take(number: int, value: Any) -> None:
        taken[number] = points[number].select(value)
        if len(taken) == len(points):
            raise _Finished

    handles = []
    try:
        for number, point in enumerate(points):
            if point.before:
                handles.append(
                    point.module.register_forward_pre_hook(
                        lambda _module, arguments, keywords, number=number: take(
                            number, arguments[0] if arguments else next(iter(keywords.values()))
                        ),
                        with_kwargs=True,
                    )
                )
            else:
                handles.append(
                    point.module.register_forward_hook(
                        lambda _module, _arguments, output, number=number: take(number, output)
                    )
                )
        run()
    except _Finished:
        pass
    finally:
        for handle in handles:
            handle.remove()
    return [taken[number] for number in range(len(points))]
