"""The part of the Study panel that says what to compute."""

from functools import partial
from pathlib import Path

from magicgui.widgets import ComboBox, Container, LineEdit, PushButton, Select, SpinBox
from qtpy.QtWidgets import QVBoxLayout, QWidget
from superqt import QCollapsible

from ...backbones import TAPS, list_networks
from ...choices import PRECISIONS
from ...errors import InputError
from ...spectral.methods import CUT_METHODS
from ..coordinator.coordinator import Coordinator
from ..frames.loading import list_skipped
from ..frames.runs import preset_fields
from ..state.settings import ALIGNMENTS, JOINT_SCOPES, JOINT_SOLVERS, KINDS, PRESETS, SAMPLES
from ..widgets.forms import PathField, SettingsForm, listing, narrow, note, row, scrolled, section, show_row
from ..widgets.view import View
from ..work.dialogs import ask_existing_file, ask_folder, ask_study
from ..work.task_runner import tell_error
from .brain_fields import BrainFields
from .network_badges import NetworkBadges

__all__ = ["ComputeTab"]

METHODS = {"auto": "chosen by size"} | {method.name: method.title for method in CUT_METHODS}
PRESET_NOTE = (
    "Networks stay as chosen; the paper's are CLIP ViT-B/16, DINOv2 ViT-B/14 with registers and MAE ViT-B/16, aligned "
    "by brain data. 50,000 landmarks take 10 GB of memory, or time where less is allowed."
)
WEIGHT_FILES = "Checkpoints (*.safetensors *.pt *.pth *.bin);;All files (*)"


