"""``alignedcut align``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..choices import STARTING_MAPS
from ..errors import InputError
from ..tables import write_table
from . import options
from .command import Command
from .files import check_ending
from .progress_bar import progress_bar, say
from .score_text import save_score_table, score_lines, score_rows

if TYPE_CHECKING:
    from ..pipeline.settings import AlignSettings

__all__ = ["COMMANDS"]


def _options(parser: argparse.ArgumentParser) -> None:
    options.study(parser, with_cut=False)
    parser.add_argument("--out", metavar="FILE", help="file to write (.safetensors); not with --table")
    options.networks_and_layers(parser, "to align")
    parser.add_argument(
        "--samples",
        type=int,
        metavar="N",
        help="number of places in the pictures whose tokens maps are fitted to (default: 10000; with --brain 12000)",
    )
    options.preset(parser)
    options.seed(parser)
    options.device(parser)
    # Their names are those of BrainSettings, so that they need not be named again.
    brain = parser.add_argument_group("with brain data")
    brain.add_argument(
        "--brain",
        nargs="+",
        metavar="DATA",
        help="folder, .npz or .csv file with pictures and responses; one per person",
    )
    brain.add_argument(
        "--brain-pictures", dest="pictures", metavar="DIR", help="folder that the picture names in DATA are relative to"
    )
    brain.add_argument(
        "--extract",
        nargs="*",
        metavar="PICTURES",
        help="first extract what training needs, and no more, from these pictures, or from those that DATA names, "
        "with the networks given by --networks; the study is created if it does not exist",
    )
    brain.add_argument(
        "--drop-voxels",
        dest="unusable",
        action="store_const",
        const="drop",
        help="leave out voxels with NaN or constant responses",
    )
    brain.add_argument("--maps", metavar="FILE", help="keep the maps of this alignment, and fit the readout only")
    brain.add_argument("--eigen-weight", type=float, metavar="W", help="weight of the eigen-constraint (default: 1)")
    brain.add_argument("--init", choices=STARTING_MAPS, help="where training starts (default: isometry)")
    brain.add_argument(
        "--epochs", dest="n_epochs", type=int, metavar="N", help="maximum number of epochs (default: 30)"
    )
    brain.add_argument(
        "--patience", type=int, metavar="N", help="stop after this many epochs without a better score (default: 5)"
    )
    brain.add_argument(
        "--test", type=float, metavar="SHARE", help="share of the pictures held out for the scores (default: 0.1)"
    )
    brain.add_argument(
        "--keep", choices=("best", "last"), help="which epoch to keep (default: best on held-out pictures)"
    )
    brain.add_argument("--batch-size", type=int, metavar="N", help="pictures per step (default: 64)")
    brain.add_argument(
        "--no-center", dest="center", action="store_const", const=False, help="leave each layer's mean in its features"
    )
    brain.add_argument(
        "--no-focal", dest="focal", action="store_const", const=False, help="constrain all pairs of nodes alike"
    )
    brain.add_argument(
        "--constraint-nodes",
        dest="n_nodes",
        type=int,
        metavar="N",
        help="nodes in the graph of the eigen-constraint (default: 100)",
    )
    brain.add_argument(
        "--constraint-eigenvectors",
        dest="n_eigenvectors",
        type=int,
        metavar="N",
        help="eigenvectors that the eigen-constraint compares (default: 6)",
    )
    brain.add_argument("--memory", metavar="SIZE", help="bound on what training allocates (default: 4GiB)")
    brain.add_argument(
        "--table",
        nargs="*",
        type=float,
        metavar="W",
        help="train once for each eigen-constraint weight and print the scores (the paper's Table 1; default: 1 0.1 0)",
    )
    brain.add_argument("--seeds", type=int, metavar="N", help="with --table: repeat with N seeds, from --seed on")
    brain.add_argument(
        "--csv",
        metavar="FILE",
        help="also write the scores: by region (and person), or with --table for every weight, seed and region",
    )
    brain.add_argument("--figure", metavar="FILE", help="with --table: also draw it (.png, .svg or .pdf)")


def align(
    study: str,
    out: str | None,
    networks: Sequence[str] | None,
    layers: tuple[int, ...] | None,
    samples: int | None,
    preset: str | None,
    seed: int,
    device: str,
    brain: Sequence[str] | None,
    extract: Sequence[str] | None,
    table: Sequence[float] | None,
    seeds: int | None,
    csv: str | None,
    figure: str | None,
    **given: Any,
) -> None:
    """An alignment fitted to a study's pictures, or to brain responses to them, into a file.

    `given` are settings of the training on brain data, None where they keep their default.
    """
    from ..pipeline.presets import paper_brain
    from ..pipeline.score_stage import TABLE_WEIGHTS
    from ..pipeline.settings import AlignSettings, BrainSettings

    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if brain is None and (chosen or preset or table is not None or extract is not None or csv is not None):
        raise InputError("These options need brain data; name them with --brain.")
    common: dict[str, Any] = {"seed": seed, "device": device}
    if samples is not None:
        (common if brain is None else chosen)["n_samples"] = samples
    if brain is None:
        settings = AlignSettings("hyperalignment", **common)
    elif preset:
        settings = AlignSettings(brain=paper_brain(tuple(brain), **chosen), **common)
    else:
        settings = AlignSettings(brain=BrainSettings(tuple(brain), **chosen), **common)
    if extract is not None:
        assert settings.brain is not None
        networks = _extract(study, settings, extract, networks, layers, preset)
    if table is None and (seeds is not None or figure is not None):
        raise InputError("--seeds and --figure belong to --table.")
    if seeds is not None and seeds < 1:
        raise InputError(f"--seeds must be at least 1; got {seeds}.")
    check_ending(csv, ".csv")
    if table is not None:
        if out is not None:
            raise InputError("--table prints scores and writes no alignment; leave --out out.")
        if "maps" in chosen:
            raise InputError("--table trains maps; leave --maps out.")
        _table(study, networks, layers, settings, tuple(table) or TABLE_WEIGHTS, seeds or 1, csv, figure)
        return
    if out is None:
        raise InputError("Name the file to write with --out.")
    check_ending(out, ".safetensors")
    from .. import pipeline
    from ..study.study import Study

    with Study.open(study, writable=True) as opened, progress_bar() as progress:
        source = opened if settings.brain is None else opened.for_training()
        index = source.node_index(networks, layers)
        name = pipeline.align(opened, index, settings, progress)
        assert name is not None
        alignment = pipeline.portable_alignment(opened, name)
        warning = opened.store.attributes(f"alignments/{name}").get("warning")
    alignment.save(out)
    if warning:
        print(f"Note: {warning}")
    for line in score_lines(alignment):
        print(line)
    if csv is not None:
        print(f"{write_table(Path(csv), score_rows(alignment))}: scores by region")
    print(f"{out}: maps of {len(alignment.slots)} layers. Next: alignedcut cut {study} --alignment {out}")


def _extract(
    study: str,
    settings: AlignSettings,
    pictures: Sequence[str],
    networks: Sequence[str] | None,
    layers: tuple[int, ...] | None,
    preset: str | None,
) -> tuple[str, ...]:
    """What training needs of some pictures into the study; the names of the feature sets."""
    from .. import pipeline
    from ..brain import open_brain_data
    from ..images import open_pictures
    from ..pipeline.presets import paper_extract
    from ..pipeline.settings import ExtractSettings

    brain = settings.brain
    assert brain is not None
    if not pictures:
        table = open_brain_data(brain.data, pictures=brain.pictures, unusable="keep").pictures
        pictures = sorted({str(path) for path in table.paths if path is not None})
        if not pictures:
            named = brain.data if isinstance(brain.data, str) else ", ".join(brain.data)
            raise InputError(f"{named} does not say where its pictures lie; name them: --extract PICTURES")
    given: dict[str, Any] = {"layers": layers, "device": settings.device, "for_alignment": True}
    if networks is not None:
        given["networks"] = tuple(networks)
    chosen = paper_extract(**given) if preset else ExtractSettings(**given)
    opened, _ = pipeline.open_study(study, open_pictures(list(pictures)))
    with opened, pipeline.removed_if_empty(opened), progress_bar() as progress:
        return pipeline.extract(opened, chosen, progress, say)


def _table(
    study: str,
    networks: Sequence[str] | None,
    layers: tuple[int, ...] | None,
    settings: AlignSettings,
    weights: Sequence[float],
    seeds: int,
    csv: str | None,
    figure: str | None,
) -> None:
    from .. import pipeline
    from ..study.study import Study

    if figure is not None:
        from ..figures import FIGURE_SUFFIXES

        check_ending(figure, *FIGURE_SUFFIXES)

    with Study.open(study, writable=True) as opened, progress_bar() as progress:
        slots = opened.for_training().node_index(networks, layers).slots
        all_seeds = range(settings.seed, settings.seed + seeds)
        table = pipeline.score_table(opened, slots, settings, weights=weights, seeds=all_seeds, progress=progress)
    for note in (table.warning, table.note):
        if note:
            print(f"Note: {note}")
    over = f", mean ± standard deviation over {seeds} seeds" if seeds > 1 else ""
    print(f"Held-out R² of {table.title}, {len(slots)} layers, start {table.start}{over}")
    print(table.as_text())
    if csv is not None:
        print(f"{table.write_csv(csv)}: every weight, seed and region")
    if figure is not None:
        print(save_score_table(table, figure))


COMMANDS = (
    Command(
        name="align",
        summary="fit an alignment of layers and networks, and write it to a file",
        description=(
            "Fits one map per layer into a common channel space and writes them to a safetensors file, which `cut "
            "--alignment FILE` takes in this study and in others. Without brain data the layers are fitted to one "
            "another on the study's pictures (hyperalignment), as `cut` does by itself where there are enough "
            "pictures. With --brain the maps are trained to predict responses to the study's pictures: a folder of "
            "the Algonauts 2023 release, or your own data (see docs/brain.md)."
        ),
        example="alignedcut align my-study --brain algonauts/subj01 --out my-alignment.safetensors",
        options=_options,
        run=align,
        spreads=True,
    ),
)
