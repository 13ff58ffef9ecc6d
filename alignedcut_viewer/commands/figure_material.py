"""What figures are drawn from, computed as far as the study has data for it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..brain.centring import Centring
from ..errors import AlignedCutError, DamagedError, InputError, StudyError
from ..progress import ProgressCallback, span
from .groups import figure_and_ground

if TYPE_CHECKING:
    from ..figures import FigureGround, FigureKind, FigureOptions, Lacking, Material
    from ..study.cut import Cut
    from ..study.study import Study

__all__ = ["MaskOptions", "Ready", "prepared"]


@dataclass(frozen=True)
class MaskOptions:
    """Masks as named by options; see :func:`alignedcut_viewer.commands.options.masks`."""

    masks: str | None
    figure_labels: Sequence[int] | None
    unlabelled: Sequence[int] | None

    @property
    def given(self) -> bool:
        """Whether any of the options is there."""
        return any(value is not None for value in (self.masks, self.figure_labels, self.unlabelled))


@dataclass(frozen=True, eq=False)
class Ready:
    """What figures are drawn from, and what the user should know of it."""

    material: Material
    notes: tuple[str, ...]


def prepared(
    path: str,
    name: str,
    kinds: Sequence[FigureKind],
    masks: MaskOptions,
    about: Centring,
    chosen: FigureOptions,
    progress: ProgressCallback | None,
    *,
    computed: Callable[[], object] | None = None,
) -> Ready:
    """Compute what some figures need and the study does not hold yet.

    `computed` is called as soon as only figure and ground, and scores of layers, are still to be found.

    Raises
    ------
    AlignedCutError
        If study, cut or masks cannot be read, or none of the figures takes the masks that were given.
    """
    from .. import pipeline
    from ..figures import Lacking, Material
    from ..study.study import Study

    takes = frozenset[str]().union(*(kind.takes for kind in kinds))
    if masks.given and not takes & {"figure_ground", "oracle"}:
        raise InputError(f"{', '.join(kind.name for kind in kinds)} takes no --masks, nor what they mean.")
    uses = {what for kind in kinds for what in kind.uses}
    reader = Study.open(path)
    notes = _compute(path, reader.cut(name), uses, span(progress, 0.0, 0.5))
    if computed is not None:
        computed()
    reader = Study.open(path)
    cut = reader.cut(name)
    split: FigureGround | Lacking = Lacking("Figure and ground are not known.")
    if "figure_ground" in takes or masks.given:
        split = _split(reader, cut, masks, span(progress, 0.5, 0.7))
    material = Material(
        reader,
        cut,
        split,
        masks=masks.masks is not None,
        features=pipeline.aligned_features(reader, cut) if "features" in takes else None,
        about=about,
        options=chosen,
    )
    if masks.masks is not None and "oracle" in takes:
        material = _scored(path, name, material, masks, span(progress, 0.7, 1.0))
    return Ready(material, tuple(notes))


def _compute(path: str, cut: Cut, uses: set[Any], progress: ProgressCallback) -> list[str]:
    """Compute and keep map, brain activation and concepts where they are used and not there; gives notes."""
    from .. import pipeline
    from ..study.study import Study

    network = next((n for n in cut.index.networks if len(n.layers) > 1), cut.index.networks[0])
    layer = network.layers[2 * len(network.layers) // 3]
    alike = pipeline.ConceptSettings(networks=(network.name,), layers=(layer,))
    held = {"map": cut.map2d, "brain activation": cut.brain_activation, "concepts": cut.concepts}
    makers: dict[str, Callable[[Study, ProgressCallback], Any]] = {
        "map": lambda study, own: pipeline.spectral_map(study, cut.name, progress=own),
        "brain activation": lambda study, own: pipeline.brain_activation(study, cut.name, own),
        "concepts": lambda study, own: pipeline.discover_concepts(study, cut.name, alike, own),
    }
    missing = [what for what in makers if what in uses and held[what] is None]
    if not missing:
        return []
    try:
        with Study.open(path, writable=True) as writer:
            for number, what in enumerate(missing):
                try:
                    makers[what](writer, span(progress, number / len(missing), (number + 1) / len(missing)))
                except DamagedError:
                    raise
                except AlignedCutError:
                    continue  # the figure that needs it says what is missing
    except DamagedError:
        raise
    except AlignedCutError as error:
        return [f"{', '.join(missing)} could not be computed and kept: {error}"]
    return []


def _split(study: Study, cut: Cut, masks: MaskOptions, progress: ProgressCallback) -> FigureGround | Lacking:
    from ..figures import Lacking, figure_ground_from_segments
    from ..study.study import Study

    told = figure_and_ground(study, cut, masks.masks, masks.figure_labels, masks.unlabelled, False, progress)
    if told is not None:
        return told
    try:
        if not study.writable:
            # what is segmented is kept with the cut where it may be written, for the next figure and the report
            with contextlib.suppress(StudyError), Study.open(study.path, writable=True) as writer:
                return figure_ground_from_segments(writer, writer.cut(cut.name), progress)
        return figure_ground_from_segments(study, cut, progress)
    except DamagedError:
        raise
    except AlignedCutError as error:
        return Lacking(str(error))


def _scored(path: str, name: str, material: Material, masks: MaskOptions, progress: ProgressCallback) -> Material:
    """With the scores of layers, kept where the study may be written."""
    from dataclasses import replace

    from .. import pipeline
    from ..study.study import Study

    assert masks.masks is not None
    tasks, source = pipeline.mask_tasks(
        material.study,
        material.cut.index,
        masks.masks,
        figure=masks.figure_labels,
        unlabelled=masks.unlabelled,
        progress=span(progress, 0.0, 0.1),
    )
    stage = span(progress, 0.1, 1.0)
    try:
        with Study.open(path, writable=True) as writer:
            scores = pipeline.oracle_scores(writer, tasks, name, progress=stage)
    except DamagedError:
        raise
    except AlignedCutError:
        scores = pipeline.oracle_scores(material.study, tasks, name, progress=stage)  # not kept
    return replace(material, oracle=tuple(scores), source=source)
