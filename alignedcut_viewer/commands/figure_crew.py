"""Figures drawn by this process and by others beside it, each with a core of its own.

Matplotlib draws in one thread of Python. Another process opens the study itself, takes one figure after the other from
the same list as this one, and writes its files; what it cannot do, for whatever reason, this process does, so that
every error is met here.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..brain.centring import Centring
from ..errors import AlignedCutError, Cancelled, DamagedError
from ..figures.figure_kind import FigureKind, FigureOptions, Material, draw_figure, figure_table
from ..figures.figure_writer import PageFigure, page_figure, write_figure
from ..figures.lacking import Lacking
from ..progress import ProgressCallback, report, span
from ..tables import write_table

if TYPE_CHECKING:
    from ..figures import FigureGround
    from ..segmentation import LayerScore

__all__ = ["FigureCrew", "FigureOrder", "Finished", "MaterialSource", "spare_cores"]

_MOST = 3
"""Processes beside this one: each holds the study's arrays that it draws, and takes a second to begin."""
_PATIENCE = 30.0
"""Seconds that a process has to end; it looks between the parts of a figure whether it should."""


@dataclass(frozen=True, eq=False)
class MaterialSource:
    """What another process makes its :class:`~alignedcut_viewer.figures.Material` of; see there."""

    study: str
    cut: str
    figure_ground: FigureGround | Lacking
    masks: bool
    features: bool
    about: Centring
    oracle: Sequence[LayerScore] | None
    source: str
    options: FigureOptions
    serial: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Tells one from another."""

    @classmethod
    def of(cls, path: str, material: Material) -> Self:
        """That of a material, whose study lies at a path."""
        return cls(
            path,
            material.cut.name,
            material.figure_ground,
            material.masks,
            material.features is not None,
            material.about,
            material.oracle,
            material.source,
            material.options,
        )

    @classmethod
    def early(cls, path: str, cut: str, about: Centring, options: FigureOptions) -> Self:
        """That of a study whose figure and ground are not known yet; see :meth:`suffices`."""
        return cls(path, cut, Lacking("Figure and ground are not known."), False, False, about, None, "", options)

    def suffices(self, kind: FigureKind, *, computed: bool) -> bool:
        """Whether a kind of figure takes no figure and ground, and nothing that is not `computed` yet."""
        if kind.takes & {"figure_ground", "features", "oracle"} or kind.needs in ("masks", "layers"):
            return False
        return computed or not (kind.uses or kind.needs)

    def material(self) -> Material:
        """The material, of the study as it is now.

        Raises
        ------
        StudyError
            If there is no such study or cut.
        """
        from ..study.study import Study

        study = Study.open(self.study)
        cut = study.cut(self.cut)
        features: Any = None
        if self.features:
            from ..pipeline import aligned_features

            features = aligned_features(study, cut)
        return Material(
            study, cut, self.figure_ground, self.masks, features, self.about, self.oracle, self.source, self.options
        )


@dataclass(frozen=True, eq=False)
class FigureOrder:
    """One figure that is wanted.

    Attributes
    ----------
    kind
        Which.
    files
        Where it goes: figures, and ``.csv`` for its table, which is left out where the figure has none.
    dpi
        Dots an inch of PNG files, or None for the figure's own.
    page
        Whether a report shows it.
    """

    kind: FigureKind
    files: tuple[Path, ...] = ()
    dpi: float | None = None
    page: bool = False


@dataclass(frozen=True)
class Finished:
    """Files of a figure that are written, and the figure for a report if that was wanted."""

    files: tuple[Path, ...]
    page: PageFigure | None


Outcome = Finished | Lacking


def _carried_out(order: FigureOrder, material: Material, progress: ProgressCallback | None) -> Outcome:
    """Draw a figure and write its files; says what is lacking where it cannot be drawn."""
    report(progress, 0, 3, f"Drawing {order.kind.name}")
    try:
        figure = draw_figure(order.kind, material, span(progress, 0.0, 0.3))
    except DamagedError:
        raise
    except AlignedCutError as error:
        return Lacking(" ".join(str(error).split()))
    written, page = [], None
    pictures = [file for file in order.files if file.suffix.lower() != ".csv"]
    for done, file in enumerate(pictures):
        report(progress, 1 + done, 1 + len(pictures), f"Writing {order.kind.name}")
        page = write_figure(figure, [file], dpi=order.dpi, page=order.page and page is None and _is_png(file)) or page
        written.append(file)
    if order.page and page is None:
        page = page_figure(figure)
    for file in order.files:
        rows = figure_table(order.kind, material) if file not in pictures else None
        if rows is not None:
            written.append(write_table(file, rows))
    return Finished(tuple(written), page)


def _is_png(file: Path) -> bool:
    return file.suffix.lower() == ".png"


def spare_cores() -> int:
    """How many processes may draw beside this one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores - 1, _MOST)


