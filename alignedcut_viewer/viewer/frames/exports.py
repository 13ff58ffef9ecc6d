"""Figures and masks of the study that is shown, as work for the background. Knows neither Qt nor napari."""

from collections.abc import Callable
from pathlib import Path

from ...choices import FIGURE_SUFFIXES
from ...errors import InputError
from ...progress import ProgressCallback, report
from ..state.node_values import NodeValues
from ..state.settings import StudySettings
from .loading import LoadedStudy

__all__ = ["figure_work", "mask_work", "masks_work", "would_replace"]


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
    shown: LoadedStudy,
    folder: Path,
    settings: StudySettings,
    *,
    network: str,
    layer: int,
    smooth: bool,
    replace: bool = False,
) -> Callable[[ProgressCallback], Path]:
    """The work of writing masks of all pictures at one layer, at the size of the original pictures.

    Parameters
    ----------
    shown
        The study with the cut that is shown.
    folder
        Where to write.
    settings
        Number of segments, what they are cut from, and the formats.
    network, layer
        The slot whose segments are written.
    smooth
        Interpolate between tokens before deciding for a segment.
    replace
        Whether masks that are there already may be overwritten.

    Raises
    ------
    InputError
        If there is no cut, or no format is chosen.
    """
    cut = shown.cut
    if cut is None:
        raise InputError("There are no segments to write yet; press Run first.")
    if not settings.mask_formats:
        raise InputError("Choose at least one format for the masks.")

    def work(progress: ProgressCallback) -> Path:
        from ...pipeline.mask_export import export_segments

        export_segments(
            shown.study,
            cut,
            folder,
            network=network,
            layer=layer,
            k=settings.segments,
            one_layer=settings.segments_of == "layer",
            smooth=smooth,
            formats=settings.mask_formats,
            seed=settings.seed,
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


def mask_work(
    shown: LoadedStudy,
    folder: Path,
    settings: StudySettings,
    values: NodeValues | None,
    threshold: float,
    *,
    slot: tuple[str, int],
    smooth: bool,
    replace: bool = False,
) -> Callable[[ProgressCallback], Path]:
    """The work of writing where values reach a threshold, for all pictures at one layer.

    Parameters
    ----------
    shown
        The study with the cut that is shown.
    folder
        Where to write.
    settings
        The formats.
    values
        One number a node.
    threshold
        The least number inside.
    slot
        Network and layer.
    smooth
        Interpolate between tokens before numbers are compared.
    replace
        Whether masks that are there already may be overwritten.

    Raises
    ------
    InputError
        If there is no cut, there are no values, or no format is chosen.
    """
    cut = shown.cut
    if cut is None or values is None:
        raise InputError("There is no mask to write yet; pick a place in a picture first.")
    if not settings.mask_formats:
        raise InputError("Choose at least one format for the masks in the Export tab.")

    def work(progress: ProgressCallback) -> Path:
        from ...pipeline.mask_export import export_threshold

        export_threshold(
            shown.study,
            cut,
            folder,
            values.part,
            threshold,
            network=slot[0],
            layer=slot[1],
            title=values.title,
            smooth=smooth,
            formats=settings.mask_formats,
            replace=replace,
            progress=progress,
        )
        return folder

    return work
