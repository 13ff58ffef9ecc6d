"""Which panels stand where, for each thing one does. Knows neither Qt nor napari.

A workspace names panels by their roles around the picture. How they are arranged follows from the size of the screen:
what has no column of its own becomes a tab of the panels at the right.
"""

from collections.abc import Collection
from dataclasses import dataclass

__all__ = ["KINDS", "NAPARI_PANELS", "TALL", "WORKSPACES", "Group", "Workspace", "arrange", "kind_of"]

WIDE = 1500
"""Logical pixels of width from which there is room for a column at the left."""

TALL = 900
"""Logical pixels of height from which two panels stand one above the other, and a strip below the picture."""

NAPARI_PANELS = ("layer list", "layer controls")
"""Names of the docks that napari itself has at the left."""

KINDS = {
    "Study": "side",
    "Selection": "side",
    "Help": "side",
    "Contact sheet": "below",
    "Side by side": "below",
}
"""Where a panel belongs that is opened by hand; all others are at the right."""


@dataclass(frozen=True)
class Workspace:
    """Panels by their roles around the picture.

    Attributes
    ----------
    name
        In the bar and in the menu.
    purpose
        What one does there, in a few words.
    main
        At the right, the first in front.
    second
        Below them, where there is room.
    side
        At the left, where there is room.
    below
        Under the picture, where there is room.
    share
        Of the width of the window that those at the right have.
    """

    name: str
    purpose: str
    main: tuple[str, ...]
    second: tuple[str, ...] = ()
    side: tuple[str, ...] = ("Selection",)
    below: tuple[str, ...] = ()
    share: float = 0.34

    @property
    def panels(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys((*self.main, *self.second, *self.side, *self.below)))


WORKSPACES = (
    Workspace(
        "Look",
        "pictures, what is similar, and where else it is",
        main=("Trajectories",),
        second=("Concepts",),
        below=("Contact sheet",),
    ),
    Workspace("Map", "all tokens on one plane, and their paths", main=("Trajectories",), share=0.5),
    Workspace("Brain", "which regions the selection activates", main=("Brain",), share=0.42),
    Workspace("Concepts", "groups of pixels, and what becomes of them", main=("Concepts",), below=("Contact sheet",)),
    Workspace("Segments", "masks of the pictures", main=("Segments",), side=("Selection",)),
    Workspace("Compute", "pictures, networks, settings, export", main=("Study",), side=()),
)


@dataclass(frozen=True)
class Group:
    """Panels that share one place as tabs.

    Attributes
    ----------
    area
        ``"left"``, ``"right"`` or ``"bottom"``.
    panels
        Their names; the first is in front.
    """

    area: str
    panels: tuple[str, ...]


def arrange(workspace: Workspace, width: int, height: int, known: Collection[str]) -> list[Group]:
    """The groups of a workspace in a window of some size.

    Parameters
    ----------
    workspace
        The workspace.
    width, height
        Of the window in logical pixels.
    known
        Names of the panels that there are; others are passed over.

    Returns
    -------
    list of Group
        From left to right and from top to bottom.
    """

    def there(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name in known)

    main, second, side, below = (there(n) for n in (workspace.main, workspace.second, workspace.side, workspace.below))
    groups = []
    if width >= WIDE:
        groups.append(Group("left", (*side, *NAPARI_PANELS)))
    else:
        main = (*main, *side)
    if height >= TALL:
        groups += [Group("right", main), *([Group("right", second)] if second else [])]
        groups += [Group("bottom", below)] if below else []
    else:
        groups.append(Group("right", tuple(dict.fromkeys((*main, *second, *below)))))
    return groups


def kind_of(panel: str, width: int, height: int) -> str:
    """The area where a panel goes that is opened by hand, in a window of some size."""
    kind = KINDS.get(panel, "main")
    if kind == "side" and width >= WIDE:
        return "left"
    if kind == "below" and height >= TALL:
        return "bottom"
    return "right"
