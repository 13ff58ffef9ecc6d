"""The part of the Study panel that says which brain data guide the alignment, and shows how it trains."""

from pathlib import Path

from magicgui.widgets import ComboBox, FloatSpinBox, PushButton, SpinBox
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ...errors import InputError
from ...progress import ProgressCallback
from ..coordinator.coordinator import Coordinator
from ..widgets.forms import PathField, note, row, section
from ..widgets.view import View
from ..work.dialogs import ask_existing_file, ask_folder
from ..work.task_runner import tell_error
from .training_curves import TrainingCurves

__all__ = ["BrainFields"]

UNUSABLE = {"raise": "stop and report them", "drop": "leave them out"}
DATA_FILES = "Responses (*.npz *.csv);;All files (*)"


class BrainFields(View):
    """Data, weight of the eigen-constraint, epochs, and the curves of the training."""

    def __init__(self, coordinator: Coordinator, parent: QWidget | None = None) -> None:
        super().__init__(coordinator, parent)
        self.data = PathField(
            "brain_data",
            "brain data",
            "Responses to the study's pictures: a subject's folder of the Algonauts release, a folder of your own, "
            "an .npz or a .csv file; see docs/brain.md",
            lambda text: ask_folder(self, "Folder of brain data", text),
            "folder or file",
        )
        self.choose_file = PushButton(
            name="choose_brain_file", text="Choose a file…", tooltip="Responses in an .npz or a .csv file"
        )
        self.simulate = PushButton(
            name="simulate_brain",
            text="Simulate…",
            tooltip="Simulate a subject who viewed the pictures of this study, for trying things out",
        )
        self.note = note(name="brain_note")
        self.eigen_weight = FloatSpinBox(
            name="eigen_weight",
            label="constraint",
            min=0,
            max=1000,
            step=0.1,
            tooltip="Weight of the eigen-constraint, which keeps the clusters of the features; 1 in the paper",
        )
        self.n_epochs = SpinBox(
            name="n_epochs",
            label="epochs",
            min=0,
            max=10_000,
            tooltip="Maximum; training stops when the held-out score stops improving. 0: closed-form solution only",
        )
        self.unusable = ComboBox(
            name="unusable",
            label="unusable voxels",
            choices=[(title, key) for key, title in UNUSABLE.items()],
            tooltip="Voxels with NaN or constant responses",
        )
        self.curves = TrainingCurves(coordinator, self)
        buttons = row(self.choose_file, self.simulate)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(
            section(
                "Brain data",
                self.data,
                buttons,
                self.note,
                self.eigen_weight,
                self.n_epochs,
                self.unusable,
                wide=[buttons],
            )
        )
        layout.addWidget(self.curves)
        self.choose_file.changed.connect(self._choose_file)
        self.simulate.changed.connect(self._simulate)

    @property
    def fields(self) -> dict[str, object]:
        """Widgets by the setting that they show."""
        return {
            "brain_data": self.data,
            "eigen_weight": self.eigen_weight,
            "n_epochs": self.n_epochs,
            "unusable": self.unusable,
        }

    @property
    def parts(self) -> tuple[TrainingCurves]:
        """The curves below."""
        return (self.curves,)

    def listen(self) -> None:
        """Follow the settings."""
        self.follow(self.coordinator.settings.events, self._draw)

    def redraw(self) -> None:
        """Show the settings."""
        self._draw()

    def _draw(self) -> None:
        settings = self.coordinator.settings
        self.setVisible(settings.alignment == "brain" and settings.kind == "alignedcut")
        if settings.alignment != "brain":
            return
        from ...brain import says_simulated

        data = settings.brain_data.strip()
        if not data:
            self.note.value = "The alignment is trained to predict these responses; the pictures must be in the study."
        elif says_simulated(data):
            self.note.value = "These responses are simulated."
        else:
            self.note.value = ""
        self.note.native.setVisible(bool(self.note.value))

    def _choose_file(self) -> None:
        path = ask_existing_file(self, "Brain data", self.data.text, DATA_FILES)
        if path is not None:
            self.coordinator.settings.update(brain_data=str(path))

    def _simulate(self) -> None:
        shown = self.coordinator.shown.study
        if shown is None:
            tell_error(InputError("Compute or open a study first; the simulated subject sees its pictures."))
            return
        number = 1
        while (folder := shown.around / f"{shown.path.stem}-simulated" / f"subj{number:02d}").exists():
            number += 1

        def work(progress: ProgressCallback) -> Path:
            from ...pipeline import simulate_brain

            return Path(simulate_brain(shown.study, folder, progress=progress))

        self.coordinator.tasks.start(
            "Simulating brain data", work, lambda made: self.coordinator.settings.update(brain_data=str(made))
        )
