"""A study on media that cannot be written, as one that can: a copy for the time being."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path

from ..atomic_files import replace_json
from .pictures import PICTURES
from .study import Study

__all__ = ["temporary_copy"]

_DESCRIPTION = "zarr.json"


def temporary_copy(study: Study, folder: Path) -> Path:
    """Copy a study so that it can be changed without changing the original.

    Descriptions are copied. The files with numbers, which are replaced rather than changed, are linked to where the
    system lets us, so that features are not copied.

    Parameters
    ----------
    study
        The study.
    folder
        Where the copy goes; must not exist.

    Returns
    -------
    Path
        The copy.

    Raises
    ------
    OSError
        If there is no room for it.
    """
    paths = [str(path) for path in study.picture_set().paths]
    for root, folders, files in os.walk(study.path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        here = folder / Path(root).relative_to(study.path)
        here.mkdir(parents=True)
        for name in files:
            if not name.startswith("."):
                _bring(Path(root) / name, here / name)
    records = [{**record, "path": path} for record, path in zip(study.pictures.as_json(), paths, strict=True)]
    description = study.store.description(PICTURES)
    replace_json(
        folder / PICTURES / _DESCRIPTION,
        {**description, "attributes": {**description["attributes"], PICTURES: records}},
    )
    return folder


def _bring(source: Path, target: Path) -> None:
    if source.name.isdigit():  # a chunk; nobody writes into one that is there
        with contextlib.suppress(OSError, NotImplementedError):
            target.symlink_to(source.absolute())
            return
    shutil.copyfile(source, target)
    target.chmod(target.stat().st_mode | stat.S_IWUSR)
