"""How Sphinx builds these pages: `make docs`."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

import celeriac  # noqa: E402

project = "Celeriac"
author = "The Celeriac authors"
copyright = author
version = release = celeriac.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton", "tools.site"]
exclude_patterns = ["_static"]
myst_heading_anchors = 3
myst_enable_extensions = ["attrs_block"]
suppress_warnings = ["misc.highlighting_failure"]  # shells and logs are no language

smartquotes_action = "q"  # two dashes begin an option
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
add_module_names = False
toc_object_entries = False
# Types of signatures are named, not linked: most are the standard library's or nobody's to use.
nitpick_ignore_regex = [(r"py:(class|obj|data|exc)", r".*")]

html_theme = "furo"
html_title = f"Celeriac {release}"
html_logo = html_favicon = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
copybutton_prompt_text = r"\$ |> "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
