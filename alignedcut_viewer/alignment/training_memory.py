"""How many bytes brain-guided training takes, and how it is kept within a bound.

Counted is what training allocates. Of the files that features and responses are mapped from some 500 MB of pages may
come on top; :class:`~alignedcut_viewer.alignment.BrainSamples` gives them back from time to time.
"""

from __future__ import annotations

import math

from ..errors import InputError
from .brain_samples import BrainSamples
from .starting_maps import CONSENSUS_NODES

__all__ = ["closed_form_pictures"]

_SPARE = 192 * 2**20  # blocks of rows, the constraint's nodes, and what the libraries keep
_LEAST_PICTURES = 64
_GRAM_BYTES = 4 + 2 * 8  # single precision, and a regularised copy and its factor in double


def closed_form_pictures(samples: BrainSamples, n_channels: int, memory: int) -> int:
    """Most pictures that the closed-form start may look at within a bound, whose memory grows with their square.

    Parameters
    ----------
    samples
        What is trained on.
    n_channels
        Width of the universal space.
    memory
        The bound in bytes.

    Raises
    ------
    InputError
        If the maps and the readout themselves do not fit; says how much they need.
    """
    stacked = sum(samples.widths)
    entries = n_channels * (stacked + samples.n_voxels)
    # Parameters, the best ones so far, gradients, two moments of AdamW; then the readout's closed form beside the first
    # two of these.
    training = 5 * 4 * entries
    rows = 4 * samples.n_pictures * n_channels
    finish = 2 * 4 * entries + 3 * 4 * n_channels * samples.n_voxels + 3 * rows
    start = 4 * 4 * n_channels * stacked
    if samples.corresponding:
        start += 2 * CONSENSUS_NODES * stacked
    needed = max(training, finish, start) + _SPARE
    if needed > memory:
        raise InputError(
            f"Brain-guided training of {len(samples.slots)} layers ({stacked:,} channels in all) on "
            f"{samples.n_voxels:,} voxels needs about {math.ceil(needed / 2**20):,} MiB; the bound is "
            f"{memory // 2**20:,} MiB. Raise it (memory), or take fewer voxels, fewer layers, or fewer channels."
        )
    # Beside the principal directions of the responses: maps, and features of all slots in half precision.
    free = memory - _SPARE - 4 * 4 * samples.n_voxels * (n_channels + 16) // 2 - 2 * 4 * n_channels * stacked - rows
    per_picture = 2 * stacked + 12 * n_channels
    count = (-per_picture + math.sqrt(per_picture**2 + 4 * _GRAM_BYTES * max(free, 0))) / (2 * _GRAM_BYTES)
    return max(int(count), _LEAST_PICTURES)
