"""The Study panel's settings as work for the pipeline. Knows neither Qt nor napari."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import InputError, WeightsUnavailableError
from ...images import PictureSet, open_pictures, sample_pictures
from ...layer_text import parse_layers
from ...pipeline.layered_settings import LayeredSettings
from ...pipeline.presets import PAPER, paper_brain, paper_cut, paper_layered
from ...pipeline.settings import AlignSettings, BrainSettings, CutSettings, ExtractSettings
from ...places import Location
from ...progress import ProgressCallback
from ..state.settings import SAMPLES, StudySettings, parse_number
from .loading import LoadedStudy, prepare_study

__all__ = [
    "WeightsMissing",
    "align_settings",
    "cut_settings",
    "extract_settings",
    "layered_settings",
    "preset_fields",
    "run_work",
]


class WeightsMissing(WeightsUnavailableError):
    """Some of the networks that were chosen cannot be had.

    Attributes
    ----------
    missing
        Why not, by network.
    """

    def __init__(self, missing: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {why}" for name, why in missing.items()))
        self.missing = dict(missing)


def preset_fields(preset: str) -> dict[str, Any]:
    """What the fields of the Study panel are set to when a recipe is chosen; they can be changed afterwards.

    Parameters
    ----------
    preset
        A key of :data:`~alignedcut_viewer.viewer.state.settings.PRESETS`.

    Returns
    -------
    dict
        For :meth:`StudySettings.update`; networks, layers and what belongs to joint cuts stay as they are.
    """
    defaults = StudySettings()
    fields = {("cut", name): name for name in ("n_components", "gamma", "method", "n_landmarks")}
    fields |= {("brain", "eigen_weight"): "eigen_weight", ("brain", "n_epochs"): "n_epochs", ("extract", "tap"): "tap"}
    values = {field: getattr(defaults, field) for field in fields.values()}
    if preset:
        told = {(one.settings, one.name): one.value for one in PAPER}
        values |= {field: type(values[field])(told[key]) for key, field in fields.items()}
    return {"preset": preset, **values}


def extract_settings(settings: StudySettings) -> ExtractSettings:
    """What to extract.

    Raises
    ------
    InputError
        If a field cannot be read.
    """
    networks = settings.all_networks
    weights = settings.weights.strip()
    if weights and len(networks) != 1:
        raise InputError("A checkpoint file is for one network; choose only that one, or leave the file out.")
    return ExtractSettings(
        networks=networks,
        layers=parse_layers(settings.layers),
        tap=settings.tap,
        input_size=settings.input_size or None,
        weights={networks[0]: weights} if weights else {},
        device=settings.device.strip() or "auto",
        precision=settings.precision,
        batch_size=settings.batch_size,
    )


def align_settings(settings: StudySettings) -> AlignSettings:
    """How to align.

    Raises
    ------
    InputError
        If an alignment file or brain data are wanted and none are named.
    """
    device = settings.device.strip() or "auto"
    if settings.alignment == "brain":
        data = settings.brain_data.strip()
        if not data:
            raise InputError("Choose the brain data to train the alignment on, or another alignment.")
        make = paper_brain if settings.preset else BrainSettings
        brain = make(
            str(Path(data).expanduser()),
            unusable=settings.unusable,
            eigen_weight=settings.eigen_weight,
            n_epochs=settings.n_epochs,
            memory=settings.memory.strip() or "4GiB",
        )
        return AlignSettings(method="brain", seed=settings.seed, device=device, brain=brain)
    path = settings.alignment_file.strip() if settings.alignment == "file" else None
    if path == "":
        raise InputError("Choose the file of the alignment, or another alignment.")
    return AlignSettings(method=settings.alignment, file=path, seed=settings.seed, device=device)


def cut_settings(settings: StudySettings) -> CutSettings:
    """How to cut.

    Raises
    ------
    InputError
        If a field cannot be read.
    """
    make = paper_cut if settings.preset else CutSettings
    return make(
        n_components=settings.n_components,
        gamma=parse_number(settings.gamma, "gamma"),
        method=settings.method,
        n_landmarks=settings.n_landmarks or None,
        seed=settings.seed,
        device=settings.device.strip() or "auto",
        memory=settings.memory.strip() or "4GiB",
    )


def layered_settings(settings: StudySettings) -> LayeredSettings:
    """How to cut all layers' attention graphs together."""
    common: dict[str, Any] = {
        "pathway": settings.kind,
        "scope": settings.joint_scope,
        "n_components": settings.n_components,
        "n_landmarks": settings.n_landmarks or None,
        "seed": settings.seed,
        "device": settings.device.strip() or "auto",
        "memory": settings.memory.strip() or "4GiB",
    }
    if settings.joint_solver == "paper":
        return paper_layered(**common)
    return LayeredSettings(
        solver=settings.joint_solver,
        weights=settings.weights_of_layers,
        n_inside=settings.neighbours,
        n_across=settings.neighbours,
        **common,
    )


