"""How much room text takes, before there is a figure to draw it on."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["line_height", "pieces", "text_width", "wrapped"]


@lru_cache(maxsize=4096)
def text_width(text: str, size: float) -> float:
    """Width in inches of one line in matplotlib's default font at a size in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    # Metrics at a large size, scaled: at small sizes they come in whole pixels.
    width, _, _ = text_to_path.get_text_width_height_descent(text, FontProperties(size=100), ismath=False)
    return float(width) * size / 100 / 72


def line_height(size: float) -> float:
    """Distance in inches from one line to the next at a size in points."""
    return 1.22 * size / 72


def pieces(text: str, at: str = " ") -> list[str]:
    """Parts of a text that stay together; each ends with one of the characters `at`, except the last."""
    return re.findall(rf"[^{re.escape(at)}]*[{re.escape(at)}]|[^{re.escape(at)}]+", text)


def wrapped(text: str, size: float, width: float, *, at: str = " ") -> list[str]:
    """Break text into lines no wider than `width` inches; what is wider in one piece is cut.

    Parameters
    ----------
    text
        One or more lines.
    size
        In points.
    width
        In inches.
    at
        Characters after which a line may end.
    """
    lines: list[str] = []
    for paragraph in text.splitlines():
        current = ""
        for piece in pieces(paragraph, at):
            if current and text_width((current + piece).rstrip(), size) > width:
                lines.append(current.rstrip(" "))
                current = ""
            current += piece
            while len(current) > 1 and text_width(current.rstrip(), size) > width:
                fitting = _fitting_length(current, size, width)
                lines.append(current[:fitting])
                current = current[fitting:]
        lines.append(current.rstrip(" "))
    return lines


def _fitting_length(text: str, size: float, width: float) -> int:
    """How many characters fit, at least one."""
    return max((n for n in range(1, len(text)) if text_width(text[:n], size) <= width), default=1)
