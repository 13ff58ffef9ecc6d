"""In which settings the results of a study differ, in words. No Qt."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...errors import AlignedCutError

if TYPE_CHECKING:
    from ...study.concept_set import ConceptSet
    from ...study.cut import Cut
    from ...study.study import Study

__all__ = ["concept_differences", "concept_settings", "cut_settings_in_words", "differences", "run_differences"]

_WORDS = {
    "n_components": "eigenvectors",
    "n_landmarks": "landmarks",
    "n_neighbors": "neighbours",
    "method": "solver",
    "n_inside": "neighbours inside",
    "n_across": "neighbours across",
    "n_concepts": "number",
    "min_size": "smallest",
}
_NOT_TOLD = ("device", "memory", "precision", "statistics_nodes", "class_token", "colour", "map")


def run_differences(study: "Study") -> dict[str, str]:
    """For each cut of a study, by name, what of its settings is not the same in all cuts; "" where all are."""
    found: dict[str, Mapping[str, str]] = {}
    for name in study.cuts:
        try:
            found[name] = cut_settings_in_words(study, study.cut(name))
        except AlignedCutError as error:
            found[name] = {"damaged": str(error)}
    return differences(found)


def concept_differences(cut: "Cut") -> dict[str, str]:
    """The same of the concepts of a cut."""
    return differences({name: concept_settings(cut.concept_set(name)) for name in cut.concept_sets})


def differences(settings: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Of each of some settings in words, those that are not the same in all, as one text each."""
    keys = dict.fromkeys(key for one in settings.values() for key in one)
    differing = [key for key in keys if len({one.get(key) for one in settings.values()}) > 1]
    return {
        name: " · ".join(_phrase(key, one[key]) for key in differing if one.get(key)) for name, one in settings.items()
    }


def _phrase(key: str, value: str) -> str:
    return value if key in ("kind", "networks", "pictures", "damaged") else f"{_WORDS.get(key, key)} {value}"


def cut_settings_in_words(study: "Study", cut: "Cut") -> dict[str, str]:
    """What a cut was made with: kind, networks, layers, pictures, alignment, settings of graph and colours."""
    recipe, index = cut.recipe, cut.index
    record = cut.layered
    words = {
        "kind": "AlignedCut" if record is None else record.pathway,
        "networks": " + ".join(network.name for network in index.networks if network.name != "joint"),
        "layers": "; ".join(dict.fromkeys(_ranges(network.layers) for network in index.networks)),
        "pictures": f"{len(index.images)} pictures",
        "alignment": _alignment(study, recipe["cut"].get("alignment")),
    }
    return words | _plain(recipe["cut"].get("settings", {})) | _plain(recipe["colour"].get("settings", {}), "colours' ")


def _alignment(study: "Study", name: str | None) -> str:
    if name is None:
        return "none"
    recipe = study.store.attributes(f"alignments/{name}").get("recipe", {})
    return f"{recipe.get('method', name)} {name[-4:]}"


def concept_settings(concepts: "ConceptSet") -> dict[str, str]:
    """What concepts were discovered with."""
    settings = dict(concepts.recipe.get("settings", {}))
    layers = settings.pop("layers", None)
    networks = settings.pop("networks", None)
    words = {
        "networks": " + ".join(networks) if networks else "all networks",
        "layers": "all" if layers is None else _ranges(layers) if isinstance(layers, list | tuple) else str(layers),
    }
    return words | _plain(settings) | {"pinned": str(len(concepts.recipe.get("pinned", ())) or "")}


def _plain(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    told = {key: value for key, value in settings.items() if key not in _NOT_TOLD and not isinstance(value, Mapping)}
    return {prefix + key: "automatic" if value is None else str(value) for key, value in told.items()}


def _ranges(numbers: Any) -> str:
    """Ascending numbers as people write them: ``4, 8-11``."""
    parts: list[list[int]] = []
    for number in sorted(int(n) for n in numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)
