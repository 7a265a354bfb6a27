"""How names leave: with a warning that names the replacement, a release before."""

from __future__ import annotations

import warnings
from types import ModuleType

import pytest

from numgenius_core._faces.deprecation import (
    Deprecation,
    deprecated,
    deprecated_names,
    renamed_parameter,
)
from numgenius_core.errors import DeprecationNotice, NumgeniusWarning, WrongType
from numgenius_core.gpus import slicing

NOTICE = Deprecation(replacement="numgenius_core.gpus.offer_sizes", since="1.2", leaves="1.3")
TEXT = r"is deprecated since 1\.2 and leaves in 1\.3; use numgenius_core\.gpus\.offer_sizes$"


@deprecated(NOTICE)
def sizes(gpus: int, *, min_gpu: int) -> tuple[int, ...]:
    """Return what it always did."""
    return slicing.offer_sizes(gpus, min_gpu)


@renamed_parameter("smallest", "min_gpu", NOTICE)
def offers(gpus: int, **facts: int) -> tuple[int, ...]:
    return slicing.offer_sizes(gpus, facts["min_gpu"])


def a_module() -> ModuleType:
    module = ModuleType("old_module")
    module.__dict__["__getattr__"] = deprecated_names("old_module", {"cut": NOTICE})
    return module


class TestANameLeavesWithAWarning:
    """DESIGN: "a name leaves only after a release that warns and names its replacement"."""

    def test_a_function(self) -> None:
        with pytest.warns(DeprecationNotice, match=rf"test_deprecation\.sizes {TEXT}") as seen:
            assert sizes(4, min_gpu=2) == (2, 2, 4)
        assert seen[0].filename == __file__
        assert sizes.__doc__ == "Return what it always did."

    def test_a_parameter(self) -> None:
        with pytest.warns(DeprecationNotice, match=rf"offers\(smallest=…\) {TEXT}") as seen:
            assert offers(4, smallest=2) == (2, 2, 4)
        assert seen[0].filename == __file__

    def test_a_parameter_under_its_new_name_is_silent(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert offers(4, min_gpu=2) == (2, 2, 4)

    def test_both_names_of_a_parameter_are_refused(self) -> None:
        with pytest.raises(WrongType, match="min_gpu: need min_gpu alone, got smallest as well"):
            offers(4, smallest=2, min_gpu=2)

    def test_a_name_of_a_module(self) -> None:
        with pytest.warns(DeprecationNotice, match=rf"^old_module\.cut {TEXT}") as seen:
            assert a_module().cut is slicing.offer_sizes
        assert seen[0].filename == __file__

    def test_a_name_that_never_was(self) -> None:
        with pytest.raises(AttributeError, match="module 'old_module' has no attribute 'cat'"):
            a_module().cat  # noqa: B018 - asking is the test

    def test_filters_for_either_kind_catch_it(self) -> None:
        assert issubclass(DeprecationNotice, DeprecationWarning)
        assert issubclass(DeprecationNotice, NumgeniusWarning)
