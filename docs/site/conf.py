"""Sphinx's settings; `docs/make_site.py` puts the pages together and calls it."""

from __future__ import annotations

import alignedcut_viewer

project = "alignedcut_viewer"
author = copyright = "the alignedcut_viewer developers"
version = release = alignedcut_viewer.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
html_theme = "furo"
html_title = f"AlignedCut viewer {version}"
exclude_patterns = ["conf.py"]

myst_enable_extensions = ["attrs_inline", "dollarmath"]
myst_heading_anchors = 4

napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
autodoc_typehints = "none"  # numpydoc's sections say it
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "exclude-members": "set_fit_request, set_transform_request"}

suppress_warnings = ["ref.python"]  # types of attributes that are called as methods are

linkcheck_timeout = 20
linkcheck_workers = 4

# Annotations such as NDArray[np.str_] end in what reStructuredText takes for a link.
rst_epilog = ".. _numpy.str: https://numpy.org/doc/stable/reference/arrays.scalars.html"
