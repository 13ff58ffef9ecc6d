"""Damaged and hostile files: a result or a sentence; no traceback, and not all of the memory."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alignedcut_viewer.errors import AlignedCutError

from .memory import little_memory
from .mutations import damaged_bytes, edited_json
from .samples import JSON_SAMPLES, SAMPLES, Sample, content_of

pytestmark = [
    pytest.mark.quick,
    pytest.mark.filterwarnings("ignore"),  # libraries warn of what they find in such files, and are right to
]

EXAMPLES = int(os.environ.get("ALIGNEDCUT_HOSTILE_EXAMPLES", "25"))
"""Files of each kind; `ALIGNEDCUT_HOSTILE_EXAMPLES=2000` for a long search."""

SEARCH = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES <= 25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("valid")
    for sample in (*SAMPLES, *JSON_SAMPLES):
        sample.make(folder / sample.name)
    return folder


def read(sample: Sample, folder: Path, content: bytes) -> None:
    """Write what hypothesis made of the file, and use it."""
    path = folder / sample.name
    path.write_bytes(content)
    with little_memory(), contextlib.suppress(AlignedCutError):
        sample.use(path)


@pytest.mark.parametrize("sample", [*SAMPLES, *JSON_SAMPLES], ids=lambda sample: sample.name)
def test_the_valid_file_is_read(valid: Path, sample: Sample) -> None:
    assert sample.use(valid / sample.name) is not None


@pytest.mark.parametrize("sample", [*SAMPLES, *JSON_SAMPLES], ids=lambda sample: sample.name)
@SEARCH
@given(data=st.data())
def test_damaged_bytes_are_a_result_or_a_sentence(valid: Path, sample: Sample, data: st.DataObject) -> None:
    kept = valid / "damaged"
    kept.mkdir(exist_ok=True)
    for beside in valid.glob("b*.png"):
        shutil.copy(beside, kept)
    read(sample, kept, data.draw(damaged_bytes((valid / sample.name).read_bytes())))


@pytest.mark.parametrize("sample", JSON_SAMPLES, ids=lambda sample: sample.name)
@SEARCH
@given(data=st.data())
def test_edited_descriptions_are_a_result_or_a_sentence(valid: Path, sample: Sample, data: st.DataObject) -> None:
    kept = valid / "edited"
    kept.mkdir(exist_ok=True)
    read(sample, kept, data.draw(edited_json(content_of(valid / sample.name))))
