"""A copy of a study that can be changed, and the original that is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.study import Study
from alignedcut_viewer.study.temporary_copy import temporary_copy
from tests.planted import noise_pictures, planted_features

pytestmark = pytest.mark.quick


@pytest.fixture
def original(tmp_path: Path, rng: np.random.Generator) -> Study:
    pictures = noise_pictures(tmp_path / "pictures", 2)
    with Study.create(tmp_path / "study", open_pictures(pictures)) as study:
        planted_features(study, "net", {0: rng.standard_normal((2, 5, 4))}, (2, 2))
    return Study.open(tmp_path / "study")


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("links", [True, False])
def test_a_copy_reads_as_the_original_and_leaves_it_alone(
    original: Study, tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:  # as on Windows, where the right to make links is rare

        def refused(*_: object, **__: object) -> None:
            raise OSError("a privilege is missing")

        monkeypatch.setattr(Path, "symlink_to", refused)
    path = Path(str(original.path))
    (path / ".leftover").mkdir()
    (path / ".leftover" / "half").write_bytes(b"")
    (path / ".lock-of-nobody").write_bytes(b"")
    for file in path.rglob("zarr.json"):
        file.chmod(0o444)
    before = content(path)
    copy = temporary_copy(original, tmp_path / "elsewhere" / "copy")
    assert not [found for found in copy.rglob(".*") if found.name.startswith(".l")]
    assert any(found.is_symlink() for found in copy.rglob("*")) == links
    with Study.open(copy, writable=True) as study:
        tokens, own = (s.network("net").tokens(0)[1] for s in (study, original))
        np.testing.assert_array_equal(tokens, own)
        # They lie elsewhere as seen from the copy.
        assert [one.is_file() for one in study.picture_set().paths] == [True, True]
        planted_features(study, "other", {0: np.ones((2, 5, 3))}, (2, 2))
    assert content(path) == before
    assert set(original.networks) == {"net"}
