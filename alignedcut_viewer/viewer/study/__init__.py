"""The Study panel: what to compute, how it is shown, what to export."""
