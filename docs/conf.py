"""Sphinx configuration; build with ``sphinx-build -E -n -W docs docs/_build``."""

import importlib
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

from docutils.nodes import Element
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.napoleon.docstring import GoogleDocstring
from sphinx.pycode import ModuleAnalyzer

import numgenius_core
from numgenius_core import __version__

# A docstring of one property such as "On-demand: …" is a sentence here, not a type and its text.
GoogleDocstring._consume_inline_attribute = lambda self: ("", self._dedent(self._consume_to_end()))

# The notebooks live among the examples, and are run and shown here.
HERE = Path(__file__).parent
shutil.copytree(HERE.parent / "examples" / "notebooks", HERE / "notebooks", dirs_exist_ok=True)

project = "numgenius-core"
author = project_copyright = "The numgenius-core authors"
release = version = __version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "numgenius-core"
html_static_path = ["_static"]
html_css_files = ["style.css"]
# What is copied from a session runs as it is: no prompts and nothing that was printed.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_copy_empty_lines = False
exclude_patterns = ["_build"]
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_default_options = {"members": True, "show-inheritance": True}
nitpick_ignore_regex = [
    # Other packages' names, type variables, and what is machinery.
    (
        r"py:.*",
        r"(datetime|decimal|fractions|collections|typing|enum|abc|dateutil|os|io|re|concurrent|pathlib|types)(\..*)?",
    ),
    (r"py:.*", r"(date|time)?(datetime|timedelta|tzinfo|Decimal|Fraction|Enum|ABC|relativedelta)"),
    (r"py:.*", r"(Iterable|Sequence|Mapping|Callable|Any|Self|Final|Traversable|PathLike|IO)"),
    (r"py:.*", r"(int|str|bool|float|bytes|object|tuple|dict|list|set|None|optional|frozenset)"),
    (r"py:.*", r"(ValueError|TypeError|RuntimeError|ImportError|Exception|UserWarning)"),
    (r"py:.*", r"(Axes|Measure|Number|(st|hypothesis\.strategies)\.SearchStrategy)"),
    (r"py:.*", r"(.*\b_\w+(\.\w+)?|\bT|\bR|KT|VT)$"),
]


PACKAGE: Final = numgenius_core.__name__


def faces() -> dict[str, ModuleType]:
    """Return the modules that list what is promised, the package's own face left out."""
    source = Path(numgenius_core.__file__).parent
    found = {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        name = ".".join([PACKAGE, *(part for part in parts if part != "__init__")])
        if name != PACKAGE and "\n__all__ = [" in path.read_text("utf-8"):
            found[name] = importlib.import_module(name)
    return found


FACES: Final = faces()


def to_face(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: Element
) -> Element | None:
    """Resolve a name that is said by the module it is written in, as type annotations say it.

    ``numgenius_core.bids.priority.Claim`` is documented as ``numgenius_core.bids.Claim``. Of two
    faces that list a name, that of the module's room is meant, else the one being read.
    """
    if node.get("refdomain") != "py":
        return None
    said = node["reftarget"].split(".")
    near = (node["reftarget"], f"{node.get('py:module')}.")
    for index, name in enumerate(said):
        listing = [face for face, module in FACES.items() if name in module.__all__]
        listing.sort(key=lambda face: [not each.startswith(f"{face}.") for each in near])
        for face in listing:
            target = ".".join([face, *said[index:]])
            found = env.domains["py"].resolve_xref(
                env, node["refdoc"], app.builder, "obj", target, node, text
            )
            if found is not None:
                return found
    return None


def tell_of_data(
    _app: Sphinx, what: str, name: str, obj: object, _options: object, lines: list[str]
) -> None:
    """Give a constant that a face takes from another module the text that stands under it there."""
    face, _, own = name.rpartition(".")
    if what != "data" or face not in FACES:
        return
    for module in sys.modules.copy():
        if module.startswith(f"{PACKAGE}."):
            told = ModuleAnalyzer.for_module(module).find_attr_docs().get(("", own))
            if told and getattr(sys.modules[module], own) is obj:
                lines[:] = told


def setup(app: Sphinx) -> None:
    """Take part in the build."""
    app.connect("missing-reference", to_face)
    app.connect("autodoc-process-docstring", tell_of_data, priority=0)
