"""How loops are compiled for the CPU."""

from __future__ import annotations

from typing import Any

import numba

__all__ = ["compiled"]


def compiled(function: Any) -> Any:
    """Compile a loop with numba: without the interpreter lock, vectorised, and kept on disk for the next run.

    Division never branches to raise ZeroDivisionError, which would keep loops from being vectorised. Where no folder
    can be written to (a read-only installation without a home), the loop is compiled anew in every run.
    """
    options = {"nogil": True, "fastmath": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        return numba.njit(**options)(function)
