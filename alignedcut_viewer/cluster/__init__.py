"""Work on several processes or machines: long passes go to workers of a Dask cluster, where one is asked for.

Everything computes in this process unless :func:`computing_on` says otherwise. Passes use :mod:`.row_blocks`, which
takes threads of this process (:mod:`.threads`) or workers (:mod:`.engine`) for the same blocks.
"""

from __future__ import annotations

from .engine import Cluster, computing_on, current_cluster

__all__ = ["Cluster", "computing_on", "current_cluster"]