class ComputeTab(View):
    """Pictures, networks, layers, alignment and cut."""

    def __init__(self, coordinator: Coordinator, parent: QWidget | None = None) -> None:
        super().__init__(coordinator, parent)
        folder = partial(self._ask_folder, "Folder of pictures")
        self.source = PathField(
            "source", "pictures", "A folder of pictures, a file, or a pattern such as photos/*.jpg", folder, "folder"
        )
        self.show_pictures = PushButton(name="show_pictures", text="Show", tooltip="Show these pictures")
        self.use_samples = PushButton(
            name="use_samples",
            text="Sample pictures",
            tooltip="Photographs that come with scikit-image and scikit-learn",
        )
        self.picture_note = note(name="picture_note")
        buttons = row(self.use_samples, self.show_pictures)

        self.networks = Select(
            name="networks",
            label="networks",
            choices=[(spec.title, spec.name) for spec in list_networks()],
            tooltip="Click to choose one or more; use 'others' for any timm or Hugging Face model",
        )
        listing(self.networks)
        for line, spec in enumerate(list_networks()):
            self.networks.native.item(line).setToolTip(f"{spec.name}: {spec.note or spec.model} ({spec.licence})")
        self.badges = NetworkBadges(coordinator, self.networks.native, self)
        self.other_networks = LineEdit(
            name="other_networks",
            label="others",
            tooltip="Any vision transformer of timm by its name, or hf: and a Hugging Face id; separated by commas",
        )
        self.other_networks.native.setPlaceholderText("timm name, or hf:owner/model")
        self.layers = LineEdit(
            name="layers", label="layers", tooltip="all, or numbers and ranges counted from 0, such as 4, 8-11"
        )

        self.preset = ComboBox(
            name="preset",
            label="settings",
            choices=[(title, key) for key, title in PRESETS.items()],
            tooltip="Sets the fields below, and more that has no field here, as in the AlignedCut paper "
            "(docs/method.md); single fields can be changed afterwards",
        )
        self.preset_note = note(PRESET_NOTE, name="preset_note")
        self.kind = ComboBox(
            name="kind",
            label="kind of cut",
            choices=[(title, key) for key, title in KINDS.items()],
            tooltip="One graph over the tokens of all layers, or one cut that all layers' attention graphs agree on",
        )
        self.joint_scope = ComboBox(
            name="joint_scope",
            label="cut",
            choices=[(title, key) for key, title in JOINT_SCOPES.items()],
            tooltip="One joint cut of all pictures, or one of each, their eigenvectors turned to agree afterwards",
        )
        self.joint_solver = ComboBox(
            name="joint_solver",
            label="solver",
            choices=[(title, key) for key, title in JOINT_SOLVERS.items()],
            tooltip="How the joint cut is found: exactly, or by descent on the paper's objective (much slower)",
        )
        self.weights_of_layers = ComboBox(
            name="weights_of_layers",
            label="layers count",
            choices=[("by agreement", "agreement"), ("all the same", "uniform"), ("by resolution", "resolution")],
            tooltip="How much each layer counts in the joint cut; by agreement, those count most that agree with it",
        )
        self.neighbours = SpinBox(
            name="neighbours",
            label="neighbours",
            min=1,
            max=1000,
            tooltip="Neighbours of each token: this many in its own picture, and as many in other pictures",
        )
        self.alignment = ComboBox(
            name="alignment",
            label="alignment",
            choices=[(title, key) for key, title in ALIGNMENTS.items()],
            tooltip="Aligns the channels of layers and networks, so that they share colours",
        )
        self.alignment_file = PathField(
            "alignment_file",
            "file",
            "A saved alignment (safetensors)",
            lambda text: ask_existing_file(self, "Alignment", text, "Alignments (*.safetensors);;All files (*)"),
        )
        self.brain = BrainFields(coordinator, self)
        self.n_components = SpinBox(
            name="n_components", label="eigenvectors", min=2, max=1000, tooltip="More eigenvectors separate finer parts"
        )
        self.gamma = LineEdit(
            name="gamma",
            label="gamma",
            tooltip="Width of the affinity exp((cos - 1) / gamma): smaller is sharper. A number, or auto",
        )

        self.study = PathField(
            "study",
            "study",
            "The folder that keeps all results, or a URL such as s3://bucket/my-study",
            self._ask_study,
        )
        self.cut_name = LineEdit(
            name="cut_name",
            label="result",
            tooltip="Name of the next result. Results stand side by side; the View tab shows, renames and deletes them",
        )
        self.open_study = PushButton(
            name="open_study",
            text="Open study…",
            tooltip="Show a study computed before: a folder, or the URL entered above",
        )

        for box in (
            *(self.preset, self.alignment, self.kind),
            *(self.joint_scope, self.joint_solver, self.weights_of_layers),
        ):
            narrow(box)
        self.form = SettingsForm(
            coordinator,
            {
                "source": self.source,
                "networks": self.networks,
                "other_networks": self.other_networks,
                "layers": self.layers,
                "kind": self.kind,
                "joint_scope": self.joint_scope,
                "joint_solver": self.joint_solver,
                "weights_of_layers": self.weights_of_layers,
                "neighbours": self.neighbours,
                "alignment": self.alignment,
                "alignment_file": self.alignment_file,
                **self.brain.fields,
                "n_components": self.n_components,
                "gamma": self.gamma,
                "study": self.study,
                "cut_name": self.cut_name,
                **self._make_more(),
            },
        )
        more = QCollapsible("More settings")
        more.toggleButton().setToolTip("Settings that rarely need to change: sizes, seeds, devices, memory")
        more.setDuration(0)
        more.addWidget(self.more)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(
            scrolled(
                section("Pictures", self.source, buttons, self.picture_note, wide=[buttons]),
                section("Networks", self.networks, self.other_networks, self.layers, wide=[self.networks]),
                section(
                    "Cut",
                    self.preset,
                    self.preset_note,
                    self.kind,
                    self.alignment,
                    self.alignment_file,
                    self.joint_scope,
                    self.joint_solver,
                    self.weights_of_layers,
                    self.neighbours,
                    self.n_components,
                    self.gamma,
                ),
                self.brain,
                section("Study", self.study, self.cut_name, self.open_study),
                more,
            )
        )
        self.preset.changed.connect(lambda preset: coordinator.settings.update(**preset_fields(preset)))
        self.show_pictures.changed.connect(self._open_source)
        self.source.line.native.returnPressed.connect(self._open_source)
        self.use_samples.changed.connect(lambda: coordinator.open_pictures(SAMPLES))
        self.open_study.changed.connect(self._open_study)

    def _make_more(self) -> dict[str, Container]:
        weights = PathField(
            "weights",
            "weights",
            "A checkpoint file, if only one network is chosen; otherwise published weights are used",
            lambda text: ask_existing_file(self, "Weights", text, WEIGHT_FILES),
            "published weights",
        )
        fields = {
            "tap": ComboBox(choices=list(TAPS), tooltip="Where in a layer features are taken; the paper: attention"),
            "input_size": SpinBox(
                label="input size", max=4096, tooltip="Side of the network's input in pixels; automatic: its own"
            ),
            "weights": weights,
            "method": ComboBox(
                label="solver", choices=[(title, key) for key, title in METHODS.items()], tooltip="How the graph is cut"
            ),
            "n_landmarks": SpinBox(
                label="landmarks",
                max=1_000_000,
                tooltip="Landmark nodes that approximate a large graph; automatic: chosen by size",
            ),
            "seed": SpinBox(max=2**31 - 1, tooltip="The same seed gives the same result"),
            "device": LineEdit(tooltip="auto, cpu, cuda, cuda:1 or mps"),
            "precision": ComboBox(choices=PRECISIONS, tooltip="auto: half on a GPU, single on the CPU"),
            "batch_size": SpinBox(label="batch", min=1, max=4096, tooltip="Pictures per forward pass"),
            "memory": LineEdit(tooltip="How much memory the cut may use, such as 4GiB"),
            "workers": SpinBox(
                max=1024,
                tooltip="Processes on this machine that long work goes to; 0: none beside this window. "
                "The result is the same",
            ),
            "scheduler": LineEdit(
                tooltip="Or the address of a Dask scheduler whose workers it goes to, such as tcp://10.0.0.1:8786 "
                "(docs/scale.md)"
            ),
        }
        for name in ("input_size", "n_landmarks"):
            fields[name].native.setSpecialValueText("automatic")
        fields["workers"].native.setSpecialValueText("none")
        fields["scheduler"].native.setPlaceholderText("none")
        for name, widget in fields.items():
            widget.name = name
            if isinstance(widget, ComboBox):
                narrow(widget)
        self.more = section("", *fields.values())
        return fields

    @property
    def parts(self) -> tuple[View, ...]:
        """What brain data need, and where the networks' weights are."""
        return self.brain, self.badges

    def listen(self) -> None:
        """Follow settings and what is shown."""
        self.follow(self.coordinator.settings.events, self._draw_settings)
        self.follow(self.coordinator.shown.changed, self._draw_pictures)

    def redraw(self) -> None:
        """Show the settings and the number of pictures."""
        self._draw_settings()
        self._draw_pictures()

    def _draw_settings(self) -> None:
        settings = self.coordinator.settings
        self.form.show(settings)
        joint = settings.kind != "alignedcut"
        with self.preset.changed.blocked():
            self.preset.value = settings.preset
        self.preset_note.native.setVisible(bool(settings.preset) and not joint)
        for widget in (self.preset, self.alignment, self.gamma):
            show_row(widget, not joint)
        for widget in (self.joint_scope, self.joint_solver):
            show_row(widget, joint)
        for widget in (self.weights_of_layers, self.neighbours):
            show_row(widget, joint and settings.joint_solver != "paper")
        show_row(self.alignment_file, settings.alignment == "file" and not joint)

    def _draw_pictures(self) -> None:
        pictures, study = self.coordinator.shown.pictures, self.coordinator.shown.study
        self.source.line.native.setPlaceholderText("folder" if study is None else "those of the study")
        if pictures is None:
            self._suggest_name()
            self.picture_note.value = "Choose a folder, or start with the sample pictures."
            return
        self._suggest_name()
        skipped = dict(study.skipped) if study is not None else {}
        skipped |= {pictures.names[position]: reason for position, reason in pictures.unreadable.items()}
        line = f"{len(pictures.names)} pictures"
        if skipped:
            named = ", ".join(list(skipped)[:5]) + (" and others" if len(skipped) > 5 else "")
            line += f"; {len(skipped)} skipped: {named} (hover to see why)"
        self.picture_note.value = line
        self.picture_note.tooltip = "\n".join(list_skipped(skipped))

    def _suggest_name(self) -> None:
        """Show what the next result will be called where the user does not say."""
        study = self.coordinator.shown.study
        suggested = "default" if study is None else study.study.names.suggested
        self.cut_name.native.setPlaceholderText(f"{suggested} (automatic)")

    def _open_source(self) -> None:
        if self.source.text.strip():
            self.coordinator.open_pictures(self.source.text.strip())

    def _open_study(self) -> None:
        shown = self.coordinator.shown.study
        try:
            path = ask_study(self, self.study.text, None if shown is None else shown.path)
        except InputError as error:
            tell_error(error)
            return
        if path is not None:
            self.coordinator.open_study(path)

    def _ask_folder(self, title: str, start: str) -> Path | None:
        path = ask_folder(self, title, "" if start == SAMPLES else start)
        if path is not None:
            self.coordinator.open_pictures(path)
        return path

    def _ask_study(self, start: str) -> Path | None:
        return ask_folder(self, "Folder of the study", start)
