"""Stop every stage at seeded random moments, and write what came of it into docs/reliability.md.

``python -m tests.torture [--kills N] [--stops N] [--disks N] [--seed N] [--stages NAME ...] [--results FILE]
[--no-page]``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tests.benchmarks.harness import REPOSITORY, markdown_table, write_section
from tests.torture.harness import Bench, Disk, Outcome
from tests.torture.stages import STAGES

DISKS = ("disk full", "read-only", "vanished")
ON_DISKS = ("extract", "align", "cut", "add", "concepts", "segment", "figures", "check")


def main() -> int:
    """Run all; 0 where nothing was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="SIGKILL a stage (default: 50)")
    parser.add_argument("--stops", type=int, default=10, help="SIGTERM and Ctrl-C a stage, each (default: 10)")
    parser.add_argument("--disks", type=int, default=5, help="faults of the disk a stage, of each kind (default: 5)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stages", nargs="+", default=[stage.name for stage in STAGES])
    parser.add_argument(
        "--results", type=Path, metavar="FILE", help="keep outcomes here, and tell those of other stages that it has"
    )
    parser.add_argument("--no-page", action="store_true", help="leave docs/reliability.md as it is")
    chosen = parser.parse_args()
    begun = time.monotonic()
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        bench = Bench(Path(folder) / "bench")
        mounts = os.name == "posix" and Disk.possible(_empty(Path(folder) / "mount"))
        for stage in (stage for stage in STAGES if stage.name in chosen.stages):
            stage_begun = time.monotonic()
            rng = np.random.default_rng([chosen.seed, STAGES.index(stage)])
            signals = [signal.SIGKILL] * chosen.kills + [signal.SIGTERM, signal.SIGINT] * chosen.stops
            for how in signals:
                outcomes.append(_told(bench.trial(stage, how, rng)))
            if mounts and stage.name in ON_DISKS:
                for how in DISKS * chosen.disks:
                    outcomes.append(_told(bench.trial_of_disk(stage, how, rng)))
            _print(stage.name, outcomes)
            if chosen.results is not None:
                _keep(chosen.results, stage.name, outcomes, time.monotonic() - stage_begun)
    minutes = (time.monotonic() - begun) / 60
    if chosen.results is not None:
        outcomes, minutes = _kept(chosen.results)
    text = _page(outcomes, chosen.seed, minutes, mounts)
    print(text)
    if not chosen.no_page:
        write_section("torture", text, REPOSITORY / "docs" / "reliability.md")
    return int(any(outcome.faults for outcome in outcomes))


def _empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _told(outcome: Outcome) -> Outcome:
    for fault in outcome.faults:
        print(f"{outcome.stage}, {outcome.how}: {fault}", file=sys.stderr, flush=True)
    return outcome


def _print(name: str, outcomes: list[Outcome]) -> None:
    own = [outcome for outcome in outcomes if outcome.stage == name]
    stopped, wrong = sum(o.stopped for o in own), sum(bool(o.faults) for o in own)
    print(f"{name}: {len(own)} runs, {stopped} stopped, {wrong} with a loss", flush=True)


def _keep(file: Path, name: str, outcomes: list[Outcome], seconds: float) -> None:
    """Put what came of a stage in the place of what the file knew of it."""
    known = json.loads(file.read_text()) if file.exists() else {}
    rows = [asdict(outcome) for outcome in outcomes if outcome.stage == name]
    known[name] = {"outcomes": rows, "seconds": seconds}
    file.write_text(json.dumps(known))


def _kept(file: Path) -> tuple[list[Outcome], float]:
    """Outcomes of all stages that a file knows, and how many minutes they took."""
    known = json.loads(file.read_text())
    order = [stage.name for stage in STAGES if stage.name in known]
    outcomes = [Outcome(**row) for name in order for row in known[name]["outcomes"]]
    return outcomes, sum(own["seconds"] for own in known.values()) / 60


def _page(outcomes: list[Outcome], seed: int, minutes: float, mounts: bool) -> str:
    runs: Counter[tuple[str, str]] = Counter()
    stopped: Counter[tuple[str, str]] = Counter()
    wrong: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        at = outcome.stage, outcome.how
        runs[at] += 1
        stopped[at] += outcome.stopped
        wrong[at] += bool(outcome.faults)
    kinds = list(dict.fromkeys(outcome.how for outcome in outcomes))
    stages = list(dict.fromkeys(outcome.stage for outcome in outcomes))
    rows: list[list[object]] = []
    for name in stages:
        cells = (f"{stopped[name, kind]} of {runs[name, kind]}" if runs[name, kind] else "-" for kind in kinds)
        rows.append([name, *cells, sum(wrong[name, kind] for kind in kinds)])
    total = (f"{sum(stopped[name, k] for name in stages)} of {sum(runs[name, k] for name in stages)}" for k in kinds)
    rows.append(["all", *total, sum(wrong.values())])
    lines = [
        f"Runs that were stopped, of those begun, by stage and fault; seed {seed}, {platform.system()}, "
        f"{os.cpu_count()} CPUs, {minutes:.0f} minutes. What was not stopped had ended before.",
        "",
        markdown_table(["stage", *kinds, "losses"], rows),
    ]
    if not mounts:
        lines += ["", "Faults of disks were left out, because mounting is not permitted here."]
    found = [f"- {o.stage}, {o.how}: {fault}" for o in outcomes for fault in o.faults]
    if found:
        lines += ["", "Losses:", "", *found[:50]]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
