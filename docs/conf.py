"""Sphinx configuration; build with ``sphinx-build -E -n -W docs docs/_build``."""

from sphinx.ext.napoleon.docstring import GoogleDocstring

from numgenius_core import __version__

# A docstring of one property such as "On-demand: …" is a sentence here, not a type and its text.
GoogleDocstring._consume_inline_attribute = lambda self: ("", self._dedent(self._consume_to_end()))

project = "numgenius-core"
author = "The numgenius-core authors"
release = version = __version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "numgenius-core"
exclude_patterns = ["_build"]
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
    (r"py:.*", r"(Axes|StyleName|Number)"),
    (r"py:.*", r".*(\b_\w+|\bT|\bR|KT|VT)$"),
]
