"""U-Nets of diffusion models: the self-attention of a picture that was encoded, made noisy, and denoised for one step.

The library diffusers builds the networks; nothing here computes attention. Where layers have different token grids,
each layer says its own (:meth:`DiffusionBackbone.grid_of`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import CheckpointError, InputError, UnknownNetworkError
from ..versions import install_command
from .backbone import Backbone
from .checkpoint import describe_difference
from .diffusion_choice import DiffusionChoice
from .prompts import encode_prompt
from .spec import HALF, NetworkSpec, Tap
from .taps import TapPoint, capture, first_output
from .vit_transformers import description_file

__all__ = ["DiffusionBackbone", "DiffusionNetwork", "diffusers_spec", "load_diffusers"]

_NO_DIFFUSERS = f"Diffusion models need the library diffusers; install it with: {install_command('diffusion')}"


@dataclass(frozen=True)
class _Layer:
    """One self-attention of a U-Net.

    Attributes
    ----------
    block
        The transformer block that it belongs to.
    level
        How many times the latent picture was halved before it.
    """

    block: Any
    level: int


def _self_attentions(unet: Any) -> Iterator[_Layer]:
    """In the order in which they run."""
    last = len(unet.down_blocks) - 1
    parts = [(block, level) for level, block in enumerate(unet.down_blocks)]
    if getattr(unet, "mid_block", None) is not None:
        parts.append((unet.mid_block, last))
    parts += [(block, last - number) for number, block in enumerate(unet.up_blocks)]
    for part, level in parts:
        for attention in getattr(part, "attentions", None) or ():
            for block in getattr(attention, "transformer_blocks", ()):
                if not getattr(block, "only_cross_attention", False) and getattr(block, "attn1", None) is not None:
                    yield _Layer(block, level)


def _chosen(unet: Any, choice: DiffusionChoice) -> list[_Layer]:
    side = _latent_side(unet)
    found = list(_self_attentions(unet))
    chosen = [layer for layer in found if side // 2**layer.level in choice.grids]
    if not chosen:
        there = ", ".join(str(grid) for grid in sorted({side // 2**layer.level for layer in found})) or "none"
        raise UnknownNetworkError(
            f"The U-Net of {choice.model} has no self-attention on grids of {', '.join(map(str, choice.grids))}; it "
            f"has some on: {there}. Choose among these with ?grids=."
        )
    return chosen


def _latent_side(unet: Any) -> int:
    size = unet.config.sample_size
    return int(size if isinstance(size, int) else size[0])


def _configuration(model: str, part: str) -> dict[str, Any]:
    """The description of a part of a pipeline; empty where it has none."""
    path = description_file(model, f"{part}/config.json", optional=part != "unet")
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnknownNetworkError(f"{path} cannot be read as the description of a model: {error}") from error
    if not isinstance(content, dict):
        raise UnknownNetworkError(f"{path} does not describe a model.")
    return content


def _described(model: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Configurations of U-Net and VAE."""
    unet, vae = _configuration(model, "unet"), _configuration(model, "vae")
    if not unet:
        raise UnknownNetworkError(f"{model} has no U-Net (unet/config.json), so it is no diffusion model of this kind.")
    if unet.get("_class_name", "UNet2DConditionModel") != "UNet2DConditionModel":
        raise UnknownNetworkError(
            f"The network in unet/ of {model} is a {unet['_class_name']}; a UNet2DConditionModel is needed."
        )
    if not vae:
        raise UnknownNetworkError(f"{model} has no VAE (vae/config.json) to encode pictures with.")
    return unet, vae


def diffusers_spec(text: str, name: str | None = None) -> NetworkSpec:
    """Describe the U-Net of a diffusion model from its configuration alone.

    Parameters
    ----------
    text
        Hub id or local folder, and options; see :meth:`.DiffusionChoice.parse`.
    name
        What to call it; ``diffusers:`` and the text if None.

    Raises
    ------
    UnknownNetworkError
        If it has no U-Net of the usual kind, no VAE, or no layer that was asked for.
    InputError
        If an option does not fit.
    WeightsUnavailableError
        If its description is neither in the local cache nor to be had.
    """
    try:
        from diffusers import UNet2DConditionModel
    except ImportError as error:
        raise UnknownNetworkError(_NO_DIFFUSERS) from error

    choice = DiffusionChoice.parse(text)
    configuration, vae = _described(choice.model)
    try:
        with torch.device("meta"):
            unet = UNet2DConditionModel.from_config(configuration)
        layers = _chosen(unet, choice)
        factor = 2 ** (len(vae["block_out_channels"]) - 1)
        side = _latent_side(unet)
    except UnknownNetworkError:
        raise
    except Exception as error:  # whatever the library makes of a description that is not one
        raise UnknownNetworkError(
            f"The U-Net of {choice.model} cannot be built from its description: {error}"
        ) from error
    finest = min(layer.level for layer in layers)
    return NetworkSpec(
        name=name or f"diffusers:{text}",
        source="diffusers",
        model=text,
        title=f"U-Net of {Path(choice.model).name}, {', '.join(map(str, choice.timesteps))} of 1000 steps of noise",
        patch=factor * 2**finest,
        input_size=(side * factor, side * factor),
        mean=HALF,
        std=HALF,
        interpolation="bicubic",
        n_layers=len(layers),
        width=max(int(layer.block.attn1.to_q.out_features) for layer in layers),
        class_token=False,
        note="Self-attention of a U-Net; layers have different token grids.",
    )


