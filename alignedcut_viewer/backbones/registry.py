"""Finding networks by name."""

from __future__ import annotations

import difflib

from ..errors import UnknownNetworkError
from .families import families
from .spec import NetworkSpec

__all__ = ["get_spec", "list_networks", "nearest_names"]


def list_networks() -> list[NetworkSpec]:
    """The networks that have a name of their own; :func:`get_spec` knows more."""
    return [spec for family in families() for spec in family.specs]


def get_spec(name: str) -> NetworkSpec:
    """Look a network up by name.

    Parameters
    ----------
    name
        One of:

        - a built-in name, see :func:`list_networks`;
        - the name of a vision transformer of timm, with or without ``timm:`` before it and the tag of its weights
          behind it, such as ``vit_base_patch16_224.dino``;
        - ``hf:`` and a hub id or a local folder of transformers (CLIP, DINOv2 with or without registers, ViT-MAE), such
          as ``hf:openai/clip-vit-base-patch16``; a path also without ``hf:``;
        - a diffusion model, ``stable-diffusion-1.4``, ``-1.5``, ``-2.1``, ``ssd-1b``, ``tiny-sd``, ``bk-sdm-tiny``, or
          ``diffusers:`` and a hub id or a local folder; options stand behind it, such as
          ``stable-diffusion-1.5?timesteps=50,250&prompt=a dog``;
        - ``random:`` and a name of timm: seeded random weights, for tests only.

    Raises
    ------
    UnknownNetworkError
        If there is no such network; names the nearest that there is.
    WeightsUnavailableError
        If the description of a network on the hub is neither in the cache nor available.
    """
    for spec in list_networks():
        if spec.name == name:
            return spec
    for family in families():
        found = family.find_spec(name)
        if found is not None:
            return found
    kind, _, rest = name.partition(":")
    wanted = rest if kind in {"timm", "random"} and rest else name
    near = nearest_names(wanted)
    raise UnknownNetworkError(f"Unknown network {name!r}; the nearest that is known: {', '.join(near)}.")


def nearest_names(name: str, count: int = 3) -> list[str]:
    """Known names that look most like `name`, best first; never empty."""
    from .vit_timm import timm_names

    listed = [spec.name for spec in list_networks()]
    built_in = difflib.get_close_matches(name.lower(), listed, n=1, cutoff=0.0)
    known = difflib.get_close_matches(name.lower(), [*listed, *timm_names()], n=count, cutoff=0.5)
    if not known:
        return built_in
    return known if built_in[0] in known else [*known[: count - 1], *built_in]
