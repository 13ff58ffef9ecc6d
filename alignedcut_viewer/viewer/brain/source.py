"""Where the Brain panel's numbers come from: found with the cut, or computed for it. Knows neither Qt nor napari."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...errors import AlignmentError
from ...progress import ProgressCallback
from ...store import ALIGNMENTS
from ..frames.computed import Computed

if TYPE_CHECKING:
    from ...study.brain_activation import BrainActivation
    from ...study.cut import Cut
    from ...study.study import Study
    from ..frames.loading import LoadedStudy

__all__ = ["ACTIVATION", "HOW_TO_GET_ONE", "OF_JOINT_CUTS", "activation_work", "leads_to_the_brain", "region_scores"]

HOW_TO_GET_ONE = (
    "<b>No brain data yet.</b> "
    "This panel shows which regions of visual cortex the selected pixels activate. For that, the networks' channels "
    "must be aligned to brain responses:"
    "<ol style='margin-left: 14px; -qt-list-indent: 0;'>"
    "<li>In the <b>Study</b> panel, choose the alignment <b>brain</b> and your brain data: a folder of the Algonauts "
    "2023 release, or a table of pictures, responses and regions.</li>"
    "<li>Press <b>Run</b>. Features that exist already are not computed again.</li>"
    "</ol>"
    "If you have no brain data, <i>alignedcut simulate-brain</i> makes a simulated subject to try it with. You can "
    "also load a trained alignment from a file."
)

OF_JOINT_CUTS = (
    "<b>Not of joint cuts.</b> "
    "A cut of what or where joins the graphs of layers and leaves their channels as they are, so that nothing leads "
    "from it to brain responses. An AlignedCut of the same study, with the alignment <b>brain</b>, does: show it, and "
    "this cut beside it in <b>Side by side</b>, where one click answers in both."
)

ACTIVATION: "Computed[BrainActivation]" = Computed(lambda cut: cut.brain_activation)
"""The activation of regions by a cut's nodes."""


def leads_to_the_brain(study: "Study", cut: "Cut") -> bool:
    """Whether a cut was made with an alignment that was trained on brain data; reads a file's header only."""
    from ...alignment.channel_alignment import read_description

    name = cut.recipe["cut"].get("alignment")
    if name is None:
        return False
    try:
        description = read_description(study.store.folder(f"{ALIGNMENTS}/{name}/safetensors") / "c" / "0")
    except AlignmentError:
        return False
    return "readout" in description


def region_scores(study: "Study", cut: "Cut") -> dict[str, float]:
    """Held-out R² of each region by name, as the alignment of a cut carries it; empty where it was never scored."""
    name = cut.recipe["cut"].get("alignment")
    group = f"{ALIGNMENTS}/{name}"
    if name is None or not study.store.exists(group):
        return {}
    scores = (study.store.attributes(group).get("scores") or {}).get("rois") or {}
    return {str(roi): float(score["r2"]) for roi, score in scores.items() if score.get("r2") is not None}


def activation_work(shown: "LoadedStudy") -> "Callable[[ProgressCallback], BrainActivation]":
    """The work of computing it, and keeping it with the cut where the study may be written.

    It raises AlignmentError if the alignment was not trained on brain data.
    """
    from ...pipeline import brain_activation

    return ACTIVATION.work(shown, brain_activation)
