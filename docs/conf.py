"""Sphinx's configuration. `make_site.py` copies it beside the pages that it prepares."""

import sys
from pathlib import Path

from batchlab import __version__

sys.path.insert(0, str(Path(__file__).parent))

project = "batchlab"
author = "the authors of batchlab"
version = release = __version__
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_design",
    "docstrings",
    "explorer_page",
]
# What is stored in the notebooks is shown, and nothing of them is run.
nb_execution_mode = "off"
nb_ipywidgets_js = {}
nb_merge_streams = True
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# Docstrings state types and shapes in words; annotations would say them twice.
autodoc_typehints = "none"
autodoc_preserve_defaults = True
autosummary_generate = False
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_use_ivar = True
add_module_names = False
default_role = "py:obj"
highlight_language = "none"
smartquotes = False

# In docstrings a name in backticks may be a parameter, which is no reference.
nitpicky = True
nitpick_ignore_regex = [("py:obj", ".*"), ("py:class", ".*")]

html_theme = "furo"
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "github-dark"
html_title = "batchlab"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_show_sourcelink = False
# A summary is fetched from the pages, which a browser refuses to a page from a folder.
html_show_search_summary = False
html_theme_options = {"navigation_with_keys": True}
