"""How the documentation is built: `sphinx-build -W docs build/docs`, which is what `make docs` does."""

import os
import sys
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]  # the extensions beside this file, and the two packages
os.environ.setdefault("MPLBACKEND", "agg")

project = "refnet and conformance"
author = "the authors of refnet"
extensions = ["myst_parser", "docstrings", "verdict_figure"]
myst_heading_anchors = 3
nitpicky = True
toc_object_entries = False  # a module has hundreds of names; the search and the index find them

html_theme = "furo"
html_title = project
pygments_style = "tango"
highlight_language = "none"  # formulas are no program; blocks of code say what they are

# Links of files that pages include, as they are written in the repository, and the page that each is here.
INCLUDED = {"](conformance/cases/README.md)": "](cases.md)"}


def _relink(app: object, path: Path, page: str, content: list[str]) -> None:
    for link, here in INCLUDED.items():
        content[0] = content[0].replace(link, here)


def setup(app: Sphinx) -> None:
    """Rewrite the links of what is included."""
    app.connect("include-read", _relink)
