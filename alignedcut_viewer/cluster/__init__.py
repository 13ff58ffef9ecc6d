"""Work on several processes or machines: long passes go to workers of a Dask cluster, where one is asked for.

Everything computes in this process unless :func:`computing_on` says otherwise.
"""

from __future__ import annotations

from .engine import Cluster, computing_on, current_cluster

__all__ = ["Cluster", "computing_on", "current_cluster"]
