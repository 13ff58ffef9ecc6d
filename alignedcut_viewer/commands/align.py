"""What ``alignedcut align``, ``align export`` and ``align import`` do; parameters are named after their options."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from ..errors import InputError
from ..nodes import Slot
from ..pipeline.settings import AlignSettings, BrainSettings
from .progress_bar import progress_bar

if TYPE_CHECKING:
    from ..brain import BrainScore

__all__ = ["align", "align_export", "align_import", "simulate_brain"]

_TABLE_WEIGHTS = (1.0, 0.1, 0.0)


def align(
    study: str,
    out: str | None,
    networks: Sequence[str] | None,
    layers: tuple[int, ...] | None,
    samples: int,
    seed: int,
    device: str,
    brain: str | None,
    brain_pictures: str | None,
    drop_voxels: bool,
    eigen_weight: float | None,
    init: str | None,
    epochs: int | None,
    patience: int | None,
    test: float | None,
    memory: str | None,
    table: Sequence[float] | None,
) -> None:
    """An alignment fitted to a study's pictures, or to brain responses to them, into a file."""
    given = {
        "pictures": brain_pictures,
        "unusable": "drop" if drop_voxels else None,
        "eigen_weight": eigen_weight,
        "init": init,
        "n_epochs": epochs,
        "patience": patience,
        "test": test,
        "memory": memory,
    }
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if brain is None and (chosen or table is not None):
        raise InputError("These options need brain data; name them with --brain.")
    settings = AlignSettings(
        method="hyperalignment" if brain is None else "brain",
        n_samples=samples,
        seed=seed,
        device=device,
        brain=None if brain is None else BrainSettings(brain, **chosen),
    )
    if table is not None:
        if out is not None:
            raise InputError("--table prints scores and writes no alignment; leave --out out.")
        _table(study, networks, layers, settings, tuple(table) or _TABLE_WEIGHTS)
        return
    if out is None:
        raise InputError("Name the file to write with --out.")
    _check_name(out)
    from .. import pipeline
    from ..study.study import Study

    with Study.open(study, writable=True) as opened, progress_bar() as progress:
        index = opened.node_index(networks, layers)
        name = pipeline.align(opened, index, settings, progress)
        assert name is not None
        alignment = pipeline.portable_alignment(opened, name)
        warning = opened.store.attributes(f"alignments/{name}").get("warning")
    alignment.save(out)
    if warning:
        print(f"Note: {warning}")
    scores = alignment.scores.get("rois", {})
    order = (*(alignment.readout.roi_names if alignment.readout is not None else ()), "all")
    values = [f"{roi} {scores[roi]['r2']:.3f}" for roi in order if roi in scores and scores[roi]["r2"] is not None]
    if values:
        print("Held-out R²: " + ", ".join(values))
    print(f"{out}: maps of {len(alignment.slots)} layers. Next: alignedcut cut {study} --alignment {out}")


def _table(
    study: str,
    networks: Sequence[str] | None,
    layers: tuple[int, ...] | None,
    settings: AlignSettings,
    weights: Sequence[float],
) -> None:
    from ..pipeline.brain_stage import BrainTraining, read_brain_data
    from ..progress import span
    from ..study.study import Study

    assert settings.brain is not None
    with Study.open(study, writable=True) as opened, progress_bar() as progress:
        slots = opened.node_index(networks, layers).slots
        data = read_brain_data(opened, slots, settings.brain, span(progress, 0.0, 0.02))
        training = BrainTraining(opened, slots, settings, data)
        scores = training.table(weights, span(progress, 0.02, 1.0))
        training.clean()
    if data.warning:
        print(f"Note: {data.warning}")
    print(f"Held-out R² of {data.dataset.title}, {len(slots)} layers, start {settings.brain.init}")
    print(_as_text(scores))


def _as_text(scores: Mapping[float, BrainScore]) -> str:
    """A markdown table: one row a weight, one column a region."""
    rois = list(next(iter(scores.values())).rois)
    lines = ["| eigen-constraint | " + " | ".join(rois) + " |", "|" + "---:|" * (len(rois) + 1)]
    for weight, score in scores.items():
        lines.append(f"| {weight:g} | " + " | ".join(f"{score.rois[roi].r2:.3f}" for roi in rois) + " |")
    return "\n".join(lines)


def align_export(study: str, cut: str, out: str) -> None:
    """The alignment of a cut into a file."""
    _check_name(out)
    from .. import pipeline
    from ..study.study import Study

    opened = Study.open(study)
    name = opened.cut(cut).recipe["cut"]["alignment"]
    if name is None:
        raise InputError(f"The cut {cut!r} of {study} was made without an alignment; there is nothing to export.")
    alignment = pipeline.portable_alignment(opened, name)
    alignment.save(out)
    print(f"{out}: {alignment.kind}, maps of {len(alignment.slots)} layers")


def align_import(file: str, slots: Sequence[str], out: str, tap: str, convention: str, study: str | None) -> None:
    """Matrices from elsewhere into a file that cuts take."""
    _check_name(out)
    named = [slot for text in slots for slot in _slots(text)]
    from ..alignment import import_matrices

    widths: dict[Slot, int] = {}
    if study is not None:
        from ..study.study import Study

        for features in Study.open(study).networks.values():
            widths |= {Slot(features.network, layer): features.width(layer) for layer in features.layers}
    known = cast(Literal["auto", "right", "linear"], convention)
    alignment = import_matrices(file, named, convention=known, tap=tap, widths=widths)
    alignment.save(out)
    print(f"{out}: maps of {len(alignment.slots)} layers into {alignment.n_channels} channels")


def simulate_brain(
    study: str, out: str, networks: Sequence[str] | None, layers: tuple[int, ...] | None, vertices: int, seed: int
) -> None:
    """A simulated subject who looked at a study's pictures, as a folder that ``align --brain`` takes."""
    from .. import pipeline
    from ..study.study import Study

    with progress_bar() as progress:
        pipeline.simulate_brain(
            Study.open(study), out, networks=networks, layers=layers, n_vertices=vertices, seed=seed, progress=progress
        )
    print(
        f"{out}: SIMULATED responses to the pictures of {study}; they say nothing about any brain. "
        f"Next: alignedcut align {study} --brain {out} --out simulated.safetensors"
    )


def _slots(text: str) -> list[Slot]:
    """Slots from a word such as ``clip-vit-b16:0-11``; the network's own name may hold a colon."""
    network, separator, layers = text.rpartition(":")
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", layers)
    if not separator or not network or match is None or (match[2] and int(match[2]) < int(match[1])):
        raise InputError(f"{text!r} names no layers of a network; write, for example: --slots clip-vit-b16:0-11")
    return [Slot(network, layer) for layer in range(int(match[1]), int(match[2] or match[1]) + 1)]


def _check_name(out: str) -> None:
    if not out.endswith(".safetensors"):
        raise InputError(f"The file of an alignment must end in .safetensors; got {out}.")
