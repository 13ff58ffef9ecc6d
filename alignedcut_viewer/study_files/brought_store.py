"""What zarr reads arrays of a study elsewhere from."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zarr.storage import LocalStore

if TYPE_CHECKING:
    from .local_files import LocalFiles

__all__ = ["BroughtStore"]


class BroughtStore(LocalStore):  # type: ignore[misc] # zarr has no types for us
    """A folder of a working copy, whose files are brought before they are read.

    Parameters
    ----------
    folder
        Of the array.
    files
        The study's files.
    read_only
        Whether nothing may be written.
    """

    def __init__(self, folder: Path, files: LocalFiles, *, read_only: bool = False) -> None:
        super().__init__(folder, read_only=read_only)
        self._folder, self._files = folder, files

    def with_read_only(self, read_only: bool = False) -> BroughtStore:
        """The same for reading only, or for writing as well."""
        return type(self)(self._folder, self._files, read_only=read_only)

    async def get(self, key: str, *more: Any, **named: Any) -> Any:
        """What a file holds."""
        await asyncio.to_thread(self._files.bring, self._folder / key)
        return await super().get(key, *more, **named)

    async def exists(self, key: str) -> bool:
        """Whether there is a file."""
        await asyncio.to_thread(self._files.bring, self._folder / key)
        return bool(await super().exists(key))
