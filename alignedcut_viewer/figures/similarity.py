"""Where else is this? The likeness of one picked node to all others, laid over pictures (figure 6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..segmentation import upsample_scores
from .grid import kept_aspect
from .mosaic import chosen_images, pictures_of, spread_images
from .page import FIGURE_COLOUR, GROUND_COLOUR, PAGE_WIDTH, SMALL, Page, shortened
from .provenance import brief_provenance
from .text import line_height, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..nodes import NetworkNodes
    from ..study.cut import Cut
    from ..study.study import Study
    from .figure_ground import FigureGround

__all__ = ["heat_over", "picked_nodes", "similarity", "similarity_from_arrays", "similarity_of"]

_MAP = "inferno"


def similarity(
    study: Study,
    cut: Cut,
    *,
    nodes: Sequence[int] | None = None,
    networks: Sequence[str] | None = None,
    layers: Sequence[int] | None = None,
    query: Sequence[tuple[int, float, float]] | None = None,
    images: Iterable[int] | None = None,
    figure_ground: FigureGround | None = None,
    features: Any = None,
    max_images: int = 8,
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw the cosine similarity of picked tokens to all tokens of some pictures, at the same layer.

    Parameters
    ----------
    study, cut
        The study and one of its cuts.
    nodes
        The picked tokens, one a row; by default those of `query`, else one of the figure and one of the ground of the
        first picture.
    networks, layers
        Where tokens are picked if `nodes` is None; by default in each network, two thirds up.
    query
        Pixels (image, x, y) from the upper left corner of the picture, whose tokens are picked.
    images
        Image numbers, from left to right; by default some spread over the cut. Those of `nodes` come first.
    figure_ground
        For the default choice of nodes; without it, tokens in the middle and in the corner are picked.
    features
        (N, D) aligned features of the cut's nodes, an array or a stream with ``rows(nodes)``; without them,
        eigenvectors are compared.
    max_images
        How many pictures where `images` is None.
    width
        In inches.

    Raises
    ------
    InputError
        If nodes or images are not part of the cut, or no picture can be read.
    """
    index = cut.index
    numbers = spread_images(index, max_images) if images is None else chosen_images(index, images, max_images)
    if nodes is None:
        picks = picked_nodes(study, cut, figure_ground, numbers[0], networks, layers, query)
    else:
        picks = [int(node) for node in nodes]
    places = [index.locate(node) for node in picks]
    if any(int(place.row) < 0 for place in places):
        raise InputError("A class token lies nowhere in its picture; pick a patch.")
    own = list(dict.fromkeys(int(place.image) for place in places))
    numbers = [*own, *(number for number in numbers if number not in own)][: max(len(numbers), len(own))]
    found, problems = pictures_of(study, cut, numbers)
    kept = [(n, picture) for n, picture in zip(numbers, found, strict=True) if picture is not None]
    numbers, pictures = [n for n, _ in kept], [picture for _, picture in kept]
    if not pictures or any(number not in numbers for number in own):
        raise InputError("The pictures of the picked tokens cannot be read any more.")
    maps, labels, picked, colours = [], [], [], []
    for node, place in zip(picks, places, strict=True):
        network, layer = index.networks[int(place.network)], int(place.layer)
        maps.append(similarity_of(cut, features, node, numbers))
        grid = index.grid(network.name, layer)
        kind = "" if figure_ground is None else {1: "figure", 0: "ground"}.get(int(figure_ground.labels[node]), "")
        labels.append("\n".join(part for part in (network.name, f"layer {layer}", kind) if part))
        y, x = (int(place.row) + 0.5) / grid.rows, (int(place.column) + 0.5) / grid.columns
        picked.append((numbers.index(int(place.image)), y, x))
        colours.append({"figure": FIGURE_COLOUR, "ground": GROUND_COLOUR}.get(kind, "#00E5FF"))
    what = "aligned features" if features is not None else "eigenvectors"
    note = [f"Cosine of {what} to those of the ringed token, within its layer; each row has its own scale."]
    if figure_ground is not None:
        note.append(figure_ground.source)
    return similarity_from_arrays(
        pictures,
        maps,
        labels,
        picked,
        colours=colours,
        note="\n".join([*note, brief_provenance(study, cut), *problems]),
        width=width,
    )


def similarity_of(cut: Cut, features: Any, node: int, images: Sequence[int]) -> list[NDArray[np.floating]]:
    """Cosine of a node to the patches of some pictures at its layer: (rows, columns) for each picture."""
    from ..concepts import cosine_similarity

    place = cut.index.locate(node)
    network, layer = cut.index.networks[int(place.network)], int(place.layer)
    wanted = np.concatenate([_range(cut.index.patch_slice(network.name, layer, number)) for number in images])
    rows = _rows(features if features is not None else cut.eigenvectors, np.append(wanted, node))
    values = cosine_similarity(rows[:-1], rows[-1])
    grid = cut.index.grid(network.name, layer)
    return list(values.reshape(len(images), grid.rows, grid.columns))


