"""Sphinx configuration; build with ``sphinx-build -E -n -W docs docs/_build``."""

import shutil
from pathlib import Path

from sphinx.ext.napoleon.docstring import GoogleDocstring

from numgenius_core import __version__

# A docstring of one property such as "On-demand: …" is a sentence here, not a type and its text.
GoogleDocstring._consume_inline_attribute = lambda self: ("", self._dedent(self._consume_to_end()))

# The notebooks live among the examples, and are run and shown here.
HERE = Path(__file__).parent
shutil.copytree(HERE.parent / "examples" / "notebooks", HERE / "notebooks", dirs_exist_ok=True)

project = "numgenius-core"
author = "The numgenius-core authors"
release = version = __version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "numgenius-core"
exclude_patterns = ["_build"]
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_default_options = {"members": True, "show-inheritance": True}
nitpick_ignore_regex = [
    # Other packages' names, type variables, and names that a module keeps to itself.
    (
        r"py:.*",
        r"(datetime|decimal|fractions|collections|typing|enum|abc|dateutil|os|io|re|concurrent)(\..*)?",
    ),
    (r"py:.*", r"(date|time)?(datetime|timedelta|tzinfo|Decimal|Fraction|Enum|ABC|relativedelta)"),
    (r"py:.*", r"(Iterable|Sequence|Mapping|Callable|Any|Self|Final|Traversable|PathLike|IO)"),
    (r"py:.*", r"(int|str|bool|float|bytes|object|tuple|dict|list|set|None|optional|frozenset)"),
    (r"py:.*", r"(ValueError|TypeError|RuntimeError|ImportError|Exception|UserWarning)"),
    (r"py:.*", r"(Axes|StyleName|Number|(st|hypothesis\.strategies)\.SearchStrategy)"),
    (r"py:.*", r"(.*\.)?(frame_door\.Reading|frame_columns\.Number|Refunds)"),
    (r"py:.*", r".*(\b_\w+|\bT|\bR|KT|VT)$"),
]
