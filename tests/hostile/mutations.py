"""Damage: files cut short, bytes changed, descriptions edited."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

__all__ = ["damaged_bytes", "edited_json"]

_NUMBERS = [0, 1, -1, 2, 7, 255, 65_536, 2**31 - 1, 2**31, 2**40, 2**63 - 1, 2**64, -(2**63), 0.5, -0.0, 1e308, 1e-320]
_TEXTS = [
    "",
    " ",
    "a",
    "0",
    "-1",
    "nan",
    "1e999",
    "..",
    "../../x",
    "/",
    "\\",
    "\x00",
    "ä" * 300,
    "float64",
    "object",
    "=1+1",
]
_ODD: list[Any] = [None, True, False, [], {}, [[]], [{}], {"": {}}, [0], [None], {"a": 1}, *_NUMBERS, *_TEXTS]


@st.composite
def damaged_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """The file cut short, or with bytes overwritten, taken out, put in or repeated; more often near its beginning."""
    content = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        if not content:
            break
        reach = draw(st.sampled_from([16, 64, 256, len(content)]))
        place = draw(st.integers(0, min(reach, len(content)) - 1))
        match draw(st.sampled_from(["change", "change", "cut", "take out", "put in", "repeat", "large"])):
            case "change":
                content[place] = draw(st.integers(0, 255))
            case "cut":
                del content[place:]
            case "take out":
                del content[place : place + draw(st.integers(1, 8))]
            case "put in":
                content[place:place] = draw(st.binary(min_size=1, max_size=8))
            case "repeat":
                content[place:place] = content[place : place + draw(st.integers(1, 64))]
            case "large":  # a length or a size that is far too large
                content[place : place + 4] = draw(
                    st.sampled_from([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x80"])
                )
    return bytes(content)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for name, entry in value.items():
            yield from _places(entry, (*path, name))
    elif isinstance(value, list):
        for number, entry in enumerate(value[:4]):
            yield from _places(entry, (*path, number))


def _changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and new is _GONE:
        del copy[path[0]]
    else:
        copy[path[0]] = _changed(copy[path[0]], path[1:], new)
    return copy


_GONE = object()
_DEEP = "a hundred thousand lists in one another"


@st.composite
def edited_json(draw: st.DrawFn, content: Any) -> bytes:
    """A description one or two of whose entries were replaced, taken out, or exchanged for one another."""
    for _ in range(draw(st.integers(1, 2))):
        places = list(_places(content))
        path = draw(st.sampled_from(places))
        match draw(st.sampled_from(["odd", "odd", "odd", "gone", "other", "deep"])):
            case "gone" if path:
                content = _changed(content, path, _GONE)
            case "other":
                other: Any = content
                for step in draw(st.sampled_from(places)):
                    other = other[step]
                content = _changed(content, path, other)
            case "deep":
                content = _changed(content, path, _DEEP)
            case _:
                content = _changed(content, path, draw(st.sampled_from(_ODD)))
    return json.dumps(content).replace(f'"{_DEEP}"', "[" * 100_000 + "]" * 100_000).encode()