def picked_nodes(
    study: Study,
    cut: Cut,
    figure_ground: FigureGround | None,
    image: int,
    networks: Sequence[str] | None,
    layers: Sequence[int] | None,
    query: Sequence[tuple[int, float, float]] | None,
) -> list[int]:
    """Tokens at the pixels of `query`, else one deep inside the figure and one deep inside the ground of a picture.

    Raises
    ------
    InputError
        If a network, layer or image is not part of the cut, or a pixel lies outside of its picture.
    """
    index = cut.index
    picks: list[int] = []
    for network in index.networks if networks is None else [index.network(name) for name in networks]:
        for layer in [network.layers[2 * len(network.layers) // 3]] if layers is None else layers:
            index.slot_slice(network.name, layer)  # says what is missing
            if query is None:
                picks += _usual_picks(cut, figure_ground, image, network, layer)
                continue
            for number, x, y in query:
                height, width = study.picture_size(number)
                if not (0 <= x < width and 0 <= y < height):
                    raise InputError(
                        f"The pixel {x:g},{y:g} lies outside of picture {number}, which is {width} × {height} pixels."
                    )
                picks.append(index.node_at(network.name, layer, number, y=y / height, x=x / width))
    return picks


def _usual_picks(
    cut: Cut, figure_ground: FigureGround | None, image: int, network: NetworkNodes, layer: int
) -> list[int]:
    """The token deepest inside the figure of a picture and that deepest inside its ground."""
    from scipy import ndimage

    picks = []
    tokens = cut.index.patch_slice(network.name, layer, image)
    grid = cut.index.grid(network.name, layer)
    down, across = grid.rows // 4, grid.columns // 4
    labels = np.zeros((grid.rows, grid.columns), dtype=np.int8)
    labels[down : grid.rows - down, across : grid.columns - across] = 1
    if figure_ground is not None:
        labels = figure_ground.labels[tokens].reshape(grid.rows, grid.columns)
    for label in (1, 0):
        if (labels == label).any():
            # borders count as edges, so that the token lies well inside the picture too
            depth = ndimage.distance_transform_edt(np.pad(labels == label, 1))[1:-1, 1:-1]
            picks.append(tokens.start + int(depth.argmax()))
    return picks


def _range(part: slice) -> NDArray[np.int64]:
    return np.arange(part.start, part.stop, dtype=np.int64)


def _rows(features: Any, nodes: NDArray[np.int64]) -> NDArray[np.float32]:
    if hasattr(features, "rows") and callable(features.rows):
        return np.asarray(features.rows(nodes), dtype=np.float32)
    return np.asarray(features[nodes], dtype=np.float32)


def heat_over(
    picture: NDArray[np.uint8], values: NDArray[np.floating], low: float, high: float, *, opacity: float = 0.75
) -> NDArray[np.uint8]:
    """Lay values of tokens over a grey picture as heat.

    Parameters
    ----------
    picture
        uint8 (H, W, 3).
    values
        (rows, columns).
    low, high
        Values of the first and last colour.
    opacity
        Of the colours, from 0 to 1.
    """
    from matplotlib import colormaps

    smooth = upsample_scores(values, picture.shape[:2]).astype(np.float32)
    colours = colormaps[_MAP]
    table = (255 * opacity * np.asarray(colours(np.arange(colours.N)))[:, :3]).astype(np.float32)
    share = (smooth - np.float32(low)) * np.float32(colours.N / max(high - low, 1e-12))
    heat = table[np.clip(share, 0, colours.N - 1).astype(np.intp)]
    heat += np.float32(1 - opacity) * picture.mean(-1, keepdims=True, dtype=np.float32)
    shown: NDArray[np.uint8] = np.rint(heat, out=heat).astype(np.uint8)
    return shown


def similarity_from_arrays(
    pictures: Sequence[NDArray[np.uint8]],
    maps: Sequence[Sequence[NDArray[np.floating]]],
    labels: Sequence[str],
    picked: Sequence[tuple[int, float, float]],
    *,
    limits: tuple[float, float] | None = None,
    colours: Sequence[str] | None = None,
    title: str = "Where else is this? Cosine similarity to the marked token",
    note: str = "",
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw pictures, and below them a row of heat maps for each picked node.

    Parameters
    ----------
    pictures
        uint8 (H, W, 3), one a column.
    maps
        For each row one (rows, columns) map a picture.
    labels
        Of the rows.
    picked
        For each row which picture (its position) the picked node is in, and where: y and x as fractions.
    limits
        Values of the first and last colour of all rows; by default each row's own 2 % and 100 %.
    colours
        Of each row's mark.
    title, note, width
        See :class:`~alignedcut_viewer.figures.page.Page`.

    Raises
    ------
    InputError
        If there is nothing to draw, or parts do not fit.
    """
    if not pictures or not maps or len(maps) != len(labels) or len(maps) != len(picked):
        raise InputError("A similarity figure needs pictures, and for each row maps, a label and a picked place.")
    if any(len(row) != len(pictures) for row in maps):
        raise InputError(f"Each row needs {len(pictures)} maps, one a picture.")
    left = min(max(text_width(word, SMALL) for text in labels for word in text.splitlines()), 0.95) + 0.08
    gap, right = 0.03, 0.4
    each = (width - 0.14 - left - right - gap * (len(pictures) - 1)) / len(pictures)
    high = each * kept_aspect(float(np.median([p.shape[0] / p.shape[1] for p in pictures])))
    page = Page((len(maps) + 1) * (high + 0.05), width=width, title=title, note=note)
    shown = [_filled(picture, high / each) for picture in pictures]
    crops = [_crop(picture, high / each) for picture in pictures]
    for column, picture in enumerate(shown):
        page.picture(picture, left + column * (each + gap), 0, each, high, label=f"picture {column}")
    marks = list(colours) if colours is not None else ["#00E5FF"] * len(maps)
    from matplotlib import colormaps

    strip = colormaps[_MAP](np.linspace(0, 1, 128))
    for number, (row, text, (where, y, x)) in enumerate(zip(maps, labels, picked, strict=True)):
        top = (number + 1) * (high + 0.05)
        every = np.concatenate([np.asarray(values, dtype=np.float64).ravel() for values in row])
        low, most = limits if limits is not None else (float(np.quantile(every, 0.02)), float(every.max()))
        for line, words in enumerate(text.splitlines()):
            page.text(0, top + line * line_height(SMALL), shortened(words, SMALL, left - 0.05), SMALL)
        for column, (picture, values) in enumerate(zip(pictures, row, strict=True)):
            heat = _filled(heat_over(_small(picture), np.asarray(values), low, most), high / each)
            axes = page.picture(heat, left + column * (each + gap), top, each, high, label=f"{text} {column}")
            if column == where:
                _mark(axes, heat.shape, crops[column], y, x, marks[number])
        ticks = [(0.0, f"{low:.2f}".replace("-", "−")), (1.0, f"{most:.2f}".replace("-", "−"))]
        bar = page.colour_bar(page.width - right + 0.07, top + 0.05, 0.07, high - 0.1, strip, ticks)
        bar.set_label(f"scale of {text}")
    for number, (where, y, x) in enumerate(picked):
        axes = page.figure.axes[where]
        _mark(axes, shown[where].shape, crops[where], y, x, marks[number])
    return page.finished()


def _mark(
    axes: Axes, shape: tuple[int, ...], crop: tuple[float, float, float, float], y: float, x: float, colour: str
) -> None:
    top, left, high, wide = crop
    row, column = (y - top) / high * shape[0] - 0.5, (x - left) / wide * shape[1] - 0.5
    axes.plot(column, row, "o", ms=6, mfc="none", mec="black", mew=2.0)
    axes.plot(column, row, "o", ms=6, mfc="none", mec=colour, mew=1.1)


def _small(picture: NDArray[np.uint8], largest: int = 320) -> NDArray[np.uint8]:
    from PIL import Image

    scale = min(1.0, largest / max(picture.shape[:2]))
    size = max(round(picture.shape[1] * scale), 1), max(round(picture.shape[0] * scale), 1)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def _crop(picture: NDArray[np.uint8], aspect: float) -> tuple[float, float, float, float]:
    """Top, left, height and width, as fractions, of the middle part that has a shape."""
    own = picture.shape[0] / picture.shape[1]
    if own > aspect:
        share = aspect / own
        return (1 - share) / 2, 0.0, share, 1.0
    share = own / aspect
    return 0.0, (1 - share) / 2, 1.0, share


def _filled(picture: NDArray[np.uint8], aspect: float) -> NDArray[np.uint8]:
    """The middle part of a picture that fills a box of that height to width."""
    small = _small(picture)
    top, left, high, wide = _crop(small, aspect)
    rows, columns = small.shape[:2]
    part = small[
        round(top * rows) : max(round((top + high) * rows), round(top * rows) + 1),
        round(left * columns) : max(round((left + wide) * columns), round(left * columns) + 1),
    ]
    return np.ascontiguousarray(part)
