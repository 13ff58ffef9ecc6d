"""One cut of many layers' graphs at once: what all of them agree on. Arrays in, arrays out.

The layers of a network (or of several) each make a graph over the places of the same pictures: of values ("what"), of
queries against keys ("where"), of attention probabilities. :class:`.layered_cut.LayeredCut` finds the
pseudo-eigenvectors that best satisfy all these graphs together (Zhang, Yunis and Maire 2024).
"""
