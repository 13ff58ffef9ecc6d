"""Which layers of a diffusion model are taken, and of which noisy pictures: options behind the model's name."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from ..errors import InputError

__all__ = ["DIFFUSION_MODELS", "DiffusionChoice"]

DIFFUSION_MODELS = {
    "stable-diffusion-1.4": "CompVis/stable-diffusion-v1-4",
    "stable-diffusion-1.5": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "stable-diffusion-2.1": "stabilityai/stable-diffusion-2-1",
    "ssd-1b": "segmind/SSD-1B",
    "tiny-sd": "segmind/tiny-sd",
    "bk-sdm-tiny": "nota-ai/bk-sdm-tiny",
}
"""Short names of diffusion models, and their ids on the hub."""

_MOST_STEPS = 1000


@dataclass(frozen=True)
class DiffusionChoice:
    """What a name such as ``stable-diffusion-1.5?timesteps=50,250&prompt=a dog`` asks for.

    Parameters
    ----------
    model
        Hub id, or a local folder of diffusers.
    timesteps
        Of the noise that is added before the pass; features are averaged over them.
    prompt
        What the picture is said to show; empty as in the paper.
    draws
        Draws of noise at each timestep, averaged over.
    seed
        Of the noise.
    grids
        Sides of the token grids, at the model's own picture size, whose layers are taken.
    """

    model: str
    timesteps: tuple[int, ...] = (50, 150, 250)
    prompt: str = ""
    draws: int = 1
    seed: int = 0
    grids: tuple[int, ...] = (8, 16, 32)

    def __post_init__(self) -> None:
        if not self.timesteps or not all(0 <= step < _MOST_STEPS for step in self.timesteps):
            raise InputError(f"Timesteps lie between 0 and {_MOST_STEPS - 1}; got {list(self.timesteps)}.")
        if not 1 <= self.draws <= 1000:
            raise InputError(f"draws must lie between 1 and 1000; got {self.draws}.")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"seed must be a whole number from 0; got {self.seed}.")
        if not self.grids or min(self.grids) < 1:
            raise InputError("Name at least one token grid, such as grids=8,16,32.")

    @classmethod
    def parse(cls, text: str) -> DiffusionChoice:
        """The choice that a text describes: a model, and options behind a question mark, joined by ``&``.

        Raises
        ------
        InputError
            If an option is unknown or its value does not fit.
        """
        model, _, options = text.partition("?")
        values: dict[str, object] = {}
        for name, value in parse_qsl(options, keep_blank_values=True):
            if name == "prompt":
                values[name] = value
            elif name in ("timesteps", "grids"):
                values[name] = tuple(dict.fromkeys(_whole(name, part) for part in value.split(",")))
            elif name in ("draws", "seed"):
                values[name] = _whole(name, value)
            else:
                raise InputError(
                    f"Unknown option {name!r} of the diffusion model {model}; there are timesteps, prompt, draws, seed "
                    "and grids."
                )
        return cls(model, **values)  # type: ignore[arg-type]


def _whole(name: str, text: str) -> int:
    if not (text.strip().isascii() and text.strip().isdigit() and len(text.strip()) < 20):
        raise InputError(f"The option {name} takes whole numbers, such as {name}=8; got {text!r}.")
    return int(text)
