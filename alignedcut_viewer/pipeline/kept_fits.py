"""What a fit leaves behind beside its results, kept so that new pictures can be placed without fitting again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..store import Store

if TYPE_CHECKING:
    from ..spectral import NormalizedCut
    from ..spectral.fitted_state import FittedState

__all__ = ["FIT", "LANDMARKS", "keep_fit", "kept_fit"]

FIT = "fit"
"""Group inside that of the eigenvectors: the map from features to them."""

LANDMARKS = "landmarks"
"""Array beside colours and map: the nodes that t-SNE placed itself."""


def keep_fit(store: Store, path: str, engine: NormalizedCut) -> None:
    """Keep a fitted cut in the group of its eigenvectors.

    Parameters
    ----------
    store
        The study's store, open for writing.
    path
        The group.
    engine
        The cut, fitted.
    """
    state = engine.state()
    with store.building(f"{path}/{FIT}", {"description": state.description}):
        for name, values in state.arrays.items():
            store.save_array(f"{path}/{FIT}/{name}", values)


def kept_fit(store: Store, path: str) -> FittedState | None:
    """The fitted cut that a group of eigenvectors holds; None where an earlier version kept none, or it is damaged."""
    from ..spectral.fitted_state import FittedState

    group = f"{path}/{FIT}"
    if not store.intact(group):
        return None
    arrays = {name: store.view(f"{group}/{name}") for name in store.groups(group)}
    return FittedState(store.attributes(group)["description"], arrays)
