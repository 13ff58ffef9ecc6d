"""The methods of the cut, each named here once. Imports nothing heavy: settings and help list them, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .problem import Approximation, CutFit, Problem

__all__ = ["CUT_METHODS", "CutMethod", "method_names", "solver"]


@dataclass(frozen=True)
class CutMethod:
    """A way to solve the cut.

    Attributes
    ----------
    name
        What settings call it.
    title
        What people read.
    solve
        ``"module:function"`` of this room: from a :class:`~.problem.Problem` and :class:`~.problem.Approximation` to a
        :class:`~.problem.CutFit`.
    double
        Whether it needs double precision on the device, which MPS does not have.
    orthonormal
        Whether its columns are made orthonormal over all nodes where the user does not say.
    """

    name: str
    title: str
    solve: str
    double: bool = False
    orthonormal: bool = True


# To add a method, write a module with its function and name it here.
CUT_METHODS: tuple[CutMethod, ...] = (
    CutMethod("exact", "exact", "exact:fit_exact", double=True),
    CutMethod("nystrom", "Nyström", "nystrom:fit_nystrom"),
    CutMethod("knn", "nearest samples (paper)", "knn:fit_knn", orthonormal=False),
)


def method_names() -> tuple[str, ...]:
    """What `method` may be: ``"auto"``, which chooses by size, and the name of every method."""
    return ("auto", *(method.name for method in CUT_METHODS))


def solver(name: str) -> tuple[CutMethod, Callable[[Problem, Approximation], CutFit]]:
    """A method by its name, and its function."""
    method = next(method for method in CUT_METHODS if method.name == name)
    return method, resolve_name(f"{__package__}.{method.solve}")
