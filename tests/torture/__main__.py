"""Stop every stage at seeded random moments, and write what came of it into docs/reliability.md.

``python -m tests.torture [--urls] [--kills N] [--stops N] [--disks N] [--gone N] [--seed N] [--stages NAME ...]
[--results FILE] [--no-page]``. With ``--urls`` studies lie on a real S3 server.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tests.benchmarks.harness import REPOSITORY, markdown_table, write_section
from tests.s3_server import serving
from tests.torture.disk import DISKS, Disk, trial_of_disk
from tests.torture.harness import Bench, Outcome
from tests.torture.homes import HERE
from tests.torture.on_s3 import ELSEWHERE, GONE, OnS3, Relay, trial_of_server
from tests.torture.stages import STAGES, Stage

ON_DISKS = ("extract", "align", "cut", "add", "concepts", "segment", "figures", "check")
AT_URLS = tuple(stage.name for stage in STAGES if stage.name != "session")
"""A window keeps the session of a study elsewhere on its own machine, as it does on a disk."""

Trial = Callable[[Stage, np.random.Generator], Outcome]


def main() -> int:
    """Run all; 0 where nothing was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__.splitlines()[0])
    parser.add_argument("--urls", action="store_true", help="studies on an S3 server of this machine, not on a disk")
    parser.add_argument("--kills", type=int, help="SIGKILL a stage (default: 50; at URLs 15)")
    parser.add_argument("--stops", type=int, help="SIGTERM and Ctrl-C a stage, each (default: 10; at URLs 4)")
    parser.add_argument("--disks", type=int, default=5, help="faults of the disk a stage, of each kind (default: 5)")
    parser.add_argument("--gone", type=int, default=2, help="faults of the server a stage, of each kind (default: 2)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stages", nargs="+", help="by default all")
    parser.add_argument(
        "--results", type=Path, metavar="FILE", help="keep outcomes here, and tell those of other stages that it has"
    )
    parser.add_argument("--no-page", action="store_true", help="leave docs/reliability.md as it is")
    chosen = parser.parse_args()
    kills, stops = (15, 4) if chosen.urls else (50, 10)
    signals = [signal.SIGKILL] * (kills if chosen.kills is None else chosen.kills)
    signals += [signal.SIGTERM, signal.SIGINT] * (stops if chosen.stops is None else chosen.stops)
    names = chosen.stages or (AT_URLS if chosen.urls else [stage.name for stage in STAGES])
    begun = time.monotonic()
    outcomes: list[Outcome] = []
    with contextlib.ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="torture-")))
        mounts = os.name == "posix" and not chosen.urls and Disk.possible(_empty(folder / "mount"))
        if chosen.urls:
            trials_of = held.enter_context(_at_urls(folder, signals, chosen.gone))
        else:
            trials_of = _on_disks(folder, signals, chosen.disks if mounts else 0)
        for stage in (stage for stage in STAGES if stage.name in names):
            stage_begun = time.monotonic()
            rng = np.random.default_rng([chosen.seed, STAGES.index(stage)])
            outcomes += [_told(trial(stage, rng)) for trial in trials_of(stage)]
            _print(stage.name, outcomes)
            if chosen.results is not None:
                _keep(chosen.results, stage.name, outcomes, time.monotonic() - stage_begun)
    minutes = (time.monotonic() - begun) / 60
    if chosen.results is not None:
        outcomes, minutes = _kept(chosen.results)
    text = _page(outcomes, chosen.seed, minutes)
    if not mounts and not chosen.urls:
        text += "\n\nFaults of disks were left out, because mounting is not permitted here."
    print(text)
    if not chosen.no_page:
        write_section("torture-urls" if chosen.urls else "torture", text, REPOSITORY / "docs" / "reliability.md")
    return int(any(outcome.faults for outcome in outcomes))


def _on_disks(folder: Path, signals: list[signal.Signals], disks: int) -> Callable[[Stage], list[Trial]]:
    """The trials of a stage on a disk."""
    bench = Bench(folder / "bench")

    def trials_of(stage: Stage) -> list[Trial]:
        trials: list[Trial] = [lambda s, rng, how=how: bench.trial(s, how, rng) for how in signals]
        faults = DISKS * (disks if stage.name in ON_DISKS else 0)
        return trials + [lambda s, rng, how=how: trial_of_disk(bench, s, how, rng) for how in faults]

    return trials_of


@contextlib.contextmanager
def _at_urls(folder: Path, signals: list[signal.Signals], gone: int) -> Iterator[Callable[[Stage], list[Trial]]]:
    """The trials of a stage on a server, which runs as long as the block lasts; every third goes on elsewhere."""
    with serving(_empty(folder / "server")) as server, Relay(server.port) as relay:
        home = OnS3(server, folder / "caches", relay)
        bench = Bench(folder / "at-urls", home, like=Bench(folder / "bench"))

        def trials_of(stage: Stage) -> list[Trial]:
            trials: list[Trial] = [
                lambda s, rng, how=how, machine=HERE if number % 3 else ELSEWHERE: bench.trial(s, how, rng, machine)
                for number, how in enumerate(signals)
            ]
            faults = GONE * gone
            return trials + [lambda s, rng, how=how: trial_of_server(bench, home, s, how, rng) for how in faults]

        yield trials_of


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


def _page(outcomes: list[Outcome], seed: int, minutes: float) -> str:
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
    found = [f"- {o.stage}, {o.how}: {fault}" for o in outcomes for fault in o.faults]
    if found:
        lines += ["", "Losses:", "", *found[:50]]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
