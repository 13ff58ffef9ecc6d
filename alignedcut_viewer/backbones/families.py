"""Families of networks, each named here once, and those of other packages. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from ..plugins import contributed
from .spec import BUILT_IN, Announce, NetworkSpec

if TYPE_CHECKING:
    from torch import nn

    from .backbone import Backbone

__all__ = ["ENTRY_POINTS", "NetworkFamily", "families", "family_of"]

ENTRY_POINTS = "alignedcut_viewer.networks"
"""Group of entry points by which other packages add networks; each names a :class:`NetworkFamily`."""

Loaded = tuple["nn.Module", str]


@dataclass(frozen=True)
class NetworkFamily:
    """Networks that are built, loaded and tapped in one way.

    The last three are ``"package.module:object"``, so that networks are listed without importing what runs them.

    Attributes
    ----------
    name
        The `source` of its specs.
    specs
        Networks with a name of their own, for lists.
    adapter
        A subclass of :class:`~alignedcut_viewer.backbones.Backbone`: how a model is run, and where its taps lie.
    load
        ``load(spec, (height, width), file, announce)`` returns the model on the CPU in single precision with its
        weights, and half a sentence on where they came from; from a checkpoint where `file` is not None. It raises
        ``WeightsUnavailableError`` where there are none, and calls `announce` with one line for the user.
    find
        ``find(name)`` returns the spec of any further name, or None; "" where there are no others.
    more_sources
        Other values of `source` that are of this family.
    """

    name: str
    specs: tuple[NetworkSpec, ...]
    adapter: str
    load: str
    find: str = ""
    more_sources: tuple[str, ...] = ()

    @property
    def adapter_class(self) -> type[Backbone]:
        """What :attr:`adapter` names."""
        found: type[Backbone] = resolve_name(self.adapter)
        return found

    @property
    def loader(self) -> Callable[[NetworkSpec, tuple[int, int], Path | None, Announce], Loaded]:
        """What :attr:`load` names."""
        found: Callable[[NetworkSpec, tuple[int, int], Path | None, Announce], Loaded] = resolve_name(self.load)
        return found

    def find_spec(self, name: str) -> NetworkSpec | None:
        """The spec of a name that is not among :attr:`specs`, or None."""
        found: NetworkSpec | None = resolve_name(self.find)(name) if self.find else None
        return found


_TRANSFORMERS = NetworkFamily(
    "transformers",
    specs=(),
    adapter=f"{__package__}.vit_transformers:TransformersBackbone",
    load=f"{__package__}.vit_transformers:load_with_weights",
    find=f"{__package__}.vit_transformers:find_spec",
)
_DIFFUSERS = NetworkFamily(
    "diffusers",
    specs=(),
    adapter=f"{__package__}.unet_diffusers:DiffusionBackbone",
    load=f"{__package__}.diffusion_weights:load_with_weights",
    find=f"{__package__}.diffusion_weights:find_spec",
)
_TIMM = NetworkFamily(
    "timm",
    specs=BUILT_IN,
    adapter=f"{__package__}.vit_timm:TimmBackbone",
    load=f"{__package__}.timm_weights:load_with_weights",
    find=f"{__package__}.timm_weights:find_spec",
    more_sources=("checkpoint", "random"),
)


def families() -> tuple[NetworkFamily, ...]:
    """All families, in the order in which they are asked for a name; timm, which knows most names, comes last."""
    own = (_TRANSFORMERS, _DIFFUSERS, _TIMM)
    others = contributed(ENTRY_POINTS, NetworkFamily, taken=[family.name for family in own])
    return (_TRANSFORMERS, _DIFFUSERS, *others, _TIMM)


def family_of(spec: NetworkSpec) -> NetworkFamily:
    """The family that a spec is of."""
    return next(family for family in families() if spec.source in (family.name, *family.more_sources))
