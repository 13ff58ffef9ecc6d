"""The Trajectories panel: the map of all tokens, and their paths from layer to layer."""
