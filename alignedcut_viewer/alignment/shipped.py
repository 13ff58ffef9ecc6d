"""The alignments that travel with the package, for cases with too few pictures to fit one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..errors import StorageError
from ..resource_files import resource_path
from .channel_alignment import ChannelAlignment, read_description

__all__ = ["SHIPPED_FOLDER", "shipped_alignment", "shipped_alignments"]

SHIPPED_FOLDER = "alignments"


def shipped_alignments() -> list[Path]:
    """Files of all alignments that travel with the package, by name."""
    try:
        folder = resource_path(SHIPPED_FOLDER)
    except StorageError:
        return []
    return sorted(folder.glob("*.safetensors"))


def shipped_alignment(networks: str | Iterable[str], *, tap: str = "attention") -> ChannelAlignment | None:
    """The shipped alignment that covers some networks, if there is one.

    Parameters
    ----------
    networks
        Name or names of networks; an alignment must hold them all, for maps that were fitted apart lead into
        different spaces.
    tap
        What the features are.

    Returns
    -------
    ChannelAlignment or None
        The alignment, with the slots of these networks only; None where none is shipped. Of several that fit, the
        one with the fewest networks.
    """
    wanted = {networks} if isinstance(networks, str) else set(networks)
    fitting: list[tuple[int, Path]] = []
    for path in shipped_alignments():
        description = read_description(path)
        held = {entry["network"] for entry in description["slots"]}
        if description["tap"] == tap and wanted and wanted <= held:
            fitting.append((len(held), path))
    if not fitting:
        return None
    alignment = ChannelAlignment.load(min(fitting)[1])
    return alignment.subset(slot for slot in alignment.slots if slot.network in wanted)
