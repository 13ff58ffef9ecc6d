"""The Concepts panel: groups of pixels that a network treats alike, named and kept by the user."""

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from ...errors import AlignedCutError
from ...progress import ProgressCallback
from ..widgets.painting import Colours
from ..widgets.panel_base import Panel
from ..widgets.panel_export import Table
from ..widgets.view import View
from ..work.task_runner import tell_error
from .concept_list import ConceptList
from .consistency_view import ConsistencyView
from .details import SORTS, ConceptDetails, concept_details, detail_key, ordered, spelled_search
from .discovery_form import DiscoveryForm
from .edits import edit_concepts
from .export import concepts_figure, concepts_table
from .set_chooser import ConceptSetChooser
from .transition_view import TransitionView

if TYPE_CHECKING:
    from ...study.concept_set import Concept, ConceptSet
    from ...study.cut import Cut

__all__ = ["ConceptsPanel"]

AT_A_TIME = 4
NO_CONCEPTS = (
    "No concepts yet. Press Discover: pixels that lie together in the space of the colours become concepts, which can "
    "be named, merged and selected."
)


class ConceptsPanel(Panel):
    """List of concepts with pictures, their consistency, and transitions between layers."""

    title = "Concepts"
    purpose = "This panel then finds groups of pixels that a network represents similarly."
    keys = (
        ("Up, Down", "choose the next concept, with Shift several"),
        ("F2", "rename"),
        ("Ctrl-M", "merge those chosen"),
        ("Ctrl-P", "pin or unpin"),
        ("Arrows, Enter", "move through the transitions, choose the pixels of one"),
    )
    minimum_width = 320
    usual_size = (400, 680)
    asks = ("Discovering concepts",)
    exported = "concepts"

    # -- layout --------------------------------------------------------------------------------------------------

    def build(self) -> QWidget:
        """The form, three tabs, and the export button."""
        self._details: dict[tuple[Any, ...], ConceptDetails] = {}
        self._everything: list[Concept] = []
        self._looked_at: Any = None
        self._looking = self.latest_task("Looking at concepts", self._on_details)
        colours = Colours.of(self.coordinator.viewer)
        self.form = DiscoveryForm(lambda: self.state)
        self.summary = QLabel(NO_CONCEPTS)
        self.summary.setWordWrap(True)
        self.summary.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.sets = ConceptSetChooser(self.coordinator)
        self.sort = QComboBox()
        for key, words in SORTS.items():
            self.sort.addItem(words, key)
        self.sort.setToolTip("Order of the list")
        self.sort.setCurrentIndex(max(self.sort.findData(self.state.get("sort", "size")), 0))
        self.words = QLineEdit()
        self.words.setPlaceholderText("filter by name")
        self.words.setClearButtonEnabled(True)
        self.words.setToolTip("Show only concepts whose names contain these words")
        self.list = ConceptList(colours)
        self.rename = _button("Rename", "Rename the selected concept (F2, or double-click)")
        self.merge = _button(
            "Merge", "Merge the selected concepts into one (Ctrl- or Shift-click selects several; Ctrl+M)"
        )
        self.pin = _button("Pin", "Keep the selected concepts when concepts are discovered again (Ctrl+P)")
        listing = QWidget()
        column = QVBoxLayout(listing)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(3)
        column.addLayout(_line(self.sort, self.words))
        column.addWidget(self.list, 1)
        column.addLayout(_line(self.rename, self.merge, self.pin))
        self.overlay = _button("All on the pictures", "Show every pixel in the colour of its concept, in all pictures")
        self.overlay.setCheckable(True)
        self.consistency = ConsistencyView(self.coordinator)
        self.transitions = TransitionView(self.coordinator)
        self.tabs = QTabWidget()
        self.tabs.addTab(listing, "Concepts")
        self.tabs.addTab(self.consistency, "Consistency")
        self.tabs.addTab(self.transitions, "Transitions")
        self.tabs.setCurrentIndex(int(self.state.get("tab", 0)))
        contents = QWidget()
        layout = QVBoxLayout(contents)
        layout.setContentsMargins(4, 10, 4, 4)  # the dock's title covers the first few pixels
        layout.setSpacing(4)
        layout.addWidget(self.form)
        shown = QHBoxLayout()
        shown.addWidget(self.summary, 1)
        shown.addWidget(self.sets)
        layout.addLayout(shown)
        layout.addWidget(self.tabs, 1)
        foot = QHBoxLayout()
        foot.addWidget(self.overlay)
        foot.addStretch(1)
        foot.addWidget(self.export)
        layout.addLayout(foot)
        self.overlay.clicked.connect(self._show_all)
        self.form.discover.clicked.connect(self.discover)
        self.sort.currentIndexChanged.connect(self._on_order)
        self.words.textChanged.connect(self._on_order)
        self.list.chosen.connect(self._on_chosen)
        self.list.renamed.connect(self._rename)
        self.list.sign_clicked.connect(self._toggle_pin)
        self.list.crop_clicked.connect(self._go_to)
        self.rename.clicked.connect(self._edit_name)
        self.merge.clicked.connect(self._merge)
        self.pin.clicked.connect(self._pin_chosen)
        self.tabs.currentChanged.connect(self._on_tab)
        self.consistency.drawn.connect(self._on_enabled)
        self.transitions.drawn.connect(self._on_enabled)
        self.list.actions_of_keys = {(Qt.Key.Key_M, True): self._merge, (Qt.Key.Key_P, True): self._pin_chosen}
        return contents

    @property
    def parts(self) -> tuple[View, ...]:
        """Two of the tabs, and which concepts are shown."""
        return self.consistency, self.transitions, self.sets

    # -- listening -----------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """Follow what is shown, what is at work, and the theme."""
        coordinator = self.coordinator
        self.follow(coordinator.shown.changed, self.refresh)
        self.follow(coordinator.shown.concepts_changed, self.refresh)
        self.follow(coordinator.tasks.changed, self._on_task)
        self.follow(coordinator.canvas.changed, self._on_canvas)
        self.follow_theme(self._on_theme)

    def redraw(self) -> None:
        """Show everything as it is now."""
        self._on_theme()
        self._on_canvas(self.coordinator.canvas.current)
        self._on_task(self.coordinator.tasks.state)
        self.refresh()

    def _on_theme(self, *_: Any) -> None:
        self.list.set_colours(Colours.of(self.coordinator.viewer))

    def _on_task(self, task: Any) -> None:
        self.form.discover.setEnabled(not task.busy and self._cut is not None)

    def _on_tab(self, number: int) -> None:
        self.state["tab"] = number
        self._on_enabled()

    # -- the list ------------------------------------------------------------------------------------------------

    @property
    def _cut(self) -> "Cut | None":
        return None if self.coordinator.shown.study is None else self.coordinator.shown.study.cut

    @property
    def concepts(self) -> "ConceptSet | None":
        """The concepts of the cut that is shown."""
        return None if self._cut is None else self._cut.concepts

    def refresh(self) -> None:
        """Show the concepts as they are on disk now."""
        cut, concepts = self._cut, self.concepts
        # Kept, as concepts that are discovered anew replace those on disk a moment before they are shown.
        self._everything = everything = [] if concepts is None else concepts.concepts
        if cut is None:
            self.say_no_result()
        elif concepts is None or not everything:
            self.show_contents()
            self.summary.setText(NO_CONCEPTS)
        else:
            self.show_contents()
            searched = len(concepts.searched)
            held = sum(concept.size for concept in everything)
            self.summary.setText(
                f"{len(everything)} concepts hold {min(100 * held / max(searched, 1), 100):.0f} % of the "
                f"{searched:,} pixels that were searched ({spelled_search(concepts)}). "
                "Click one to select its pixels, or a picture to go there."
            )
            self.list.n_networks = len(cut.index.networks)
        self._show_list()
        self.consistency.show_concepts(concepts)
        self.transitions.show_concepts(concepts)
        self._show_crops()
        self._on_enabled()
        self._on_task(self.coordinator.tasks.state)
        self._look_at_more()

    def _show_list(self) -> None:
        details = self._known_details()
        first = {id: one.layers[0] for id, one in details.items() if one.layers}
        shown = ordered(self._everything, self.sort.currentData(), self.words.text(), first)
        self.list.show_rows(shown, details)

    def _known_details(self) -> dict[int, ConceptDetails]:
        cut = self._cut
        if cut is None:
            return {}
        keys = {concept.id: detail_key(cut, concept) for concept in self._everything}
        return {id: self._details[key] for id, key in keys.items() if key in self._details}

    def _look_at_more(self) -> None:
        """Compute the details of the next few concepts that have none, from the top of the list."""
        study, cut = self.coordinator.shown.study, self._cut
        if study is None or cut is None or not self._listening:
            return
        missing = [one for one in self.list.rows if detail_key(cut, one) not in self._details][:AT_A_TIME]
        wanted = [detail_key(cut, one) for one in missing]
        if not missing or (self._looking.busy and self._looked_at == wanted):
            return
        self._looked_at, opened = wanted, study.study
        self._looking.start(lambda progress: concept_details(opened, cut, missing, progress))

    def _show_crops(self) -> None:
        """Let the flow show a picture of each concept."""
        crops = {id: details.crops[0] for id, details in self._known_details().items() if details.crops}
        self.transitions.show_crops(crops)

    def _on_details(self, found: dict[tuple[Any, ...], ConceptDetails]) -> None:
        self._details.update(found)
        self._show_crops()
        if self.sort.currentData() == "layer":
            self._show_list()
        else:
            self.list.show_details(self._known_details())
        self._look_at_more()

    def _on_order(self, *_: Any) -> None:
        self.state["sort"] = self.sort.currentData()
        self._show_list()
        self._look_at_more()

    def _on_enabled(self) -> None:
        chosen = self.list.chosen_keys
        self.rename.setEnabled(len(chosen) == 1)
        self.merge.setEnabled(len(chosen) > 1)
        self.pin.setEnabled(bool(chosen))
        self.pin.setText("Unpin" if chosen and all(one.pinned for one in self.list.chosen_rows) else "Pin")
        page = self.tabs.currentIndex()
        ready = (bool(self.list.rows), self.consistency.has_numbers, self.transitions.has_numbers)
        self.export.setEnabled(ready[page] if 0 <= page < 3 else False)

    # -- what the user does --------------------------------------------------------------------------------------

    def _show_all(self, on: bool) -> None:
        canvas = self.coordinator.canvas
        try:
            canvas.show("concepts") if on else canvas.clear()
        except AlignedCutError as error:
            tell_error(error)
        self._on_canvas(canvas.current)

    def _on_canvas(self, current: str) -> None:
        self.overlay.setChecked(current == "concepts")

    def _on_chosen(self) -> None:
        import numpy as np

        self._on_enabled()
        chosen = self.list.chosen_rows
        self.consistency.choose(chosen[0].id if chosen else None)
        self._on_enabled()
        if not chosen:
            return
        members = np.concatenate([one.members for one in chosen])
        try:
            self.coordinator.selection.select(members)
            self._show_one_of(members, chosen[0])
        except AlignedCutError as error:
            tell_error(error)

    def _show_one_of(self, members: Any, concept: "Concept") -> None:
        """Go to the best example where the sliders show none of the members."""
        cut, position = self._cut, self.coordinator.view.position
        if cut is None or position is None:
            return
        network, layer, image = position
        if layer in cut.index.network(network).layers:
            here = cut.index.image_slice(network, layer, image)
            if ((members >= here.start) & (members < here.stop)).any():
                return
        details = self.list.model_.details.get(concept.id)
        self._go_to(int(details.nodes[0]) if details is not None and len(details.nodes) else concept.centre)

    def _go_to(self, node: int) -> None:
        try:
            self.coordinator.go_to(node)
        except AlignedCutError as error:
            tell_error(error)

    def discover(self) -> None:
        """Discover concepts with the settings, in the background."""
        study, cut = self.coordinator.shown.study, self._cut
        if study is None or cut is None:
            return
        work = partial(_discover, study.study, cut.name, self.form.settings(self.coordinator.view.position))
        self.coordinator.tasks.start("Discovering concepts", work, self._discovered, spreads=True)

    def _discovered(self, _: Any) -> None:
        self.coordinator.shown.concepts_changed.emit()
        if self._listening:
            self.sets.redraw()

    def _edit_name(self) -> None:
        self.tabs.setCurrentIndex(0)
        self.list.edit_name()

    def _rename(self, id: int, name: str) -> None:
        self._change(lambda concepts: concepts.rename(id, name))

    def _toggle_pin(self, id: int) -> None:
        self._change(lambda concepts: concepts.pin(id, not concepts[id].pinned))

    def _pin_chosen(self) -> None:
        def change(concepts: "ConceptSet") -> None:
            chosen = self.list.chosen_keys
            pinned = not all(concepts[id].pinned for id in chosen)
            for id in chosen:
                concepts.pin(id, pinned)

        self._change(change)

    def _merge(self) -> None:
        chosen = self.list.chosen_keys
        if len(chosen) < 2:
            return

        def change(concepts: "ConceptSet") -> None:
            largest = sorted(chosen, key=lambda id: (not _is_named(concepts[id]), -concepts[id].size))
            merged = concepts.merge(largest)
            self.list.choose([merged])

        self._change(change)
        self._on_chosen()

    def _change(self, change: Any) -> None:
        """Change the concepts on disk, then show them; what is wrong is told."""
        concepts = self.concepts
        if concepts is None:
            return
        edit_concepts(self.coordinator, concepts, change)

    # -- export --------------------------------------------------------------------------------------------------

    def figure(self) -> Any:
        """What is seen, for print."""
        page = self.tabs.currentIndex()
        if page == 1:
            return self.consistency.figure()
        if page == 2:
            return self.transitions.figure()
        study, cut = self.coordinator.shown.study_and_cut()
        shown = list(self.list.rows)
        return partial(concepts_figure, study.study, cut, shown, self._known_details())

    def table(self) -> Table:
        """The numbers under it."""
        page = self.tabs.currentIndex()
        if page == 1:
            return self.consistency.table()
        if page == 2:
            return self.transitions.table()
        concepts = self.concepts
        assert concepts is not None
        return concepts_table(concepts, [concept.id for concept in self.list.rows])


def _discover(study: Any, cut: str, settings: dict[str, Any], progress: ProgressCallback) -> Any:
    from ...pipeline.concept_stage import ConceptSettings, discover_concepts

    return discover_concepts(study, cut, ConceptSettings(**settings), progress)


def _is_named(concept: "Concept") -> bool:
    return concept.name != f"Concept {concept.id}"


def _button(words: str, tooltip: str) -> QPushButton:
    button = QPushButton(words)
    button.setToolTip(tooltip)
    return button


def _line(*widgets: QWidget) -> QHBoxLayout:
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(5)
    for widget in widgets:
        layout.addWidget(widget, 1)
    return layout
