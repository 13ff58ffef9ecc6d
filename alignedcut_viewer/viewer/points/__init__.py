"""A million points of a plane: found by a grid, drawn by the CPU. No Qt."""
