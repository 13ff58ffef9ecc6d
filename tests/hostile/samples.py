"""One valid file of each kind that is read, small, and how it is read and used."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

__all__ = ["JSON_SAMPLES", "SAMPLES", "Sample"]


@dataclass(frozen=True)
class Sample:
    """A kind of file.

    Attributes
    ----------
    name
        Of the file, with its ending.
    make
        Writes a valid one.
    use
        Reads it as the program does, to the end.
    """

    name: str
    make: Callable[[Path], None]
    use: Callable[[Path], object]


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _photograph() -> Image.Image:
    return Image.fromarray(_rng().integers(0, 255, (12, 17, 3), dtype=np.uint8))


def _picture(mode: str, **options: Any) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        _photograph().convert(mode).save(path, **options)

    return make


def _animation(path: Path) -> None:
    frames = [_photograph().rotate(angle) for angle in (0, 90, 180)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def _deep_tiff(path: Path) -> None:
    import tifffile

    tifffile.imwrite(path, _rng().integers(0, 60_000, (9, 11), dtype=np.uint16), compression="zlib")


def _deep_png(path: Path) -> None:
    Image.fromarray(_rng().integers(0, 60_000, (9, 11), dtype=np.uint16)).save(path)


def _see(path: Path) -> object:
    from alignedcut_viewer.images.decoding import decode, read_size

    size = read_size(path)
    return size, decode(path.read_bytes(), path)


def _labels() -> np.ndarray[Any, np.dtype[np.int32]]:
    labels = np.zeros((12, 17), dtype=np.int32)
    labels[2:7, 3:9], labels[8:, :] = 1, 2
    return labels


def _mask_png(path: Path) -> None:
    Image.fromarray(_labels().astype(np.uint8)).save(path)


def _see_mask(path: Path) -> object:
    from alignedcut_viewer.images.masks import load_mask

    return load_mask(path), load_mask(path, size=(12, 17))


def _exported(kind: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        from alignedcut_viewer.segmentation import export_masks
        from alignedcut_viewer.segmentation.formats import LabelledMask

        folder = path.parent / f"made-{path.stem}"
        written = export_masks(
            folder, ["p"], [LabelledMask(_labels(), {1: 0.5, 2: 0.9})], picture_files=["p.png"], formats=(kind,)
        )
        path.write_bytes(next(file for file in written if file.suffix == path.suffix).read_bytes())

    return make


def _read_masks(path: Path) -> object:
    from alignedcut_viewer.segmentation import read_masks

    return list(read_masks(path))


def _npy(path: Path) -> None:
    np.save(path, _rng().standard_normal((4, 5)).astype(np.float32))


def _map_npy(path: Path) -> object:
    from alignedcut_viewer.brain.arrays import map_npy

    return float(np.asarray(map_npy(path), dtype=float).sum())


def _brain_npz(path: Path) -> None:
    rng = _rng()
    for number in range(4):
        Image.fromarray(np.full((6, 6, 3), number, np.uint8)).save(path.parent / f"b{number}.png")
    np.savez(
        path,
        files=np.array([f"b{number}.png" for number in range(4)]),
        responses=rng.standard_normal((4, 6)).astype(np.float32),
        roi=np.array(["V1", "V1", "V2", "FFA", "", "EBA"]),
        hemisphere=np.array(list("llrrlr")),
    )


def _brain_csv(path: Path) -> None:
    rows = ["picture,V1,V2,FFA"] + [f"b{number}.png,{number}.5,{-number},{number * number}" for number in range(4)]
    path.write_text("\n".join(rows), encoding="utf-8")


def _open_brain(path: Path) -> object:
    from alignedcut_viewer.brain import open_brain_data

    data = open_brain_data(path)
    return data.responses[:2], data.pictures, data.rois


def _mat(path: Path) -> None:
    from scipy.io import savemat

    cells = np.empty((1, 2), dtype=object)
    for number in range(2):
        cells[0, number] = {"Segmentation": _labels().astype(np.uint16), "Boundaries": (_labels() > 0).astype(np.uint8)}
    savemat(path, {"groundTruth": cells})


def _open_bsds(path: Path) -> object:
    from alignedcut_viewer.images.benchmark_sets import open_benchmark

    root = path.parent / "bsds"
    pictures, truths = root / "images" / "test", root / "groundTruth" / "test"
    pictures.mkdir(parents=True, exist_ok=True)
    truths.mkdir(parents=True, exist_ok=True)
    _photograph().save(pictures / "p.jpg")
    (truths / "p.mat").write_bytes(path.read_bytes())
    return [truth() for picture in open_benchmark(root, "bsds500").pictures for truth in picture.truths]


def _safetensors(path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({f"layer.{n}": np.eye(4, dtype=np.float32) for n in range(2)}, path)


def _matrices(path: Path) -> object:
    from alignedcut_viewer.alignment.matrix_import import import_matrices

    return import_matrices(path, [("vit", 0), ("vit", 1)])


def _npz_matrices(path: Path) -> None:
    np.savez(path, a=np.eye(4, dtype=np.float32), b=np.eye(4, dtype=np.float32))


def _torch_matrices(path: Path) -> None:
    import torch

    torch.save({"a": torch.eye(4), "b": torch.eye(4)}, path)


def _checkpoint(path: Path) -> object:
    from alignedcut_viewer.backbones.checkpoint import read_checkpoint

    return read_checkpoint(path)


def _alignment(path: Path) -> None:
    from alignedcut_viewer.alignment import ChannelAlignment
    from alignedcut_viewer.nodes import Slot

    ChannelAlignment({Slot("vit", 0): np.eye(4, dtype=np.float32)}, kind="brain", tap="attention").save(path)


def _open_alignment(path: Path) -> object:
    from alignedcut_viewer.alignment import ChannelAlignment

    return ChannelAlignment.load(path)


SAMPLES = (
    Sample("rgb.png", _picture("RGB"), _see),
    Sample("palette.png", _picture("P"), _see),
    Sample("deep.png", _deep_png, _see),
    Sample("photo.jpg", _picture("RGB"), _see),
    Sample("cmyk.jpg", _picture("CMYK"), _see),
    Sample("progressive.jpg", _picture("L", progressive=True), _see),
    Sample("cmyk.tif", _picture("CMYK"), _see),
    Sample("packed.tif", _picture("RGB", compression="tiff_lzw"), _see),
    Sample("deep.tif", _deep_tiff, _see),
    Sample("picture.webp", _picture("RGB"), _see),
    Sample("moving.webp", _animation, _see),
    Sample("picture.bmp", _picture("RGB"), _see),
    Sample("mask.png", _mask_png, _see_mask),
    Sample("mask.tif", _exported("tiff"), _see_mask),
    Sample("masks.npz", _exported("npz"), _read_masks),
    Sample("one.png", _exported("png"), _read_masks),
    Sample("one.tif", _exported("tiff"), _read_masks),
    Sample("cvat.xml", _exported("cvat"), _read_masks),
    Sample("values.npy", _npy, _map_npy),
    Sample("brain.npz", _brain_npz, _open_brain),
    Sample("brain.csv", _brain_csv, _open_brain),
    Sample("truth.mat", _mat, _open_bsds),
    Sample("matrices.safetensors", _safetensors, _matrices),
    Sample("matrices.npz", _npz_matrices, _matrices),
    Sample("matrices.pt", _torch_matrices, _matrices),
    Sample("weights.safetensors", _safetensors, _checkpoint),
    Sample("weights.pt", _torch_matrices, _checkpoint),
    Sample("alignment.safetensors", _alignment, _open_alignment),
)


def _session(path: Path) -> None:
    from alignedcut_viewer.network_nodes import NetworkNodes
    from alignedcut_viewer.nodes import NodeIndex
    from alignedcut_viewer.viewer.state.session_file import SessionState, write_session

    index = NodeIndex([NetworkNodes("vit", (0, 3), 2, 2)], [0, 1])
    state = SessionState(
        "study", "default", index, {"figure": np.array([0, 1, 5]), "ground": np.array([7])}, position=("vit", 0, 1)
    )
    state.camera = {"center": [1.0, 2.0], "zoom": 3.0}
    state.layers = {"Colours": {"visible": True, "opacity": 0.5}}
    state.panel_state = {"Brain": {"regions": ["V1"]}}
    write_session(path, state)


def _read_session(path: Path) -> object:
    from alignedcut_viewer.viewer.state.session_file import read_session

    state = read_session(path)
    return None if state.index is None else state.nodes_in(state.index)


JSON_SAMPLES = (
    Sample("coco.json", _exported("coco"), _read_masks),
    Sample("coco-polygons.json", _exported("coco-polygons"), _read_masks),
    Sample("label-studio.json", _exported("label-studio"), _read_masks),
    Sample("a.session.json", _session, _read_session),
)


def content_of(path: Path) -> Any:
    """What a JSON file says."""
    return json.load(io.BytesIO(path.read_bytes()))
