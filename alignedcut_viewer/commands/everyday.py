"""What the commands of ``alignedcut`` do. Functions are named after the commands, parameters after their options."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..pipeline.settings import AlignSettings, ColourSettings, CutSettings, ExtractSettings, MapSettings
from ..progress import span
from .align import align, align_export, align_import, simulate_brain
from .concepts import compare, concepts, figure_ground, transitions
from .figures import figures, report
from .progress_bar import progress_bar as _progress

__all__ = [
    "align",
    "align_export",
    "align_import",
    "compare",
    "concepts",
    "cut",
    "demo",
    "extract",
    "figure_ground",
    "figures",
    "networks",
    "report",
    "segment",
    "simulate_brain",
    "transitions",
    "view",
]


def _say(line: str) -> None:
    from tqdm import tqdm

    tqdm.write(line)


def _tell_skipped(skipped: dict[int, str]) -> None:
    if not skipped:
        return
    count = "1 picture was" if len(skipped) == 1 else f"{len(skipped)} pictures were"
    print(f"{count} skipped: " + " ".join(list(skipped.values())[:3]) + (" …" if len(skipped) > 3 else ""))


def networks() -> None:
    """Print the built-in networks."""
    from ..backbones import list_networks

    for spec in list_networks():
        size = f"{spec.input_size[0]} × {spec.input_size[1]} px"
        print(f"{spec.name:26}{spec.title}; {spec.n_layers} layers, {spec.width} channels, {size}; {spec.licence}")
        if spec.note:
            print(f"{'':26}{spec.note}")


def extract(
    pictures: Sequence[str],
    networks: Sequence[str],
    study: str,
    recursive: bool,
    layers: tuple[int, ...] | None,
    tap: str,
    size: Sequence[int] | None,
    weights: Sequence[str],
    device: str,
    precision: str,
    batch: int,
    storage: str,
    no_fallback: bool,
) -> None:
    """Features of pictures into a study."""
    settings = ExtractSettings(
        networks=tuple(networks),
        layers=layers,
        tap=tap,
        input_size=_size(size),
        weights=_weights(weights, networks),
        device=device,
        precision=precision,
        batch=batch,
        storage=storage,
        fallback=not no_fallback,
    )
    from .. import pipeline
    from ..images import open_pictures

    opened, images = pipeline.open_study(study, open_pictures(list(pictures), recursive=recursive))
    with opened, pipeline.removed_if_empty(opened), _progress() as progress:
        names = pipeline.extract(opened, settings, progress, _say)
    _tell_skipped(opened.skipped)
    n_good = len(set(images) - set(opened.skipped))
    print(f"{opened.path}: features of {n_good} pictures from {', '.join(names)}. Next: alignedcut cut {study}")


def _size(size: Sequence[int] | None) -> int | tuple[int, int] | None:
    if size is None:
        return None
    if len(size) > 2:
        raise InputError("--size takes one number, or height and width.")
    return size[0] if len(size) == 1 else (size[0], size[1])


def _weights(texts: Sequence[str], networks: Sequence[str]) -> dict[str, str]:
    weights: dict[str, str] = {}
    for text in texts:
        name, separator, file = text.partition("=")
        if not separator:
            if len(networks) != 1:
                raise InputError("With several networks, say whose weights a file holds: --weights NETWORK=FILE")
            name, file = networks[0], text
        if not Path(file).expanduser().is_file():
            raise InputError(f"There is no checkpoint file {file}.")
        weights[name] = str(Path(file).expanduser())
    return weights


def cut(
    study: str,
    name: str,
    networks: Sequence[str] | None,
    layers: tuple[int, ...] | None,
    images: Sequence[int] | None,
    no_class_token: bool,
    alignment: str,
    eigenvectors: int | None,
    gamma: str | None,
    method: str | None,
    landmarks: int | None,
    balance: float | None,
    perplexity: float | None,
    spread: str | None,
    no_map: bool,
    seed: int,
    memory: str | None,
    device: str,
) -> None:
    """Eigenvectors and colours of a study."""
    given: dict[str, Any] = {
        "networks": None if networks is None else tuple(networks),
        "layers": layers,
        "images": None if images is None else tuple(images),
        "n_components": eigenvectors,
        "gamma": None if gamma is None else _gamma(gamma),
        "method": method,
        "n_landmarks": landmarks,
        "balance": balance,
        "memory": memory,
    }
    colour = {"perplexity": perplexity, "spread": spread}
    settings = CutSettings(
        **{key: value for key, value in given.items() if value is not None},
        class_token=not no_class_token,
        seed=seed,
        device=device,
        colour=ColourSettings(
            **{key: value for key, value in colour.items() if value is not None},  # type: ignore[arg-type]
            seed=seed,
            device=device,
        ),
        map=None if no_map else MapSettings(seed=seed, device=device),
    )
    named = alignment in ("auto", "none", "hyperalignment", "shipped")
    aligned = AlignSettings(
        method=alignment if named else "file", file=None if named else alignment, seed=seed, device=device
    )
    from .. import pipeline
    from ..study.study import Study

    with Study.open(study, writable=True) as opened, _progress() as progress:
        result = pipeline.cut(opened, settings, name, progress, align=aligned)
    for warning in result.warnings:
        print(f"Note: {warning}")
    print(
        f"{opened.path}: cut {name!r} of {len(result.index)} nodes, {result.eigenvectors.shape[1]} eigenvectors. "
        f"Next: alignedcut figures {study}, or alignedcut view {study}"
    )


def _gamma(text: str) -> float | str:
    try:
        return text if text == "auto" else float(text)
    except ValueError:
        raise InputError(f"--gamma must be a number or auto; got {text!r}.") from None


def segment(
    study: str,
    cut: str,
    segments: int,
    network: str | None,
    layer: int | None,
    joint: bool,
    blocky: bool,
    formats: Sequence[str],
    out: str | None,
    seed: int,
) -> None:
    """Masks of a layer's segments."""
    from ..pipeline.mask_export import export_segments
    from ..study.study import Study

    opened = Study.open(study)
    folder = Path(out or f"{study.rstrip('/' + os.sep)}-masks")
    with _progress() as progress:
        files = export_segments(
            opened,
            opened.cut(cut),
            folder,
            network=network,
            layer=layer,
            k=segments,
            one_layer=not joint,
            smooth=not blocky,
            formats=formats,
            seed=seed,
            progress=progress,
        )
    print(f"{folder}: {len(files)} files")


