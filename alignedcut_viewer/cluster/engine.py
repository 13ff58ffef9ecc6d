"""Tasks on workers that may die, with their results in order.

The engine is Dask distributed: it starts worker processes on this machine, or is pointed to a scheduler whose workers
run on others. Dask is imported when a cluster is asked for, and not before.

Whoever can reach a scheduler can have its workers run anything. A local cluster therefore listens on 127.0.0.1 only,
has no dashboard, and talks to nobody who does not hold the certificate that is made for it and kept in memory.
"""

from __future__ import annotations

import logging
import os
import pickle
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from typing import Any, TypeVar
from uuid import uuid4

from ..errors import ClusterError, InputError
from ..parameters import whole
from ..versions import install_command, versions

__all__ = ["Cluster", "computing_on", "current_cluster"]

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")

CONNECT_SECONDS = 15.0
"""How long a scheduler may take to answer."""
WORKER_SECONDS = 60.0
"""How long work waits where there is no worker at all: those of a queue start when the queue lets them."""
_LOOK_SECONDS = 1.0
"""After so long without a result it is asked whether there are workers."""
_WORKERS = 16
"""So many processes may be started on any machine; on larger ones four for each processor."""
_AHEAD = 2
"""Tasks that wait for each worker, so that none stands idle while its result is on its way."""
_COMPARED = ("torch", "numpy", "distributed")
"""Packages that must be of one version everywhere: they shape what is sent, and the last bits of what is computed."""

_current: ContextVar[Cluster | None] = ContextVar("cluster", default=None)


def current_cluster() -> Cluster | None:
    """The cluster that work of this thread is sent to, or None where all is computed in this process."""
    return _current.get()


@contextmanager
def computing_on(
    workers: int | None = None, scheduler: str | None = None, *, announce: Callable[[str], None] | None = None
) -> Iterator[Cluster | None]:
    """Send long passes to workers within this context, in this thread.

    Parameters
    ----------
    workers
        Start so many processes on this machine, which end with the context. A script that does so must not compute
        outside ``if __name__ == "__main__":``, as every process of Python's that starts others.
    scheduler
        Or use the workers of this scheduler, ``"tcp://host:8786"`` or ``"tls://…"``, which go on without us. Its
        workers must see the study under the same path.
    announce
        Called with a sentence about what was found.

    Yields
    ------
    Cluster or None
        None where neither is given: everything is computed in this process, as always.

    Raises
    ------
    ClusterError
        If Dask is not installed, processes do not start, no scheduler or no worker answers, or their versions differ.
    InputError
        If both are given, `workers` is not a whole number of at least 1, or `scheduler` is no address.
    """
    if workers is None and scheduler is None:
        yield None
        return
    if workers is not None and scheduler is not None:
        raise InputError("Give a number of workers to start, or the address of a scheduler, but not both.")
    if workers is not None:
        most = max(_WORKERS, 4 * (os.cpu_count() or 1))
        if whole("workers", workers, 1) > most:
            raise InputError(f"workers must be at most {most} on this machine; more would wait for one another.")
    dask, distributed = _dask()
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(_CONFIG))
        if scheduler is None:
            cluster = stack.enter_context(_local(distributed, int(workers or 1)))
        else:
            cluster = stack.enter_context(_existing(distributed, scheduler))
        if announce is not None:
            announce(_sentence(cluster.n_workers, scheduler))
        token = _current.set(cluster)
        try:
            yield cluster
        finally:
            _current.reset(token)


def _sentence(number: int, scheduler: str | None) -> str:
    if scheduler is None:
        return f"Computing on {number} process{'es'[: 2 * (number > 1)]} of this machine."
    return f"Computing on {number} worker{'s'[: number > 1]} of {scheduler}."


