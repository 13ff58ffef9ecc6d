"""What computing asks of the machine: memory given back, and where small problems are solved."""

from __future__ import annotations

import ctypes
import sys

import torch

__all__ = ["solver_device", "trim_memory"]


def trim_memory() -> None:
    """Give memory that was freed back to the system, where its allocator (glibc's) would keep it."""
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # not in every C library
        if trim is not None:
            trim(0)


def solver_device(device: torch.device) -> torch.device:
    """Where small problems are solved in double precision: the device itself, unless it has none (MPS)."""
    return device if device.type in ("cpu", "cuda") else torch.device("cpu")
