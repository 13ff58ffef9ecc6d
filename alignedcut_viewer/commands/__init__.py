"""The commands of `alignedcut`: a module for each, with its options and what it does, listed in one table."""

from __future__ import annotations

from importlib import import_module

from .command import Command

__all__ = ["Command", "all_commands"]

# In the order of the help. To add a command, write a module with COMMANDS and name it here.
_MODULES = (
    "demo",
    "networks",
    "extract",
    "align",
    "alignment_files",
    "predict",
    "nsd_pictures",
    "simulate_brain",
    "cut",
    "add",
    "figures",
    "segment",
    "import_masks",
    "benchmark",
    "concepts",
    "transitions",
    "compare",
    "figure_ground",
    "check",
    "view",
)


def all_commands() -> tuple[Command, ...]:
    """All commands, in the order of the help; imports nothing heavy."""
    modules = [import_module(f".{name}", __name__) for name in _MODULES]
    return tuple(command for module in modules for command in module.COMMANDS)
