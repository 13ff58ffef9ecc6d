"""Figures and masks of the study that is shown, as work for the background. Knows neither Qt nor napari."""

from collections.abc import Callable
from pathlib import Path

from ...choices import FIGURE_SUFFIXES
from ...errors import InputError
from ...places import Location
from ...progress import ProgressCallback, report
from ..state.node_values import NodeValues
from ..state.settings import StudySettings
from .loading import LoadedStudy

__all__ = ["figure_work", "masks_work", "reaching_work", "would_replace"]


def figure_work(
    shown: LoadedStudy, path: Path, settings: StudySettings, *, smooth: bool
) -> Callable[[ProgressCallback], Path]:
    """The work of writing the pictures × layers × networks mosaic.

    Parameters
    ----------
    shown
        The study with the cut that is shown.
    path
        A file that ends in .png, .svg or .pdf.
    settings
        Tells how many pictures the figure shows.
    smooth
        Interpolate colours between tokens.

    Raises
    ------
    InputError
        If there is no cut, or the file has another ending.
    """
    cut = shown.cut
    if cut is None:
        raise InputError("There is no cut to draw yet; press Run first.")
    if path.suffix.lower() not in FIGURE_SUFFIXES:
        raise InputError(f"{path.name} must end in .png, .svg or .pdf; no other kinds of figure can be written.")
    images = cut.index.images[: settings.figure_pictures]

    def work(progress: ProgressCallback) -> Path:
        from ...figures import mosaic, save_figure

        report(progress, 0, 2, "drawing the figure")
        figure = mosaic(shown.study, cut=cut, images=images, smooth=smooth)
        report(progress, 1, 2, f"writing {path.name}")
        save_figure(figure, path)
        return path

    return work


def masks_work(
    study: Location, name: str, folder: Path, settings: StudySettings, *, replace: bool = False
) -> Callable[[ProgressCallback], Path]:
    """The work of writing segments of a study as masks of all their pictures, at the size of these.

    Parameters
    ----------
    study
        Its folder.
    name
        Which segments.
    folder
        Where to write.
    settings
        The formats.
    replace
        Whether masks that are there already may be overwritten.

    Raises
    ------
    InputError
        If no format is chosen.
    """
    _check_formats(settings)

    def work(progress: ProgressCallback) -> Path:
        from ...pipeline.mask_export import export_segment_set
        from ...study.study import Study

        with Study.open(study) as opened:
            export_segment_set(
                opened,
                opened.segments(name),
                folder,
                formats=settings.mask_formats,
                replace=replace,
                progress=progress,
            )
        return folder

    return work


def _check_formats(settings: StudySettings) -> None:
    if not settings.mask_formats:
        raise InputError("Choose at least one format for the masks in the Export tab.")


def reaching_work(
    shown: LoadedStudy,
    folder: Path,
    settings: StudySettings,
    reaching: tuple[NodeValues, float],
    *,
    network: str,
    layer: int,
    smooth: bool,
    replace: bool = False,
) -> Callable[[ProgressCallback], Path]:
    """The work of writing where a number per node reaches a threshold, for all pictures at one layer.

    Parameters
    ----------
    shown
        The study with the cut that is shown.
    folder
        Where to write.
    settings
        The formats.
    reaching
        One number per node, and the least number inside.
    network, layer
        The slot whose masks are written.
    smooth
        Interpolate between tokens before deciding what a pixel is.
    replace
        Whether masks that are there already may be overwritten.

    Raises
    ------
    InputError
        If there is no cut, or no format is chosen.
    """
    cut = shown.cut
    if cut is None:
        raise InputError("There are no masks to write yet; press Run first.")
    _check_formats(settings)
    values, threshold = reaching

    def work(progress: ProgressCallback) -> Path:
        from ...pipeline.mask_export import export_threshold

        export_threshold(
            shown.study,
            cut,
            folder,
            values.part,
            threshold,
            network=network,
            layer=layer,
            title=values.title,
            smooth=smooth,
            formats=settings.mask_formats,
            replace=replace,
            progress=progress,
        )
        return folder

    return work


def would_replace(shown: LoadedStudy, folder: Path, settings: StudySettings) -> bool:
    """Whether masks of these pictures in the chosen formats are in a folder already."""
    from ...pipeline.mask_export import check_target

    try:
        check_target(shown.study, folder, settings.mask_formats)
    except InputError:
        return True
    return False
