"""A study of any size with planted concepts, written straight to disk: what the window's speed is measured on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.nodes import NetworkNodes, NodeIndex
from alignedcut_viewer.study import Study
from alignedcut_viewer.study.cut_names import COLOUR, CUTS, MAP, attach_to_cut

__all__ = ["write_planted_study"]

N_CONCEPTS = 12
GROUP = "cut-planted"


def write_planted_study(
    folder: Path,
    n_pictures: int,
    *,
    layers: int = 12,
    side: int = 14,
    n_components: int = 20,
    pixels: int = 64,
    networks: tuple[str, ...] = ("planted",),
    seed: int = 0,
) -> Path:
    """Write pictures of coloured noise and a cut in which every token belongs to one of twelve concepts.

    Parameters
    ----------
    folder
        Where to write; the pictures go beside the study.
    n_pictures, layers, side, networks
        Pictures, layers of each network, rows and columns of tokens, and names of the networks.
    n_components
        Number of eigenvectors.
    pixels
        Height and width of the pictures.
    seed
        Seed of the noise.

    Returns
    -------
    Path
        The study, with a cut named ``default`` and its planar map.
    """
    rng = np.random.default_rng(seed)
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    for number in range(n_pictures):
        small = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(small).resize((pixels, pixels), Image.Resampling.BICUBIC).save(pictures / f"{number:05d}.jpg")
    index = NodeIndex([NetworkNodes(name, tuple(range(layers)), side, side, False) for name in networks], n_pictures)
    concept = rng.integers(0, N_CONCEPTS, len(index), dtype=np.int8)
    centres = rng.standard_normal((N_CONCEPTS, n_components), dtype=np.float32)
    eigenvectors = rng.standard_normal((len(index), n_components), dtype=np.float32)
    eigenvectors *= np.float32(0.3)
    eigenvectors += centres[concept]
    palette = rng.integers(0, 256, (N_CONCEPTS, 3), dtype=np.uint8)
    places = rng.standard_normal((len(index), 2), dtype=np.float32)
    places += 8 * rng.standard_normal((N_CONCEPTS, 2), dtype=np.float32)[concept]
    path = folder / "planted.zarr"
    with Study.create(path, open_pictures(str(pictures))) as study:
        store, cut = study.store, f"{CUTS}/{GROUP}"
        recipe = {"gamma": 1.0, "method": "planted", "alignment": None, "settings": {}, "pictures": "planted"}
        attributes = {"recipe": recipe, "index": index.as_dict(), "alignment": None, "warnings": []}
        with store.building(cut, attributes):
            store.save_array(f"{cut}/eigenvectors", eigenvectors)
            store.save_array(f"{cut}/eigenvalues", np.linspace(1, 0, n_components))
        colour, planar = f"{COLOUR}-planted", f"{MAP}-planted"
        with store.building(f"{cut}/{colour}", {"recipe": {"settings": {}, "method": "planted"}}):
            store.save_array(f"{cut}/{colour}/embedding", centres[:, :3][concept])
            store.save_array(f"{cut}/{colour}/rgb", palette[concept])
        study.publish_cut("default", GROUP, colour)
        with store.building(f"{cut}/{planar}", {"recipe": {"settings": {}, "method": "planted"}}):
            store.save_array(f"{cut}/{planar}/places", places)
        attach_to_cut(store, "default", MAP, planar)
    return path
