"""Where the Brain panel's numbers come from: found with the cut, or computed for it. Knows neither Qt nor napari."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...progress import ProgressCallback
from ..frames.brain_regions import ACTIVATION

if TYPE_CHECKING:
    from ...study.brain_activation import BrainActivation
    from ..frames.loading import LoadedStudy

__all__ = ["HOW_TO_GET_ONE", "OF_JOINT_CUTS", "activation_work", "leads_to_the_brain"]

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
    "<b>No way from this cut to the brain yet.</b> "
    "A cut of what or where is made of queries, keys and values. Its pixels take the activation of the same places in "
    "an AlignedCut of this study, with the alignment <b>brain</b>, of the same networks, layers and input size: "
    "compute one in the <b>Study</b> panel, then come back to this cut."
)


def leads_to_the_brain(shown: "LoadedStudy") -> bool:
    """Whether a cut was made with an alignment that was trained on brain data, or another of its study was."""
    from ...pipeline.activation_stage import brain_sources

    return shown.cut is not None and brain_sources(shown.study, shown.cut) is not None


def activation_work(shown: "LoadedStudy") -> "Callable[[ProgressCallback], BrainActivation]":
    """The work of computing it, and keeping it with the cut where the study may be written.

    It raises AlignmentError if the alignment was not trained on brain data.
    """
    from ...pipeline import brain_activation

    return ACTIVATION.work(shown, brain_activation)