def view(study: str) -> None:
    """The window."""
    from ..study.study import Study

    Study.open(study).close()  # says what is wrong before napari is loaded
    reason = _no_window()
    if reason:
        raise InputError(reason)
    from ..viewer import launch

    launch(study)


def _no_window() -> str:
    """Why no window can be opened here; empty where one can."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "There is no display here to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set)."
    if not any(importlib.util.find_spec(name) for name in ("PyQt5", "PyQt6", "PySide6")):
        return "The window needs Qt; install it with: pip install 'alignedcut-viewer[pyqt5]'"
    return ""


def demo(out: str, no_window: bool, device: str) -> None:
    """Sample pictures, offline network: study, mosaic, masks, window."""
    from .. import pipeline
    from ..backbones import OFFLINE_NETWORK
    from ..figures import mosaic, save_figure
    from ..images import sample_pictures
    from ..pipeline.mask_export import export_segments

    folder = Path(out).expanduser()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the demo.")
    pictures = sample_pictures()
    print(f"{len(pictures)} sample pictures, network {OFFLINE_NETWORK}")
    with _progress() as progress:
        study = pipeline.run(
            pictures,
            folder / "study",
            ExtractSettings(networks=(OFFLINE_NETWORK,), device=device),
            AlignSettings(device=device),
            CutSettings(device=device, colour=ColourSettings(device=device), map=MapSettings(device=device)),
            span(progress, 0.0, 0.85),
            announce=_say,
        )
        result = study.cut()
        progress(870, 1000, "Drawing")
        figure = mosaic(study)
        files = [save_figure(figure, folder / f"mosaic.{kind}") for kind in ("png", "pdf")]
        masks = export_segments(study, result, folder / "masks", progress=span(progress, 0.95, 1.0))
    for warning in result.warnings:
        print(f"Note: {warning}")
    print(f"study    {study.path}")
    print(f"figure   {' and '.join(str(file) for file in files)}")
    print(f"masks    {folder / 'masks'} ({len(masks)} files)")
    reason = "" if no_window else _no_window()
    if no_window or reason:
        print(f"{reason} Look at it later with: alignedcut view {study.path}".strip())
        return
    from ..viewer import launch

    launch(study.path)
