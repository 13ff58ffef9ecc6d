"""The one rule for devices and memory: where to compute, in which precision, and within how many bytes."""

from __future__ import annotations

import math
import os
import re
import sys
from functools import cache
from typing import TYPE_CHECKING

from .errors import InputError

if TYPE_CHECKING:
    import torch

__all__ = ["multiplies_bfloat16", "parse_memory", "physical_memory", "resolve_device", "resolve_precision"]

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """The device to compute on.

    Parameters
    ----------
    device
        ``"auto"`` is CUDA where there is one, else MPS, else the CPU; anything else is passed to ``torch.device``.

    Raises
    ------
    InputError
        If the device does not exist on this machine.
    """
    import torch

    if isinstance(device, str) and device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        if torch.backends.mps.is_available():
            return torch.device("mps")
        return torch.device("cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError, ValueError):
        raise InputError(f"Unknown device {device!r}; use auto, cpu, cuda, cuda:1 or mps.") from None
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"Device {device!r} was asked for, but torch finds no CUDA device here; use device='auto'.")
    if chosen.type == "mps" and not torch.backends.mps.is_available():
        raise InputError(f"Device {device!r} was asked for, but torch finds no MPS device here; use device='auto'.")
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"Device {device!r} was asked for, but the CUDA devices here go from cuda:0 to "
            f"cuda:{torch.cuda.device_count() - 1}; use device='auto'."
        )
    if chosen.type not in ("cpu", "cuda", "mps"):
        try:
            torch.zeros(1, device=chosen).cpu()
        except RuntimeError:  # no such hardware, or "meta", which holds no numbers
            raise InputError(f"Device {device!r} cannot compute here; use auto, cpu, cuda, cuda:1 or mps.") from None
    return chosen


def resolve_precision(precision: str, device: torch.device) -> torch.dtype:
    """The floating-point type to run networks in.

    Parameters
    ----------
    precision
        ``"auto"`` (half precision on CUDA and MPS, where it gains speed; single precision on the CPU),
        ``"float32"``, ``"float16"`` or ``"bfloat16"``.
    device
        A resolved device.

    Raises
    ------
    InputError
        If `precision` is none of these.
    """
    import torch

    if isinstance(precision, str) and precision == "auto":
        return torch.float32 if device.type == "cpu" else torch.float16
    named = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
    if not isinstance(precision, str) or precision not in named:
        raise InputError(f"Unknown precision {precision!r}; use auto, float32, float16 or bfloat16.")
    return named[precision]


@cache
def physical_memory() -> int:
    """Bytes of memory that this machine has; 8 GiB where it does not say."""
    if hasattr(os, "sysconf") and {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= set(os.sysconf_names):
        return int(os.sysconf("SC_PAGE_SIZE")) * int(os.sysconf("SC_PHYS_PAGES"))
    if sys.platform == "win32":
        import ctypes

        kilobytes = ctypes.c_ulonglong()
        if ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes)):
            return kilobytes.value * 1024
    return 8 * 2**30


@cache
def multiplies_bfloat16() -> bool:
    """Whether the processor multiplies matrices of bfloat16 itself, several times faster than those of float32."""
    import torch

    has_instructions = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    has_library = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return bool(has_library and has_instructions is not None and has_instructions())


def parse_memory(memory: int | float | str) -> int:
    """Number of bytes in a size such as ``"4GiB"``, ``"500 MB"`` or a plain number.

    Raises
    ------
    InputError
        If the text is not a size, or not a positive one.
    """
    if isinstance(memory, int | float) and not isinstance(memory, bool):
        n_bytes = int(memory) if math.isfinite(memory) else 0
    else:
        match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]*)\s*", str(memory))
        if match is None or match.group(2).upper() not in _UNITS:
            raise InputError(f"{memory!r} is not a memory size; write for example '4GiB' or '500MB'.")
        n_bytes = int(float(match.group(1)) * _UNITS[match.group(2).upper()])
    if n_bytes <= 0:
        raise InputError(f"A memory bound must be positive; got {memory!r}.")
    return n_bytes
