"""What a figure says about where it came from, in small print."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..study.cut import Cut
    from ..study.study import Study

__all__ = ["brief_provenance", "cut_provenance", "made_with_simulated_data", "network_provenance", "without_folders"]


def cut_provenance(study: Study, cut: Cut, networks: Sequence[str], *, colours: bool = True) -> str:
    """How a cut was made, which networks were used with which weights, and what to beware of.

    Parameters
    ----------
    study
        The study.
    cut
        One of its cuts.
    networks
        Names of the feature sets that are shown.
    colours
        Whether AlignedCut colours are shown, and so how they were made is stated.
    """
    recipe, colour = cut.recipe["cut"], cut.recipe["colour"]
    settings: dict[str, Any] = recipe.get("settings", {})
    gamma = recipe.get("gamma", settings.get("gamma"))
    graph = (
        f"One joint graph of {len(cut.index):,} nodes ({_pictures(cut)}, "
        f"{_counted(len(cut.index.slots), 'layer')}): {settings.get('kernel', 'cosine')} affinity"
    )
    if isinstance(gamma, int | float):
        graph += f" with γ = {gamma:g}"
    graph += f", {_counted(cut.eigenvectors.shape[1], 'eigenvector')} ({recipe.get('method', 'cut')})"
    seed = settings.get("seed")
    graph += f", seed {seed}." if seed is not None else "."
    if colours:
        graph += " Colours: 3-D t-SNE"
        quantile = colour.get("settings", {}).get("quantile")
        if quantile is not None:
            graph += f", clipped at {100 * quantile:g} % and {100 * (1 - quantile):g} %"
        graph += "."
    lines = [f"{graph} {_alignment(study, recipe.get('alignment'))}"]
    lines += [network_provenance(study, name) for name in networks]
    lines += [f"Note: {warning}" for warning in cut.warnings]
    return "\n".join(lines)


def brief_provenance(study: Study, cut: Cut) -> str:
    """What narrow figures can say: nodes, pictures, networks, alignment, and whether data were made up."""
    index = cut.index
    networks = ", ".join(f"{n.name} ({_counted(len(n.layers), 'layer')})" for n in index.networks)
    said = (
        f"{_counted(len(index), 'node')} of {_pictures(cut)}; "
        f"{networks}. "
        f"{_alignment(study, cut.recipe['cut'].get('alignment'))}"
    )
    return " ".join([said, *(f"Note: {warning}" for warning in cut.warnings)])


def _pictures(cut: Cut) -> str:
    """How many pictures, and how many of them took no part in the graph."""
    text = _counted(len(cut.index.images), "picture")
    return text if cut.placed is None else f"{text}, {len(cut.placed.images)} of them placed in it afterwards"


def _alignment(study: Study, name: str | None) -> str:
    if name is None:
        return "Layers are not aligned."
    recipe = study.store.attributes(f"alignments/{name}").get("recipe", {})
    method = {
        "hyperalignment": "hyperalignment fitted to these pictures",
        "shipped": "an alignment shipped with the tool",
    }
    brain = recipe.get("made", {}).get("brain_data", {})
    trained = f"maps trained to predict brain data ({brain['name']})" if brain.get("name") else "a trained alignment"
    text = f"Layers are aligned by {method.get(recipe.get('method'), trained)}"
    return f"{text}, made with simulated data." if made_with_simulated_data(recipe) else f"{text}."


def made_with_simulated_data(recipe: Any) -> bool:
    """Whether a recipe says anywhere that data were made up: a key ``simulated`` that is true, or a source so named."""
    if isinstance(recipe, Mapping):
        told = recipe.get("simulated")
        source = f"{recipe.get('source', '')} {recipe.get('kind', '')}".lower()
        return told is True or "simulated" in source or any(made_with_simulated_data(v) for v in recipe.values())
    if isinstance(recipe, list | tuple):
        return any(made_with_simulated_data(part) for part in recipe)
    return False


def network_provenance(study: Study, name: str) -> str:
    """What a network is and where its weights came from, in one line."""
    features = study.network(name)
    note = features.note
    tap = {"attention": "attention output", "block": "block output", "mlp": "MLP output"}.get(
        features.key["tap"], f"{features.key['tap']} vectors"
    )
    parts = [str(note.get("title") or features.network), tap, str(note.get("weights") or "weights unknown")]
    return f"{name}: {'; '.join(without_folders(part).rstrip('.') for part in parts)}."


def without_folders(text: str) -> str:
    """Leave of absolute paths only the file's name: folders are nobody's business in a paper."""
    return re.sub(r"(?<!\S)(?:/|~/|[A-Za-z]:\\)\S*[/\\](?=\S)", "", text)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