def load_diffusers(spec: NetworkSpec, input_size: tuple[int, int], *, download: bool = False) -> DiffusionNetwork:
    """Load U-Net, VAE and prompt of a diffusion model; no code of a checkpoint is run.

    Parameters
    ----------
    spec
        As :func:`diffusers_spec` described it.
    input_size
        Height and width in pixels.
    download
        Whether the hub may be asked; otherwise only the local folder or cache is.

    Raises
    ------
    CheckpointError
        If weights are missing or have other shapes.
    InputError
        If there is a prompt but no text encoder, or the input size does not fit the U-Net.
    """
    from diffusers import AutoencoderKL, UNet2DConditionModel

    choice = DiffusionChoice.parse(spec.model)
    identifier, _, revision = choice.model, "", ""
    if not Path(choice.model).is_dir():
        identifier, _, revision = choice.model.partition("@")
    options: dict[str, Any] = {"local_files_only": not download, "revision": revision or None}
    parts = []
    for kind, folder in ((UNet2DConditionModel, "unet"), (AutoencoderKL, "vae")):
        parts.append(_load_part(kind, identifier, folder, spec.name, options))
    unet, vae = parts
    coarsest = 2 ** (len(unet.down_blocks) - 1) * 2 ** (len(vae.config.block_out_channels) - 1)
    if input_size[0] % coarsest or input_size[1] % coarsest:
        raise InputError(
            f"{spec.name} halves pictures down to cells of {coarsest} px, so height and width must be multiples of "
            f"{coarsest}; got {input_size[0]} × {input_size[1]}."
        )
    text, pooled = encode_prompt(choice.model, choice.prompt, unet, options)
    scheduler = _configuration_of_noise(choice.model)
    return DiffusionNetwork(unet, vae, choice, text, pooled, scheduler)


def _load_part(kind: Any, identifier: str, folder: str, network: str, options: dict[str, Any]) -> Any:
    from diffusers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        # Building a model draws its initial weights from torch's global generator: give it back as it was.
        with torch.random.fork_rng(devices=[]):
            model, report = kind.from_pretrained(
                identifier, subfolder=folder, low_cpu_mem_usage=False, output_loading_info=True, **options
            )
    except OSError:
        raise
    except Exception as error:  # broken files fail in whatever way the library stumbles
        what = f"The {folder} of {identifier}"
        raise CheckpointError(f"{what} does not fit the network {network}: {error}") from error
    finally:
        logging.set_verbosity(verbosity)
    missing, shapes = list(report["missing_keys"]), [str(one[0]) for one in report["mismatched_keys"]]
    if missing or shapes:
        raise CheckpointError(describe_difference(f"The {folder} of {identifier}", network, missing, [], shapes))
    return model.float()


def _configuration_of_noise(model: str) -> torch.Tensor:
    """Share of the picture that is left at each step, (1000,): the cumulative product of 1 - beta."""
    from diffusers import DDPMScheduler

    path = description_file(model, "scheduler/scheduler_config.json", optional=True)
    usual = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
    try:
        described = json.loads(path.read_text(encoding="utf-8")) if path is not None else usual
        known = {"num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas"}
        scheduler = DDPMScheduler(**{key: value for key, value in described.items() if key in known})
    except Exception as error:
        raise CheckpointError(f"{path} cannot be read as the description of a noise schedule: {error}") from error
    kept: torch.Tensor = scheduler.alphas_cumprod.float()
    return kept


