"""The Brain panel: bars and curves by region, and the cortex."""
