"""The layers of segments and prompts follow the state."""

from collections.abc import Callable
from typing import Any

from ...errors import AlignedCutError
from ..frames.prompt_stack import PromptStack
from ..frames.segment_stack import SegmentStack
from ..layers.segment_layers import SegmentLayers
from ..state.view_state import ViewState
from .canvas import Canvas
from .prompting import Prompting
from .segments import Segments
from .shown import Shown

__all__ = ["SegmentBinding"]


class SegmentBinding:
    """Keeps the layers of segments and prompts equal to the state, and takes over what is painted.

    Parameters
    ----------
    layers
        The layers.
    is_open
        Whether there is still a window to draw in.
    shown, segments, prompting, view, canvas
        The state.
    tell
        Called with what went wrong with a stroke.
    """

    def __init__(
        self,
        layers: SegmentLayers,
        is_open: Callable[[], bool],
        *,
        shown: Shown,
        segments: Segments,
        prompting: Prompting,
        view: ViewState,
        canvas: Canvas,
        tell: Callable[[BaseException], None],
    ) -> None:
        self._layers, self._is_open, self._tell, self._canvas = layers, is_open, tell, canvas
        self._shown, self._segments, self._prompting, self._view = shown, segments, prompting, view
        self._prompts: PromptStack | None = None
        segments.changed.connect(self.draw_segments)
        prompting.marks.changed.connect(self.draw_prompts)
        view.events["picture"].connect(self.draw_colours)

    def take_over(self) -> None:
        """Take over what was painted on the labels."""
        stack = self._layers.stack
        if stack is None:
            return
        for position, frame in stack.take_painted().items():
            try:
                self._segments.paint(position, frame)
            except AlignedCutError as error:
                self._tell(error)
        self._layers.refresh_segments()

    def draw_segments(self) -> None:
        """Show the segments that are open."""
        study, edits = self._shown.study, self._segments.edits
        if not self._is_open():
            return
        layer: Any = self._layers.segments
        if study is None or edits is None:
            self._layers.hide_segments()
            if layer is not None:
                layer.metadata.pop("segments", None)
            self._canvas.gone("segments")
            return
        stack = self._layers.stack
        fresh = stack is None or stack.images != study.images or stack.layout is not study.pictures.layout
        if not fresh:
            self._layers.refresh_segments()
            self.draw_colours()
        else:
            made = SegmentStack(self._labels, study.images, study.pictures.layout)
            self._layers.show_segments(made, "Segments", self._colours())
        layer = self._layers.segments
        if layer is not None and (fresh or layer.metadata.get("segments") != self._segments.name):
            layer.metadata["segments"] = self._segments.name
            layer.visible = True
            self._canvas.came("segments")

    def _labels(self, image: int) -> Any:
        edits = self._segments.edits
        return None if edits is None or image not in edits.images else edits.map_of(image)

    def _colours(self) -> dict[int, tuple[int, int, int]]:
        edits, image = self._segments.edits, self._segments.image
        if edits is None or image is None or image not in edits.images:
            return {}
        if edits.joint:
            return {segment.key.number: segment.colour for segment in edits.segments}
        return {segment.key.number: segment.colour for segment in edits.of_image(image)}

    def draw_colours(self, *_: Any) -> None:
        """Colour the numbers as the picture in view has them."""
        if self._is_open() and self._segments.edits is not None:
            self._layers.set_colours(self._colours())

    def draw_prompts(self) -> None:
        """Show the marks of all pictures."""
        study = self._shown.study
        if not self._is_open():
            return
        if study is None or not len(self._prompting.marks):
            self._layers.hide_prompts()
            return
        kept = self._prompts
        if kept is None or kept.images != study.images or kept.layout is not study.pictures.layout:
            self._prompts = PromptStack(self._prompting.marks.of_image, study.images, study.pictures.layout)
        assert self._prompts is not None
        self._layers.show_prompts(self._prompts)

    def draw_anew(self) -> None:
        """Other pictures may be shown."""
        self.draw_segments()
        self.draw_prompts()
