"""docs/scale.md: its script for SLURM makes the jobs that it describes, its list of commands is the program's."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from alignedcut_viewer.commands import all_commands

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "scale.md").read_text(encoding="utf-8")


def test_the_page_names_the_commands_that_spread() -> None:
    spread = {command.name for command in all_commands() if command.spreads}
    sentence = re.search(r"that runs already, with whatever workers it has\.(.*?)have both options", PAGE, re.DOTALL)
    assert sentence is not None
    assert {name.split()[0] for name in re.findall(r"`([a-z -]+)`", sentence.group(1))} == spread


def test_the_script_for_slurm_asks_for_what_the_page_says() -> None:
    queue = pytest.importorskip("dask_jobqueue.slurm", reason="needs dask-jobqueue (extra `test`)")
    script = next(code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "SLURMCluster" in code)
    names: dict[str, Any] = {"__name__": "on_slurm"}
    exec(compile(script, "on_slurm.py", "exec"), names)
    options = names["JOB"] | {"scheduler_options": names["JOB"]["scheduler_options"] | {"host": "127.0.0.1"}}
    with queue.SLURMCluster(**options) as cluster:  # submits nothing before it is told to scale
        job = cluster.job_script()
        address = cluster.scheduler_address
        assert cluster.workers == {}
    directives = re.findall(r"(?m)^#SBATCH (.*)$", job)
    for wanted in ("-p gpu", "-A my-project", "-n 1", "--cpus-per-task=1", "-t 04:00:00", "--gres=gpu:1"):
        assert wanted in directives
    assert "source ~/alignedcut/bin/activate" in job
    command = shlex.split(job.strip().splitlines()[-1])
    assert command[1:4] == ["-m", "distributed.cli.dask_worker", address]
    assert command[command.index("--nthreads") + 1] == "1"
    assert command[command.index("--lifetime") + 1] == "230m"
