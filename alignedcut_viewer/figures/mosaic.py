"""Pictures × layers × networks in AlignedCut colours: the paper's figure 4."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, PictureError
from .grid import Columns, draw_grid
from .provenance import cut_provenance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..nodes import NodeIndex
    from ..study.cut import Cut
    from ..study.study import Study

__all__ = ["chosen_images", "eigenvectors_figure", "mosaic", "mosaic_from_arrays", "pictures_of", "spread_images"]

ColourMap = NDArray[np.uint8]


def mosaic_from_arrays(
    pictures: Sequence[NDArray[np.uint8] | None],
    colour_maps: Sequence[Sequence[Sequence[ColourMap | None]]],
    *,
    titles: Sequence[str],
    column_labels: Sequence[Sequence[str]],
    column_name: str = "layer",
    row_labels: Sequence[str] | None = None,
    smooth: bool = False,
    note: str = "",
    width: float | None = None,
) -> Figure:
    """Draw pictures with their colour maps beside them.

    Parameters
    ----------
    pictures
        One a row, uint8 ``(H, W, 3)``; rows take the shape of their picture. None leaves the place grey.
    colour_maps
        ``colour_maps[group][row][column]`` is uint8 ``(rows, columns, 3)``, or None for a grey place.
    titles
        One a group, such as the name of a network.
    column_labels
        For each group one a column, such as the number of a layer.
    column_name
        What the column labels count; stands below the pictures.
    row_labels
        Names at the left, one a row.
    smooth
        Whether colours are interpolated between tokens.
    note
        Small print at the bottom.
    width
        In inches; see :func:`~alignedcut_viewer.figures.grid.draw_grid`.

    Raises
    ------
    InputError
        If there is nothing to draw, or parts do not fit.
    """
    if not len(titles) == len(column_labels) == len(colour_maps):
        raise InputError(f"{len(colour_maps)} groups of columns need as many titles and lists of labels.")
    aspects = [1.0 if picture is None else picture.shape[0] / picture.shape[1] for picture in pictures]
    groups = [Columns("", (column_name,), [[picture] for picture in pictures], "picture")]
    groups += [
        Columns(title, tuple(labels), maps, "smooth" if smooth else "blocky")
        for title, labels, maps in zip(titles, column_labels, colour_maps, strict=True)
    ]
    return draw_grid(groups, aspects, row_labels=row_labels, note=note, width=width)


def mosaic(
    study: Study,
    cut: str | Cut = "default",
    images: Iterable[int] | None = None,
    networks: Iterable[str] | None = None,
    layers: Iterable[int] | Mapping[str, Iterable[int]] | None = None,
    smooth: bool = False,
    *,
    max_images: int = 16,
    names: bool = False,
    width: float | None = None,
) -> Figure:
    """Draw the AlignedCut colours of a study: one row per picture, one column per layer, grouped by network (figure 4).

    Parameters
    ----------
    study
        The study.
    cut
        One of its cuts, or its name.
    images
        Image numbers, from top to bottom; by default the first of the cut.
    networks
        Names of feature sets of the cut, from left to right; by default all.
    layers
        Layer numbers from 0, for all networks or by network; by default all of the cut. Of one list for all networks,
        each takes those that it has.
    smooth
        Whether colours are interpolated between tokens.
    max_images
        How many pictures are drawn where `images` is None.
    names
        Whether the names of the pictures stand at the left.
    width
        In inches; by default 7 or less, more where layers would become too small to see.

    Returns
    -------
    matplotlib.figure.Figure
        With small print: how the cut was made, where each network's weights came from.

    Raises
    ------
    StudyError
        If the study has no such cut.
    InputError
        If images, networks or layers are not part of it.
    """
    chosen = study.cut(cut) if isinstance(cut, str) else cut
    index = chosen.index
    numbers = chosen_images(index, images, max_images)
    slots = _chosen_layers(index, networks, layers)
    pictures, problems = pictures_of(study, chosen, numbers)
    maps = [
        [[chosen.colour_map(network, layer, image) for layer in held] for image in numbers]
        for network, held in slots.items()
    ]
    note = cut_provenance(study, chosen, list(slots))
    return mosaic_from_arrays(
        pictures,
        maps,
        titles=list(slots),
        column_labels=[[str(layer) for layer in held] for held in slots.values()],
        row_labels=[study.pictures.names[image] for image in numbers] if names else None,
        smooth=smooth,
        note="\n".join([note, *problems]),
        width=width,
    )


def eigenvectors_figure(
    study: Study,
    network: str,
    layer: int,
    cut: str | Cut = "default",
    images: Iterable[int] | None = None,
    smooth: bool = False,
    *,
    n_eigenvectors: int = 10,
    max_images: int = 16,
    width: float | None = None,
) -> Figure:
    """Draw the leading eigenvectors on the pictures at one layer: blue is negative, white zero, red positive.

    Parameters
    ----------
    study, cut, images, smooth, max_images, width
        As for :func:`mosaic`.
    network, layer
        Where.
    n_eigenvectors
        How many columns at most. Each has a scale of its own, the same for all pictures.

    Raises
    ------
    StudyError
        If the study has no such cut.
    InputError
        If images, network or layer are not part of it.
    """
    chosen = study.cut(cut) if isinstance(cut, str) else cut
    numbers = chosen_images(chosen.index, images, max_images)
    pictures, problems = pictures_of(study, chosen, numbers)
    values = [chosen.eigenvector_map(network, layer, image)[..., :n_eigenvectors] for image in numbers]
    largest = np.max([np.abs(value).max((0, 1)) for value in values], axis=0)
    largest = np.where(largest > 0, largest, 1)
    maps = [[_blue_white_red(value[..., i] / largest[i]) for i in range(len(largest))] for value in values]
    return mosaic_from_arrays(
        pictures,
        [maps],
        titles=[f"{network}, layer {layer}"],
        column_labels=[[str(i) for i in range(len(largest))]],
        column_name="eigenvector",
        smooth=smooth,
        note="\n".join([cut_provenance(study, chosen, [network], colours=False), *problems]),
        width=width,
    )


def _blue_white_red(values: NDArray[np.floating]) -> ColourMap:
    """Numbers from -1 to 1 as colours."""
    share = np.clip(np.abs(values), 0, 1)[..., None]
    ends = np.where((values < 0)[..., None], np.array([33, 102, 172]), np.array([178, 24, 43]))
    return np.asarray(np.rint(247 + share * (ends - 247.0)), dtype=np.uint8)


def chosen_images(index: NodeIndex, images: Iterable[int] | None, max_images: int) -> list[int]:
    """Image numbers to draw.

    Raises
    ------
    InputError
        If one is not part of the index, or there is none.
    """
    if max_images < 1:
        raise InputError(f"A figure needs at least one picture; got max_images = {max_images}.")
    numbers = [int(i) for i in images] if images is not None else list(index.images[:max_images])
    missing = sorted(set(numbers) - set(index.images))
    if missing:
        raise InputError(f"Image {missing[0]} is not part of this cut, which holds {len(index.images)} images.")
    if not numbers:
        raise InputError("There is nothing to draw: choose at least one image.")
    return numbers


def spread_images(index: NodeIndex, count: int) -> list[int]:
    """Some image numbers of an index, evenly spread: data sets are often sorted by category."""
    places = np.unique(np.linspace(0, len(index.images) - 1, max(min(count, len(index.images)), 1)).round().astype(int))
    return [index.images[place] for place in places]


def _chosen_layers(
    index: NodeIndex, networks: Iterable[str] | None, layers: Iterable[int] | Mapping[str, Iterable[int]] | None
) -> dict[str, list[int]]:
    """Layers to draw of each network, in the order asked for."""
    names = [network.name for network in index.networks] if networks is None else list(networks)
    wanted = list(layers) if layers is not None and not isinstance(layers, Mapping) else None
    slots: dict[str, list[int]] = {}
    for name in names:
        held = list(index.network(name).layers)
        if isinstance(layers, Mapping):
            for layer in layers.get(name, ()):
                index.slot_slice(name, layer)  # says what is missing
            held = sorted(set(layers.get(name, held)))
        elif wanted is not None:
            held = [layer for layer in held if layer in wanted]
        if held:
            slots[name] = held
    if not slots:
        raise InputError(f"None of the layers {wanted} is part of this cut; its layers are counted from 0.")
    return slots


def pictures_of(study: Study, cut: Cut, images: Sequence[int]) -> tuple[list[NDArray[np.uint8] | None], list[str]]:
    """Pictures of a cut, None where the file is gone by now, and sentences on what is amiss with them."""
    pictures: list[NDArray[np.uint8] | None] = []
    problems = [] if study.is_current(cut) else ["Note: pictures have changed since this was computed."]
    for image in images:
        try:
            pictures.append(study.picture(image))
        except PictureError:
            pictures.append(None)
            problems.append(f"Note: the file of {study.pictures.names[image]} cannot be read any more.")
    return pictures, problems