class Cluster:
    """Workers, wherever they are; :func:`computing_on` makes it.

    Parameters
    ----------
    client
        A ``distributed.Client``.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self.n_workers = max(1, self._count())

    def _count(self) -> int:
        """Tasks that can run at a time, now."""
        return sum(self._client.nthreads().values())

    def in_order(
        self, task: Callable[[Shared, Item], Result], shared: Shared, items: Iterable[Item]
    ) -> Iterator[Result]:
        """Results of ``task(shared, item)`` in the order of the items.

        Parameters
        ----------
        task
            A function of a module, without side effects: where a worker dies its tasks run again on another one. It
            runs with one thread of torch's.
        shared
            What all tasks need. It is sent once, handed on from worker to worker, and sent again to those that come
            later.
        items
            Taken in the calling thread, a few ahead of the results.

        Yields
        ------
        object
            What the task returned. When the iteration is closed or fails, tasks that did not begin are cancelled.

        Raises
        ------
        ClusterError
            If all workers are gone and none has come within a minute, the scheduler is gone, versions differ, or a task
            ends every worker that it is given to.
        Exception
            What a task raises, as itself.
        """
        name = f"{getattr(task, '__name__', 'task').strip('_')}-{uuid4().hex}"
        payload = _packed((shared, _versions()))
        self.n_workers = max(1, self._count())
        waiting: deque[Any] = deque()
        held = self._submit(_unpacked, payload, key=f"shared-{name}")
        try:
            for number, item in enumerate(items):
                waiting.append(self._submit(_run, _packed((task, item)), held, key=f"{name}-{number}"))
                if len(waiting) >= (1 + _AHEAD) * self.n_workers:
                    yield self._result(waiting.popleft())
            while waiting:
                yield self._result(waiting.popleft())
        finally:
            for future in waiting:
                with suppress(Exception):  # of a scheduler that is gone
                    future.cancel()

    def _submit(self, *arguments: Any, key: str) -> Any:
        try:
            return self._client.submit(*arguments, key=key, pure=False)
        except Exception as error:
            raise _scheduler_gone() from error

    def _result(self, future: Any) -> Any:
        """The result of a task, waited for as long as there is anybody to compute it."""
        alone_since: float | None = None
        while True:
            try:
                return future.result(timeout=_LOOK_SECONDS)
            except TimeoutError:
                if future.status == "error":  # a task may raise one of its own
                    raise future.exception() from None
                if future.done():
                    continue
            except Exception as error:
                if type(error).__name__ == "KilledWorker":
                    raise ClusterError(
                        "A task ended every worker that it was given to, which most often is for lack of memory; give "
                        "workers more, or use fewer of them on each machine."
                    ) from None
                if future.status == "error":
                    raise  # what the task raised
                raise _scheduler_gone() from error
            try:
                self.n_workers = self._count()
            except Exception as error:
                raise _scheduler_gone() from error
            now = time.monotonic()
            alone_since = None if self.n_workers else alone_since or now
            if alone_since is not None and now - alone_since > WORKER_SECONDS:
                raise ClusterError(
                    f"No worker is left, and none has come for {WORKER_SECONDS:.0f} s; start workers and run this "
                    "again. What was finished is kept."
                )


def _scheduler_gone() -> ClusterError:
    return ClusterError(
        "The scheduler does not answer any more; start it again, and run this again. What was finished is kept."
    )


def _packed(value: Any) -> bytes:
    """A value as bytes, which Dask does not look into; what a script defines itself goes with it."""
    import cloudpickle

    return bytes(cloudpickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL))


def _unpacked(payload: bytes) -> Any:
    """What all tasks need, as a task of its own: where all who hold it die, it is computed again."""
    return pickle.loads(payload)


def _run(call: bytes, held: tuple[Any, tuple[str, ...]]) -> Any:
    """One task, in a worker."""
    import torch

    shared, wanted = held
    if wanted != _versions():
        raise _other_versions("a worker", _versions(), wanted)
    if torch.get_num_threads() != 1:  # of this thread: the last bits of a sum may depend on it
        torch.set_num_threads(1)
    task, item = pickle.loads(call)
    return task(shared, item)


@cache
def _versions() -> tuple[str, ...]:
    """What must be the same here and in workers."""
    found = versions(*_COMPARED)
    found["python"] = ".".join(found["python"].split(".")[:2])
    return tuple(f"{name} {version}" for name, version in found.items())


def _other_versions(who: str, theirs: tuple[str, ...], ours: tuple[str, ...]) -> ClusterError:
    differ = [version for version in ours if version not in theirs]
    has = [version for version in theirs if version not in ours]
    return ClusterError(
        f"Versions differ: {who} has {', '.join(has)} where {', '.join(differ)} is used here; install the same "
        "everywhere."
    )


def _dask() -> tuple[Any, Any]:
    try:
        import dask
        import distributed
        from cryptography import x509  # noqa: F401 - what Dask makes certificates with
    except ImportError:
        raise ClusterError(
            f"Computing on several processes or machines needs Dask; install it: {install_command('cluster')}."
        ) from None
    return dask, distributed


_CONFIG = {
    "distributed.admin.large-graph-warning-threshold": "1PiB",  # what is shared is sent with its task, on purpose
    "distributed.diagnostics.computations.nframes": 0,  # no source code of ours with every task
    "distributed.worker.multiprocessing-method": "spawn",
    # One thread each. Dask would also have every buffer that is freed given back to the system and its pages made anew,
    # which takes a pass a third more time.
    "distributed.nanny.pre-spawn-environ": {"OMP_NUM_THREADS": 1, "MKL_NUM_THREADS": 1, "OPENBLAS_NUM_THREADS": 1},
}


@contextmanager
def _local(distributed: Any, workers: int) -> Iterator[Cluster]:
    """New processes on this machine."""
    with ExitStack() as stack:
        try:
            processes = stack.enter_context(
                distributed.LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    host="127.0.0.1",
                    security=True,
                    memory_limit=0,  # tasks stay within the memory that they are given
                    dashboard_address=None,
                    scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                    silence_logs=logging.CRITICAL,  # what fails is told by what is raised here
                )
            )
            client = stack.enter_context(distributed.Client(processes, set_as_default=False))
        except Exception as error:
            raise ClusterError(
                f"{workers} worker processes could not be started: {error}. A script must compute inside "
                'if __name__ == "__main__":, so that they can import it.'
            ) from error
        yield Cluster(client)


@contextmanager
def _existing(distributed: Any, address: str) -> Iterator[Cluster]:
    """The workers of a scheduler that runs already."""
    if re.fullmatch(r"(tcp|tls)://\S+:\d+", address) is None:
        raise InputError(f"{address!r} is not the address of a scheduler; it is such as tcp://10.0.0.1:8786.")
    with ExitStack() as stack:
        try:
            client = stack.enter_context(distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False))
        except Exception as error:
            raise ClusterError(
                f"No scheduler answers at {address} ({_first_line(error)}); its log says its address, such as "
                "tcp://10.0.0.1:8786."
            ) from error
        try:
            client.wait_for_workers(1, timeout=WORKER_SECONDS)
        except TimeoutError:
            raise ClusterError(
                f"The scheduler at {address} has no workers, and none has come for {WORKER_SECONDS:.0f} s; start some."
            ) from None
        _check_versions(client)
        yield Cluster(client)


def _check_versions(client: Any) -> None:
    """Refuse a scheduler or workers that have other versions than this process, before work begins."""
    told = client.get_versions(packages=[*_COMPARED, "alignedcut_viewer"])
    for who, facts in [("the scheduler", told["scheduler"]), *((f"worker {a}", f) for a, f in told["workers"].items())]:
        theirs, ours = _compared(facts), _compared(told["client"])
        if theirs != ours:
            raise _other_versions(who, theirs, ours)


def _compared(facts: Any) -> tuple[str, ...]:
    packages = dict(facts["packages"])
    packages["python"] = ".".join(packages["python"].split(".")[:2])
    return tuple(f"{name} {packages[name]}" for name in ("python", *_COMPARED, "alignedcut_viewer"))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
