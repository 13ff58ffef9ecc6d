"""The Selection panel: figure and ground, similarity, threshold, named selections."""
