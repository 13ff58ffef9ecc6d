"""The 182 labels of COCO-Stuff in the 27 coarse classes of its hierarchy: 12 of things, 15 of stuff."""

from __future__ import annotations

__all__ = ["COARSE_OF_FINE"]

# electronic 0, appliance 1, food 2, furniture 3, indoor 4, kitchen 5, accessory 6, animal 7, outdoor 8, person 9,
# sports 10, vehicle 11; ceiling 12, floor 13, food 14, furniture 15, raw material 16, textile 17, wall 18, window 19,
# building 20, ground 21, plant 22, sky 23, solid 24, structural 25, water 26.
_THINGS = ((9, 1), (11, 8), (8, 6), (7, 10), (6, 8), (10, 10), (5, 8), (2, 10), (3, 10), (0, 6), (1, 6), (4, 8))
_STUFF = (
    17, 17, 22, 20, 20, 22, 15, 25, 16, 13, 12, 12, 17, 17, 23, 15, 15, 17, 15, 21, 15, 25, 13, 13, 13, 13, 13, 22,
    26, 14, 14, 15, 22, 21, 21, 24, 20, 22, 15, 17, 16, 15, 22, 24, 21, 17, 25, 16, 21, 17, 22, 16, 21, 21, 25, 21,
    26, 21, 24, 20, 17, 14, 21, 26, 15, 23, 20, 21, 24, 15, 24, 22, 25, 15, 20, 17, 17, 22, 14, 18, 18, 18, 18, 18,
    18, 18, 26, 26, 19, 19, 24,
)  # fmt: skip

COARSE_OF_FINE = (*(coarse for coarse, count in _THINGS for _ in range(count)), *_STUFF)
"""Coarse class of each fine label from 0 to 181."""
