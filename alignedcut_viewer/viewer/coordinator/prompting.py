"""Prompts on the pictures, answered while they are drawn. Knows neither Qt nor napari."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from psygnal import Signal

from ...errors import AlignedCutError, InputError
from ...progress import ProgressCallback, report
from ...segmentation.prompts import prompted_tokens
from ..frames.picture_layout import Place
from ..state.history import SelectionMode
from ..state.node_values import NodeValues
from ..state.prompt_marks import PromptMark, PromptMarks
from ..state.timeline import Timeline
from ..state.view_state import ViewState
from .heat_map import HeatMap
from .shown import Shown
from .similarity import Similarity, Worker

if TYPE_CHECKING:
    from ...spectral.live_prompt import LivePrompt
    from ...study.cut import Cut

__all__ = ["TITLE", "Prompting"]

TITLE = "Prompt"
TOKEN_PIXELS = 8
LEAST_STEP = 0.004
USUAL_LEVEL = 0.0
"""Score above which a token is inside; what is like no prompt scores below it."""
PROMPT_TOOLS = ("point", "box", "scribble")


class _Prepared:
    """What is ready to answer prompts to one cut; filled in the background."""

    live: "LivePrompt | None" = None
    kind: "type[LivePrompt] | None" = None


class Prompting:
    """Prompts, and how all nodes answer them.

    The picture in view is answered at once, all others in the background when a stroke has ended; the latest request
    wins.

    Parameters
    ----------
    shown, heat_map, similarity, view
        Whose nodes are prompted, where the answer is shown, whose threshold makes a mask of it, and what the sliders
        show.
    timeline
        Learns of every step.
    worker
        Runs the latest request in the background, as for :class:`~.similarity.Similarity`.

    Attributes
    ----------
    marks
        What was pointed at and drawn.
    automatic
        Whether the level above which a token is inside is the usual one, 0, with every answer.
    partial
        Signal (NodeValues): the answer of the part that is looked at.
    changed
        Signal: other marks, another answer, or another way to draw.
    failed
        Signal (error): the marks cannot be answered.
    """

    partial = Signal(NodeValues)
    changed = Signal()
    failed = Signal(Exception)

    def __init__(
        self,
        shown: Shown,
        heat_map: HeatMap,
        similarity: Similarity,
        view: ViewState,
        timeline: Timeline,
        worker: Callable[..., Worker],
    ) -> None:
        self._shown, self._heat_map, self._similarity, self._view = shown, heat_map, similarity, view
        self._timeline = timeline
        self._worker = worker("Answering prompts", self._on_answer)
        self.marks = PromptMarks()
        self.marks.changed.connect(self.answer)
        self.marks.stepped.connect(self._on_step)
        self._outside = False
        self.automatic = True
        self._prepared = _Prepared()
        view.events["tool"].connect(self._on_tool)
        self._values: NodeValues | None = None

    # -- drawing -------------------------------------------------------------------------------------------------

    @property
    def outside(self) -> bool:
        """Whether the next mark says what is not the thing."""
        return self._outside

    def set_outside(self, outside: bool) -> None:
        """Let the next mark say what is not the thing, or what is."""
        if outside != self._outside:
            self._outside = outside
            self.changed.emit()

    def click(self, place: Place, mode: SelectionMode = "replace") -> None:
        """A point, or a dot of a scribble, on the picture in view; with the mode ``remove`` the other sign."""
        spot = self._spot(place)
        if spot is None or self._view.tool == "box":
            return
        self._check()
        kind = "scribble" if self._view.tool == "scribble" else "point"
        self.marks.add(PromptMark(spot[0], kind, (spot[1:],), self._inside(mode)))

    def drag(self, begin: Place, end: Place, mode: SelectionMode, ended: bool) -> None:
        """A box or a scribble grows; it is a step when it has ended."""
        first, last = self._spot(begin, held=True), self._spot(end, held=True)
        if first is None or last is None:
            return
        drawn = self.marks.marks[-1] if self.marks.is_sketching else None
        if self._view.tool == "scribble":
            places = (first[1:],) if drawn is None else drawn.places
            if not ended and np.abs(np.subtract(places[-1], last[1:])).max() < LEAST_STEP:
                return
            mark = PromptMark(first[0], "scribble", (*places, last[1:]), self._inside(mode))
        else:
            mark = PromptMark(first[0], "box", (first[1:], last[1:]), self._inside(mode))
        if drawn is None:
            self._check()
        if ended:
            self.marks.add(mark)
        else:
            self.marks.sketch(mark)

    def take_labels(self, image: int, labels: ArrayLike) -> None:
        """Take painted labels, 1 inside and 2 outside, as a prompt on a picture."""
        self._check()
        self.marks.add(PromptMark.of_labels(image, labels))

    def _inside(self, mode: SelectionMode) -> bool:
        return self._outside == (mode == "remove")

    def _check(self) -> None:
        if self._shown.cut is None:
            raise InputError("Prompts are answered by a result; run the study in the Study panel first.")

    def _spot(self, place: Place, *, held: bool = False) -> tuple[int, float, float] | None:
        """Number of the picture in view, and the place as shares of its height and width."""
        study = self._shown.study
        if study is None or not self._view.picture < len(study.images):
            return None
        at = self._view.picture
        box = study.pictures.layout.box(at)
        down, right = (place.y + 0.5 - box.top) / box.height, (place.x + 0.5 - box.left) / box.width
        if held:
            down, right = (float(np.clip(share, 0, 1 - 1e-6)) for share in (down, right))
        return (study.images[at], down, right) if 0 <= down < 1 and 0 <= right < 1 else None

    def _on_step(self) -> None:
        self._timeline.add(self.marks)

    # -- answering -----------------------------------------------------------------------------------------------

    @property
    def values(self) -> NodeValues | None:
        """The latest answer, one score a node; None without a prompt on the thing."""
        return self._values

    @property
    def level(self) -> float:
        """Score above which a token is inside."""
        return self._similarity.settings.threshold

    def nodes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Nodes that are said to be inside, and outside, at the network and layer that the sliders show.

        Raises
        ------
        InputError
            If no cut is shown, or the network has no such layer.
        """
        index = self._shown.index
        position = self._view.position
        if position is None:
            raise InputError("There is no picture in view.")
        network, layer, _ = position
        grid = index.grid(network, layer)
        size = grid.rows * TOKEN_PIXELS, grid.columns * TOKEN_PIXELS
        inside, outside = [], []
        for image in self.marks.images:
            if image not in index.images:
                continue
            first = index.patch_slice(network, layer, image).start
            said = prompted_tokens(self.marks.of_picture(image, size), size, (grid.rows, grid.columns))
            inside.append(first + said[0])
            outside.append(first + said[1])
        return _joined(inside), _joined(outside)

    def answer(self) -> None:
        """Show how all nodes answer the marks: the picture in view now, the others in a moment."""
        self._values = None
        try:
            cut = self._shown.cut
            inside, outside = (_joined([]), _joined([])) if cut is None or not len(self.marks) else self.nodes()
        except AlignedCutError as error:
            self.failed.emit(error)
            return
        if cut is None or not len(inside):
            self._worker.stop()
            if self._heat_map.values is not None and self._heat_map.values.title == TITLE:
                self._heat_map.clear()
            self.changed.emit()
            return
        if self.automatic:
            self._similarity.settings.update(threshold=USUAL_LEVEL)
        self._similarity.settings.update(mask=True)
        prepared = self._prepared
        if prepared.kind is not None:
            values = _answer(prepared, cut, inside, outside)
            self._values = values
            self.partial.emit(values)
        if prepared.live is None or not self.marks.is_sketching:
            # While a stroke grows, the pictures out of sight wait: their answers would take the processor from it.
            self._worker.start(partial(_complete, prepared, cut, inside, outside))
        self.changed.emit()

    def _on_answer(self, values: NodeValues | None) -> None:
        if values is not None and self._shown.cut is not None and len(values) == len(self._shown.index):
            self._values = values
            self._heat_map.show(values)
            self.changed.emit()

    def _on_tool(self, tool: str) -> None:
        """A tool for prompts is taken: get ready for the first."""
        cut = self._shown.cut
        if tool in PROMPT_TOOLS and cut is not None and self._prepared.live is None and not self._worker.busy:
            self._worker.start(partial(_prepare, self._prepared, cut))

    def forget(self) -> None:
        """Nodes are numbered anew: prompts stay on their pictures where these stay, what was computed is void."""
        self._worker.stop()
        self._prepared, self._values = _Prepared(), None

    def forget_marks(self) -> None:
        """Other pictures are shown."""
        self._timeline.forget(self.marks)
        self.marks.forget()


