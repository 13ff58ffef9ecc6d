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
            "DINOv2 and ViT-MAE of transformers as hf:HUB-ID or a local folder."
        ),
        example="alignedcut networks",
        options=options.none,
        run=networks,
    ),
)
