"""Finding networks by name."""

from __future__ import annotations

import difflib
import os
from dataclasses import replace
from pathlib import Path

from ..errors import UnknownNetworkError
from .spec import BUILT_IN, NetworkSpec

__all__ = ["get_spec", "list_networks", "nearest_names"]

_BY_NAME = {spec.name: spec for spec in BUILT_IN}


def list_networks() -> list[NetworkSpec]:
    """The networks that have a name of their own; :func:`get_spec` knows more."""
    return list(BUILT_IN)


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
        - ``random:`` and a name of timm: seeded random weights, for tests only.

    Raises
    ------
    UnknownNetworkError
        If there is no such network; names the nearest that there is.
    WeightsUnavailableError
        If the description of a network on the hub is neither in the cache nor to be had.
    """
    if name in _BY_NAME:
        return _BY_NAME[name]
    kind, separator, rest = name.partition(":")
    if separator and kind == "hf" and rest:
        from .vit_transformers import transformers_spec

        return transformers_spec(rest)
    if os.path.basename(name) != name and Path(name).is_dir():
        from .vit_transformers import transformers_spec

        return transformers_spec(name)
    from .vit_timm import looks_like_timm, timm_spec

    if separator and kind in {"timm", "random"} and looks_like_timm(rest):
        if kind == "timm":
            return timm_spec(rest)
        spec = timm_spec(rest, name=name, source="random")
        return replace(spec, title=f"{rest} with random weights", note="Random weights: for tests only.")
    if looks_like_timm(name):
        return timm_spec(name)
    wanted = rest if separator and kind in {"timm", "random"} else name
    near = nearest_names(wanted)
    raise UnknownNetworkError(f"Unknown network {name!r}; the nearest that is known: {', '.join(near)}.")


def nearest_names(name: str, count: int = 3) -> list[str]:
    """Known names that look most like `name`, best first; never empty."""
    from .vit_timm import timm_names

    built_in = difflib.get_close_matches(name.lower(), list(_BY_NAME), n=1, cutoff=0.0)
    known = difflib.get_close_matches(name.lower(), [*_BY_NAME, *timm_names()], n=count, cutoff=0.5)
    if not known:
        return built_in
    return known if built_in[0] in known else [*known[: count - 1], *built_in]
