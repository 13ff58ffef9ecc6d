"""napari's layers that belong to AlignedCut, and the mouse over them."""
