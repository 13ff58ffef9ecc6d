"""Settings of this room's tests."""

from __future__ import annotations


# Machines differ too much in speed for a limit on single examples; pytest-timeout watches over whole tests.
