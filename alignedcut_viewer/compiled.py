"""How loops are compiled for the CPU."""

from __future__ import annotations

from typing import Any

import numba

__all__ = ["compiled", "compiled_in_order"]


def compiled(function: Any) -> Any:
    """Compile a loop with numba: without the interpreter lock, vectorised, and kept on disk for the next run.

    Sums may be taken in any order. Division never branches to raise ZeroDivisionError, which would keep loops from
    being vectorised. Where no folder can be written to (a read-only installation without a home), the loop is compiled
    anew in every run.
    """
    return _compile(function, True)


def compiled_in_order(function: Any) -> Any:
    """Like :func:`compiled`, but sums keep their order, so that equal input gives equal output wherever it stands.

    A product and a sum may still become one fused operation.
    """
    return _compile(function, {"contract"})


def _compile(function: Any, fastmath: bool | set[str]) -> Any:
    options = {"nogil": True, "fastmath": fastmath, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        return numba.njit(**options)(function)
