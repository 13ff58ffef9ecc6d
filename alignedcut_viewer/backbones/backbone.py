"""The one face that all networks show: pictures in, features of the chosen layers out."""

from __future__ import annotations

import hashlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn
from torch.nn import functional

from ..device import physical_memory
from ..errors import InputError
from .spec import TAPS, NetworkSpec, Tap
from .taps import TapPoint, capture

__all__ = ["Backbone", "LoadedWith", "check_input_size", "weights_digest"]

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def check_input_size(spec: NetworkSpec, input_size: int | Sequence[int] | None) -> tuple[int, int]:
    """Height and width to run a network at.

    Parameters
    ----------
    spec
        The network.
    input_size
        Pixels: one number for a square, (height, width), or None for the network's default.

    Raises
    ------
    InputError
        If a side is not a positive multiple of the patch.
    """
    if input_size is None:
        return spec.input_size
    sides = (input_size, input_size) if isinstance(input_size, int) else tuple(input_size)
    if len(sides) != 2:
        raise InputError(f"An input size is one number or (height, width); got {input_size!r}.")
    height, width = int(sides[0]), int(sides[1])
    if height < spec.patch or width < spec.patch or height % spec.patch or width % spec.patch:
        near = tuple(max(round(side / spec.patch), 1) * spec.patch for side in (height, width))
        raise InputError(
            f"{spec.name} cuts pictures into patches of {spec.patch} px, so height and width must be multiples of "
            f"{spec.patch}; got {height} × {width}. The nearest that fits is {near[0]} × {near[1]}."
        )
    n_tokens = (height // spec.patch) * (width // spec.patch)
    # At its widest a block holds an MLP's hidden layer beside its input, about twelve times the residual stream.
    needed = 4 * (12 * n_tokens * spec.width + 3 * height * width)
    if needed > physical_memory():
        raise InputError(
            f"{spec.name} at {height} × {width} px would make {n_tokens:,} tokens of one picture and need about "
            f"{needed / 2**30:.0f} GiB, more than the {physical_memory() / 2**30:.0f} GiB of this machine; choose a "
            "smaller input size."
        )
    return height, width


def weights_digest(state: dict[str, torch.Tensor]) -> str:
    """SHA-256 over the sorted names, types, shapes and bytes of a state dict, as hex digits."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        # uint8 views exist for every type, bfloat16 included, which NumPy does not know
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


@dataclass(frozen=True)
class LoadedWith:
    """What a network was loaded with that does not show in the network itself.

    Attributes
    ----------
    device
        As it was asked for: another machine makes its own of ``"auto"``.
    weights
        The checkpoint file; None where the weights are those of the hub or of a package.
    """

    device: str
    weights: str | None


class Backbone(ABC):
    """A network with weights, ready to give features.

    Not made directly: see :func:`~alignedcut_viewer.backbones.load_backbone`.

    Parameters
    ----------
    spec
        What the network is.
    model
        The model on the CPU in single precision, weights loaded.
    input_size
        Height and width in pixels.
    device, dtype
        Where and in which precision it runs.
    source_note
        One line that says where the weights came from.

    Attributes
    ----------
    spec, input_size, device, dtype, source_note
        As above.
    loaded_with
        What :func:`~alignedcut_viewer.backbones.load_backbone` was given, so that another process can load the same.
    """

    loaded_with: LoadedWith | None = None

    def __init__(
        self,
        spec: NetworkSpec,
        model: nn.Module,
        *,
        input_size: tuple[int, int],
        device: torch.device,
        dtype: torch.dtype,
        source_note: str,
    ) -> None:
        self.spec = spec
        self.input_size = input_size
        self.device = device
        self.dtype = dtype
        self.source_note = source_note
        self._digest: str | None = None
        # The digest is that of the weights, whatever precision they run in: take it before they are rounded.
        if dtype != torch.float32:
            self._digest = weights_digest(model.state_dict())
        self.model: Any = model.eval().requires_grad_(False).to(device=device, dtype=dtype)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        rows, columns = self.grid
        return f"<{type(self).__name__} {self.name}: {self.n_layers} layers, {rows} × {columns} patches, {self.device}>"

    @property
    def name(self) -> str:
        """Name of the network whose weights these are."""
        return self.spec.name

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the token grid."""
        return self.input_size[0] // self.spec.patch, self.input_size[1] // self.spec.patch

    @property
    def window(self) -> tuple[int, int] | None:
        """Height and width of the window in which the network slides over a picture; None if it sees all of it."""
        return None

    @property
    def n_layers(self) -> int:
        """Number of layers; they count from 0."""
        return self.spec.n_layers

    def grid_of(self, layer: int) -> tuple[int, int]:
        """Rows and columns of the token grid of one layer; :attr:`grid` is the finest where they differ."""
        return self.grid

    def heads_of(self, layer: int) -> int | None:
        """Number of attention heads of a layer; None where it is not known."""
        return None

    @property
    def n_tokens(self) -> int:
        """Tokens of one picture at the finest layer: the class token, where there is one, and the patches."""
        return self.grid[0] * self.grid[1] + int(self.spec.class_token)

    @property
    def digest(self) -> str:
        """SHA-256 of the weights in single precision (hex); position embeddings as resampled to the input size."""
        if self._digest is None:
            self._digest = weights_digest(self.model.state_dict())
        return self._digest

    @abstractmethod
    def _tap_point(self, layer: int, tap: Tap) -> TapPoint:
        """What to take for one layer."""

    @abstractmethod
    def _run(self, batch: torch.Tensor) -> None:
        """Run the model on a (batch, 3, height, width) tensor that is in place."""

    @abstractmethod
    def _width(self, layer: int, tap: Tap) -> int:
        """Number of channels of one tap."""

    def widths(self, tap: Tap = "attention") -> tuple[int, ...]:
        """Number of channels of every layer at a tap.

        Raises
        ------
        InputError
            If there is no such tap.
        """
        _check_tap(tap)
        return tuple(self._width(layer, tap) for layer in range(self.n_layers))

    def prepare(self, picture: NDArray[np.uint8]) -> torch.Tensor:
        """Turn a picture into what the network takes.

        The whole picture is squashed to the input size, so that a token grid laid over the original picture fits.

        Parameters
        ----------
        picture
            (H, W, 3) uint8, RGB.

        Returns
        -------
        torch.Tensor
            (3, height, width) float32 on the CPU, normalised as the network was trained.

        Raises
        ------
        InputError
            If the array is no such picture.
        """
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or picture.size == 0:
            raise InputError(f"A picture must be (H, W, 3) uint8; got {picture.shape} {picture.dtype}.")
        resized = self._resized(picture)
        mean = torch.tensor(self.spec.mean, dtype=torch.float32)[:, None, None]
        std = torch.tensor(self.spec.std, dtype=torch.float32)[:, None, None]
        return resized.contiguous().to(torch.float32).mul_(1 / (255 * std)).sub_(mean / std)

    def _resized(self, picture: NDArray[np.uint8]) -> torch.Tensor:
        """The picture at the input size, uint8 (3, height, width)."""
        height, width = self.input_size
        interpolation = self.spec.interpolation
        if picture.shape[:2] != (height, width) and interpolation not in ("bilinear", "bicubic"):
            image = Image.fromarray(np.ascontiguousarray(picture), mode=None)
            picture = np.asarray(image.resize((width, height), _RESAMPLING[interpolation]))
        writable = picture if picture.flags.writeable and picture.flags.c_contiguous else picture.copy()
        pixels = torch.from_numpy(writable).permute(2, 0, 1)
        if picture.shape[:2] == (height, width):
            return pixels
        # Pillow's own filters, to within a grey level or two, at a fifth of the time.
        resized: torch.Tensor = functional.interpolate(
            pixels[None], (height, width), mode=interpolation, antialias=True, align_corners=False
        )
        return resized[0]

    def features(self, batch: torch.Tensor, layers: Sequence[int], tap: Tap = "attention") -> list[torch.Tensor]:
        """Features of the chosen layers; nothing after the last of them is computed.

        Parameters
        ----------
        batch
            (B, 3, height, width), as :meth:`prepare` makes them, on any device.
        layers
            Layer numbers from 0, each once, in any order.
        tap
            Where in the layer; see :data:`~alignedcut_viewer.backbones.Tap`. The paper takes ``"attention"``.

        Returns
        -------
        list of torch.Tensor
            One (B, T, D) tensor a layer, in the order asked for, on :attr:`device` in :attr:`dtype`. The class token
            comes first, then the patches row by row; registers are dropped.

        Raises
        ------
        InputError
            If the batch, a layer or the tap does not fit the network.
        """
        return self.features_at(batch, [(layer, tap) for layer in self._check_layers(layers)])

    def features_at(self, batch: torch.Tensor, places: Sequence[tuple[int, Tap]]) -> list[torch.Tensor]:
        """Features at several taps of the chosen layers in one forward pass, the same to the bit as one tap at a time.

        Parameters
        ----------
        batch
            (B, 3, height, width), as :meth:`prepare` makes them, on any device.
        places
            Pairs of a layer number from 0 and a tap, each once, in any order.

        Returns
        -------
        list of torch.Tensor
            One (B, T, D) tensor a place, in the order asked for; see :meth:`features`.

        Raises
        ------
        InputError
            If the batch, a layer or a tap does not fit the network.
        """
        for _, tap in places:
            _check_tap(tap)
        self._check_layers(list(dict.fromkeys(layer for layer, _ in places)))
        if len(set(places)) != len(places):
            raise InputError(f"Give each layer of {self.name} only once for each tap; got {list(places)}.")
        if batch.ndim != 4 or tuple(batch.shape[1:]) != (3, *self.input_size):
            height, width = self.input_size
            raise InputError(
                f"{self.name} runs at {height} × {width} px and needs a batch of (B, 3, {height}, {width}); "
                f"got {tuple(batch.shape)}."
            )
        points = [self._tap_point(layer, tap) for layer, tap in places]
        with self._lock, torch.inference_mode():
            placed = batch.to(device=self.device, dtype=self.dtype, non_blocking=True)
            return [self._drop_registers(tensor) for tensor in self._capture(placed, points)]

    def _capture(self, batch: torch.Tensor, points: list[TapPoint]) -> list[torch.Tensor]:
        return capture(lambda: self._run(batch), points)

    def _check_layers(self, layers: Sequence[int]) -> list[int]:
        chosen = [int(layer) for layer in layers]
        outside = [layer for layer in chosen if not 0 <= layer < self.n_layers]
        if outside:
            raise InputError(
                f"{self.name} has layers 0 to {self.n_layers - 1}; got {', '.join(map(str, outside))} as well."
            )
        if not chosen or len(set(chosen)) != len(chosen):
            raise InputError(f"Give at least one layer of {self.name}, and each only once; got {chosen}.")
        return chosen

    def _drop_registers(self, tokens: torch.Tensor) -> torch.Tensor:
        if not self.spec.n_registers:
            return tokens
        first = int(self.spec.class_token)
        patches = tokens[:, first + self.spec.n_registers :]
        return torch.cat((tokens[:, :1], patches), dim=1) if first else patches


def _check_tap(tap: str) -> None:
    if tap not in TAPS:
        raise InputError(f"Unknown tap {tap!r}; use one of {', '.join(TAPS)}.")
