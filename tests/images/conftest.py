"""Settings of this room's tests."""

from __future__ import annotations

from hypothesis import settings

# Machines differ too much in speed for a limit on single examples; pytest-timeout watches over whole tests.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
