"""Workers of a real local cluster: order, deaths, errors, cancelling, and who may connect."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from alignedcut_viewer.cluster import Cluster, computing_on, current_cluster, engine
from alignedcut_viewer.errors import Cancelled, ClusterError, FeatureError, InputError

from . import tasks


def test_without_a_cluster_there_is_none() -> None:
    with computing_on() as cluster:
        assert cluster is None
        assert current_cluster() is None


def test_results_come_in_the_order_of_the_items_from_other_processes(started: Cluster) -> None:
    shared = np.arange(2_000_000, dtype=np.float64)  # 16 MB, sent once
    results = list(started.in_order(tasks.total, shared, range(40)))
    assert [item for item, _, _ in results] == list(range(40))
    assert [value for _, value, _ in results] == [float(shared.sum()) + item for item in range(40)]
    processes = {process for _, _, process in results}
    assert len(processes) == 2
    assert os.getpid() not in processes


def test_items_are_taken_a_few_ahead_only(started: Cluster) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(1000):
            taken.append(item)
            yield item

    results = started.in_order(tasks.total, np.zeros(1), items())
    assert next(results)[0] == 0
    assert len(taken) <= 3 * started.n_workers
    results.close()
    assert len(taken) <= 3 * started.n_workers


def test_every_task_has_one_thread(started: Cluster) -> None:
    assert {threads for _, threads in started.in_order(tasks.threads, None, range(8))} == {1}


def test_a_killed_worker_costs_nothing_but_time(started: Cluster, tmp_path: Path) -> None:
    results = list(started.in_order(tasks.once_deadly, str(tmp_path), range(20)))
    assert results == [item * item for item in range(20)]
    assert (tmp_path / "died").exists()


def test_errors_of_tasks_come_back_as_themselves(started: Cluster) -> None:
    with pytest.raises(FeatureError, match=r"^channel 7 is not finite$"):
        list(started.in_order(tasks.refused, "channel 7", range(8)))
    with pytest.raises(Cancelled):
        list(started.in_order(tasks.stopped, None, range(3)))
    with pytest.raises(TimeoutError, match="the disk does not answer"):
        list(started.in_order(tasks.late, None, range(3)))


def test_what_did_not_begin_is_cancelled_with_the_iteration(started: Cluster, tmp_path: Path) -> None:
    results = started.in_order(tasks.written, str(tmp_path), range(1000))
    assert next(results) == 0
    with pytest.raises(Cancelled):
        results.throw(Cancelled())
    time.sleep(0.5)  # what had begun ends
    done = len(list(tmp_path.iterdir()))
    time.sleep(0.5)
    assert len(list(tmp_path.iterdir())) == done <= 3 * started.n_workers


def test_other_versions_are_refused(started: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_versions", lambda: ("python 3.11", "torch 1.0"))
    with pytest.raises(ClusterError, match=r"Versions differ: .* where torch 1\.0 is used here; install the same"):
        list(started.in_order(tasks.refused, "nothing", range(2)))


def test_it_listens_on_this_machine_only_and_to_nobody_without_the_certificate(started: Cluster) -> None:
    end = time.monotonic() + 60
    while len(started._client.nthreads()) < 2 and time.monotonic() < end:
        time.sleep(0.1)  # one that an earlier test ended may still be on its way back
    addresses = [started._client.scheduler.address, *started._client.nthreads()]
    assert len(addresses) == 3
    assert all(address.startswith("tls://127.0.0.1:") for address in addresses)
    listening = _listening_sockets()
    assert listening or sys.platform != "linux"
    assert set(listening) <= {"0100007F"}  # 127.0.0.1
    with pytest.raises(ClusterError, match="No scheduler answers"), computing_on(scheduler=addresses[0]):
        pass


def _listening_sockets() -> list[str]:
    """Addresses, as Linux writes them, on which this process and its children listen."""
    if sys.platform != "linux":
        return []
    children = [
        process.name
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and _parent(process) == os.getpid()
    ]
    sockets = set()
    for process in [str(os.getpid()), *children]:
        for descriptor in Path(f"/proc/{process}/fd").iterdir():
            try:
                sockets.add(os.readlink(descriptor))
            except FileNotFoundError:
                continue
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                found.append(fields[1].split(":")[0])
    return found


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except (OSError, ValueError):
        return -1


def test_a_task_that_ends_every_worker_is_given_up(started: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(started._client.cluster.scheduler, "allowed_failures", 0)  # it is four workers otherwise
    with pytest.raises(ClusterError, match="ended every worker"):
        list(started.in_order(tasks.always_deadly, None, range(1)))


@pytest.mark.parametrize(
    ("workers", "scheduler", "message"),
    [
        (2, "tcp://127.0.0.1:8786", "not both"),
        (0, None, "at least 1"),
        (None, "127.0.0.1", "not the address of a scheduler"),
        (None, "http://127.0.0.1:8786", "not the address of a scheduler"),
    ],
)
def test_what_makes_no_sense_is_refused(workers: int | None, scheduler: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message), computing_on(workers, scheduler):
        pass


def test_a_wrong_address_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 0.5)
    with (
        pytest.raises(ClusterError, match=r"No scheduler answers at tcp://127\.0\.0\.1:9 \(.*\)"),
        computing_on(scheduler="tcp://127.0.0.1:9"),
    ):
        pass


def test_without_dask_one_sentence_says_what_to_install() -> None:
    code = (
        "import sys\n"
        "sys.modules['distributed'] = None\n"
        "from alignedcut_viewer.cluster import computing_on\n"
        "try:\n"
        "    with computing_on(workers=1): pass\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert told.startswith("ClusterError")
    assert "pip install 'alignedcut-viewer[cluster]'" in told


def test_dask_is_not_imported_before_it_is_asked_for() -> None:
    code = "import sys, alignedcut_viewer.cluster; print(*{'dask', 'distributed', 'torch', 'numpy'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert not told.strip()
