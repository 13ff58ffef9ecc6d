"""``alignedcut networks``."""

from __future__ import annotations

from . import options
from .command import Command

__all__ = ["COMMANDS"]


def networks() -> None:
    """Print the built-in networks."""
    from ..backbones import list_networks

    for spec in list_networks():
        size = f"{spec.input_size[0]} × {spec.input_size[1]} px"
        print(f"{spec.name:26}{spec.title}; {spec.n_layers} layers, {spec.width} channels, {size}; {spec.licence}")
        if spec.note:
            print(f"{'':26}{spec.note}")


COMMANDS = (
    Command(
        name="networks",
        summary="list the networks that have a name",
        description=(
            "Lists the built-in networks. Any timm vision transformer also works by its timm name, and CLIP, "
            "DINOv2 and ViT-MAE of transformers as hf:HUB-ID or a local folder; and the U-Nets of Stable Diffusion: "
            "stable-diffusion-1.4, stable-diffusion-1.5, stable-diffusion-2.1, ssd-1b, tiny-sd, bk-sdm-tiny, or "
            "diffusers:HUB-ID or diffusers:FOLDER, optionally followed by settings, such as "
            "'stable-diffusion-1.5?timesteps=50,250&draws=2&prompt=a dog&grids=8,16,32'."
        ),
        example="alignedcut networks",
        options=options.none,
        run=networks,
    ),
)
