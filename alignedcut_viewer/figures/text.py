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
        current, rough = "", 0.0
        for piece in pieces(paragraph, at):
            more = _rough_width(piece, size)
            if current and _too_wide(current + piece, rough + more, size, width):
                lines.append(current.rstrip(" "))
                current, rough = "", 0.0
            current += piece
            rough += more
            while len(current) > 1 and _too_wide(current, rough, size, width):
                fitting = _fitting_length(current, size, width)
                lines.append(current[:fitting])
                current = current[fitting:]
                rough = text_width(current, size)
        lines.append(current.rstrip(" "))
    return lines


def _too_wide(text: str, rough: float, size: float, width: float) -> bool:
    """Whether a line is wider than that; measured as a whole only where the sum of its words comes near."""
    return rough > 0.95 * width and text_width(text.rstrip(), size) > width


def _rough_width(piece: str, size: float) -> float:
    """Width of a piece with the spaces at its end, but for what letters give way to those of the next piece."""
    word = piece.rstrip(" ")
    return text_width(word, size) + 0.318 * size / 72 * (len(piece) - len(word))  # a space is .318 em wide


def _fitting_length(text: str, size: float, width: float) -> int:
    """How many characters fit, at least one."""
    return max((n for n in range(1, len(text)) if text_width(text[:n], size) <= width), default=1)