def run_work(
    settings: StudySettings,
    pictures: PictureSet | None = None,
    on_epoch: Callable[[Mapping[str, float]], None] | None = None,
    *,
    stand_ins: bool = True,
) -> Callable[[ProgressCallback], LoadedStudy]:
    """The work of computing a study and opening it for the window.

    Parameters
    ----------
    settings
        What to compute.
    pictures
        The pictures where the settings name none: those of the study that is shown.
    on_epoch
        Called in the thread of the work with the record of each epoch of a training on brain data.
    stand_ins
        Whether the network that needs no download may stand in for those whose weights cannot be had.

    Returns
    -------
    callable
        The work. It raises :class:`WeightsMissing`, before anything is computed, where `stand_ins` is False and
        weights cannot be had.

    Raises
    ------
    InputError
        If a field cannot be read, or there are no pictures; nothing has begun then.
    """
    if not settings.source.strip() and pictures is None:
        raise InputError("Choose pictures first: a folder, or the sample pictures.")
    joint = settings.kind != "alignedcut"
    extract = replace(extract_settings(settings), fallback=stand_ins)
    align, cut = (None, None) if joint else (align_settings(settings), cut_settings(settings))
    layered = layered_settings(settings) if joint else None
    path, source = settings.study_path, settings.source.strip()
    name = settings.cut_name.strip() or None

    def work(progress: ProgressCallback) -> LoadedStudy:
        progress(0, 0, "loading the libraries")
        from ...backbones import missing_weights
        from ...pipeline.layered_stage import run_layered
        from ...pipeline.stages import run

        _check_name(path, name)
        if not stand_ins:
            progress(0, 0, "looking for the weights of the networks")
            missing = missing_weights(extract.networks, extract.weights)
            if missing:
                raise WeightsMissing(missing)
        chosen = pictures
        if source or chosen is None:
            chosen = sample_pictures() if source == SAMPLES else open_pictures(source)
        said: list[str] = []
        with _one_core_to_the_window():
            if layered is not None:
                study = run_layered(chosen, path, extract, layered, progress, name=name, announce=said.append)
            else:
                study = run(
                    chosen,
                    path,
                    extract,
                    align,
                    cut,
                    progress=progress,
                    name=name,
                    announce=said.append,
                    on_epoch=on_epoch,
                )
        return replace(prepare_study(study, study.names.newest), announcements=tuple(said))

    return work


def _check_name(path: Location, name: str | None) -> None:
    """Raise an InputError where the study has a result of that name, which nobody said to replace."""
    from ...study.study import Study

    if name is None or Study.is_vacant(path):
        return
    with Study.open(path) as study:
        if name in study.cuts:
            raise InputError(
                f"The study has a result called {name!r} already. Leave the name empty for a free one, such as "
                f"{study.names.suggested!r}, or rename or delete the other in the View tab."
            )


@contextmanager
def _one_core_to_the_window() -> Iterator[None]:
    """Let torch use one core less than there are.

    Its threads wait for one another at every step: when the window takes one of their cores to paint, all of them wait,
    busily, and so does the window.
    """
    import torch

    usual = torch.get_num_threads()
    torch.set_num_threads(max(1, min(usual, (os.cpu_count() or 2) - 1)))
    try:
        yield
    finally:
        torch.set_num_threads(usual)