def _joined(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def _answer(prepared: _Prepared, cut: "Cut", inside: NDArray[np.int64], outside: NDArray[np.int64]) -> NodeValues:
    """Scores that are computed where they are looked at, before all rows are prepared, too."""

    def part(nodes: slice) -> NDArray[np.float32]:
        live = prepared.live
        if live is not None:
            everything = nodes.start in (0, None) and nodes.stop in (len(cut.index), None)
            return live.score(inside, outside, None if everything else nodes)
        assert prepared.kind is not None
        rows = cut.eigenvectors
        own = prepared.kind(np.concatenate([rows[inside], rows[outside], rows[nodes]]), eigenvalues=cut.eigenvalues)
        prompts = np.arange(len(inside) + len(outside))
        return own.score(prompts[: len(inside)], prompts[len(inside) :], slice(len(prompts), None))

    return NodeValues(part, TITLE, n_nodes=len(cut.index), limits=(-1.0, 1.0), signed=True)


def _prepare(prepared: _Prepared, cut: "Cut", progress: ProgressCallback) -> None:
    """Prepare the rows of all nodes, once."""
    from ...spectral.live_prompt import LivePrompt

    report(progress, 0, 2, "preparing prompts")
    prepared.kind = LivePrompt
    if prepared.live is None:
        prepared.live = LivePrompt(cut.eigenvectors, eigenvalues=cut.eigenvalues)


def _complete(
    prepared: _Prepared, cut: "Cut", inside: NDArray[np.int64], outside: NDArray[np.int64], progress: ProgressCallback
) -> NodeValues:
    """All scores; where rows are not prepared yet, they are first."""
    _prepare(prepared, cut, progress)
    report(progress, 1, 2, "answering")
    values = _answer(prepared, cut, inside, outside)
    _ = values.values
    return values