class FigureCrew:
    """Processes that draw figures beside this one; leaving the block ends them.

    Parameters
    ----------
    n_beside
        How many; with none, all is drawn here. Where one cannot be started, or dies, the others and this one go on.
    """

    def __init__(self, n_beside: int) -> None:
        self._changed = threading.Condition()
        self._waiting: list[tuple[FigureOrder, MaterialSource]] = []
        self._here: list[FigureOrder] = []  # what only this process can do
        self._known: set[str] = set()
        self._outcomes: dict[str, Outcome] = {}
        self._closed = False
        self._links: list[Connection] = []
        self._processes: list[BaseProcess] = []
        self._feeders: list[threading.Thread] = []
        context = multiprocessing.get_context("spawn")
        for _ in range(n_beside):
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there,), daemon=True, name="alignedcut figures")
            try:
                process.start()
            except OSError:
                here.close()
                break
            finally:
                there.close()
            self._links.append(here)
            self._processes.append(process)
            self._feeders.append(threading.Thread(target=self._feed, args=(here,), daemon=True))
            self._feeders[-1].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for link, process, feeder in zip(self._links, self._processes, self._feeders, strict=True):
            with contextlib.suppress(OSError):
                link.send(None)
            process.join(_PATIENCE)
            if process.is_alive():
                process.terminate()
                process.join()
            feeder.join()
            link.close()
            process.close()

    def begin(self, orders: Iterable[FigureOrder], source: MaterialSource, *, computed: bool) -> None:
        """Let the other processes begin with those figures for which an early source suffices; without them, nothing.

        Parameters
        ----------
        orders
            All that are wanted.
        source
            See :meth:`MaterialSource.early`.
        computed
            Whether map, concepts and brain activation are in the study already, as far as it has data for them.
        """
        if self._processes:
            self._offer([order for order in orders if source.suffices(order.kind, computed=computed)], source)

    def finish(
        self,
        orders: Sequence[FigureOrder],
        material: Material,
        source: MaterialSource,
        progress: ProgressCallback | None = None,
    ) -> dict[str, Outcome]:
        """Draw figures, those that were begun included, and wait until all files are there.

        Parameters
        ----------
        orders
            All that are wanted, in the order of the result.
        material, source
            What they are drawn from, here and elsewhere.
        progress
            Called all along.

        Returns
        -------
        dict
            By name of the figure: its files, or what is lacking.

        Raises
        ------
        AlignedCutError
            If something cannot be read or written.
        """
        self._offer(orders, source)
        while len(self._outcomes) < len(orders):
            done = len(self._outcomes)
            with self._changed:
                order = self._here.pop() if self._here else None
                if order is None and self._waiting:
                    order = self._waiting.pop(0)[0]
                if order is None:
                    self._changed.wait(0.2)
            if order is None:
                report(progress, done, len(orders), "Waiting for figures")
                continue
            outcome = _carried_out(order, material, span(progress, done / len(orders), (done + 1) / len(orders)))
            with self._changed:
                self._outcomes[order.kind.name] = outcome
        report(progress, 1, 1, "Figures")
        return {order.kind.name: self._outcomes[order.kind.name] for order in orders}

    def _offer(self, orders: Iterable[FigureOrder], source: MaterialSource) -> None:
        with self._changed:
            fresh = [order for order in orders if order.kind.name not in self._known]
            self._known |= {order.kind.name for order in fresh}
            self._waiting += [(order, source) for order in fresh]
            self._waiting.sort(key=lambda one: -one[0].kind.seconds)  # long ones first, so that all end together
            self._changed.notify_all()

    def _feed(self, link: Connection) -> None:
        """Give one process figures, one after the other; in a thread of its own."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waiting)
                if self._closed:
                    return
                order, source = self._waiting.pop(0)
            outcome, gone = None, False
            try:
                link.send((order, source))
                outcome = link.recv()
            except (EOFError, OSError):
                gone = True
            except Exception:  # a kind of another package that cannot be sent is drawn here
                pass
            with self._changed:
                if outcome is None:
                    self._here.append(order)
                else:
                    self._outcomes[order.kind.name] = outcome
                self._changed.notify_all()
            if gone:
                return


def _serve(link: Connection) -> None:
    """What another process does: figures as they are asked for, until it is told to stop or nobody is there to tell."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; the one that asks says when to stop
    import matplotlib.backends.backend_agg
    import matplotlib.backends.backend_pdf  # noqa: F401  both while there is nothing to do yet

    def progress(done: int, total: int, text: str) -> None:
        if link.poll():
            raise Cancelled

    held: tuple[MaterialSource, Material] | None = None
    with contextlib.suppress(EOFError, OSError, Cancelled):
        while (asked := link.recv()) is not None:
            order, source = asked
            outcome: Outcome | None = None
            try:
                if held is None or source.serial != held[0].serial:
                    held = source, source.material()
                outcome = _carried_out(order, held[1], progress)
            except Cancelled:
                raise
            except Exception:  # the one that asks meets the same error, and says so
                outcome = None
            link.send(outcome)
