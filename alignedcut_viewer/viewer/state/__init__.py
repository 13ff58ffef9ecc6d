"""What a window is set to and remembers, as plain values: selections, values, settings, the session. No Qt."""