class DiffusionNetwork(nn.Module):
    """A VAE's encoder and a U-Net with a prompt and seeded noise; one call denoises once at one timestep.

    Parameters
    ----------
    unet, vae
        ``UNet2DConditionModel`` and ``AutoencoderKL`` of diffusers, weights loaded.
    choice
        Layers, timesteps, noise.
    text
        Encoded prompt (1, words, channels).
    pooled
        Its pooled form (1, channels), for models that take one; else None.
    kept
        Share of the picture left at each step, (steps,).
    """

    def __init__(
        self,
        unet: Any,
        vae: Any,
        choice: DiffusionChoice,
        text: torch.Tensor,
        pooled: torch.Tensor | None,
        kept: torch.Tensor,
    ) -> None:
        super().__init__()
        self.unet: Any = unet
        self.vae: Any = vae
        vae.decoder = None  # only encodes
        self.choice = choice
        if max(choice.timesteps) >= len(kept):
            raise InputError(f"{choice.model} knows timesteps up to {len(kept) - 1}; got {max(choice.timesteps)}.")
        self.text: torch.Tensor
        self.pooled: torch.Tensor | None
        self.register_buffer("text", text)
        self.register_buffer("pooled", pooled)
        self.kept: list[float] = kept.tolist()
        self.layers = _chosen(unet, choice)
        if any(getattr(layer.block.attn1, "fused_projections", False) for layer in self.layers):
            raise InputError(
                f"The U-Net of {choice.model} has fused its queries, keys and values into one projection; call "
                "unet.unfuse_qkv_projections() first."
            )

    @property
    def passes(self) -> list[tuple[int, int]]:
        """Timestep and draw of each pass."""
        return [(step, draw) for step in self.choice.timesteps for draw in range(self.choice.draws)]

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """Latent pictures (B, 4, height / 8, width / 8) of a batch between -1 and 1."""
        config, dtype = self.vae.config, batch.dtype
        if dtype == torch.float16 and getattr(config, "force_upcast", False):
            self.vae.float()  # overflows in half precision
            batch = batch.float()
        latents = self.vae.encode(batch).latent_dist.mode()
        shift = getattr(config, "shift_factor", None) or 0.0
        scaled: torch.Tensor = ((latents - shift) * config.scaling_factor).to(dtype)
        return scaled

    def noise(self, latents: torch.Tensor, draw: int) -> torch.Tensor:
        """The same noise for every picture, so that a picture's features do not depend on its company."""
        generator = torch.Generator().manual_seed(self.choice.seed + draw)
        drawn = torch.randn((1, *latents.shape[1:]), generator=generator)
        return drawn.to(latents).expand_as(latents)

    def forward(self, latents: torch.Tensor, step: int, draw: int) -> Any:
        """Denoise latent pictures once."""
        kept = self.kept[step]
        noisy = math.sqrt(kept) * latents + math.sqrt(1 - kept) * self.noise(latents, draw)
        n = len(latents)
        more: dict[str, Any] = {}
        if self.pooled is not None:
            side = [float(8 * latents.shape[2]), float(8 * latents.shape[3])]
            times = torch.tensor([[*side, 0.0, 0.0, *side]], device=latents.device, dtype=latents.dtype)
            more["added_cond_kwargs"] = {"text_embeds": self.pooled.expand(n, -1), "time_ids": times.expand(n, -1)}
        return self.unet(noisy, step, encoder_hidden_states=self.text.expand(n, -1, -1), return_dict=False, **more)


class DiffusionBackbone(Backbone):
    """The U-Net of a diffusion model."""

    def grid_of(self, layer: int) -> tuple[int, int]:
        """Rows and columns of the token grid of one layer."""
        cells = 2 ** (len(self.model.vae.config.block_out_channels) - 1 + self.model.layers[layer].level)
        return self.input_size[0] // cells, self.input_size[1] // cells

    def heads_of(self, layer: int) -> int | None:
        """Number of attention heads of a layer."""
        return int(self.model.layers[layer].block.attn1.heads)

    def _capture(self, batch: torch.Tensor, points: list[TapPoint]) -> list[torch.Tensor]:
        latents = self.model.encode(batch)
        total: list[Any] = [0.0] * len(points)
        for step, draw in self.model.passes:
            found = capture(lambda step=step, draw=draw: self.model(latents, step, draw), points)  # type: ignore[misc]
            if len(self.model.passes) == 1:
                return found
            total = [one.float() + more for one, more in zip(found, total, strict=True)]
        return [(tensor / len(self.model.passes)).to(self.dtype) for tensor in total]

    def _run(self, batch: torch.Tensor) -> None:
        latents = self.model.encode(batch)
        for step, draw in self.model.passes:
            self.model(latents, step, draw)

    def _tap_point(self, layer: int, tap: Tap) -> TapPoint:
        block = self.model.layers[layer].block
        if tap == "block":
            return TapPoint(block, first_output)
        if tap == "attention":
            return TapPoint(block.attn1, first_output)
        if tap == "mlp":
            return TapPoint(block.ff, first_output)
        return TapPoint(getattr(block.attn1, f"to_{tap}"), first_output)

    def _width(self, layer: int, tap: Tap) -> int:
        attention = self.model.layers[layer].block.attn1
        projection = attention.to_out[0] if tap in ("attention", "block", "mlp") else getattr(attention, f"to_{tap}")
        return int(projection.out_features)
