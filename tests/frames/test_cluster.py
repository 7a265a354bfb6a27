"""Column rules are the scalar rules on Dask and PySpark: `pytest -m cluster`.

They need the dependency group ``frames-test`` and Java, and take a few minutes.
"""

from __future__ import annotations

import pytest

import frame_cases as cases
from frame_engines import CLUSTER, make
from numgenius_core import frames
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.frames import Column

pytestmark = [
    pytest.mark.cluster,
    # The engines' own: Spark's sockets, and narwhals' plan to move Dask to a package of its own.
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
engines = pytest.mark.parametrize("engine", CLUSTER)


@engines
class TestEveryClusterAgrees:
    """Column rules = scalar rules on random frames, PySpark in local mode included."""

    def test_a_quote_is_the_scalar_quote(self, engine: str) -> None:
        cases.check_quotes(engine, cases.offer_rows(seed=1, count=250))

    def test_nulls_stay_nulls(self, engine: str) -> None:
        cases.check_nulls(engine, cases.with_nulls(cases.offer_rows(seed=2, count=120), seed=3))

    def test_a_reservation_left_early_or_late_is_the_scalar_quote(self, engine: str) -> None:
        cases.check_reservations(engine, *cases.RESERVATIONS[0])

    def test_slices_are_the_scalar_cut(self, engine: str) -> None:
        cases.check_slices(engine)

    def test_occupancy_is_the_overlap(self, engine: str) -> None:
        cases.check_occupancy(engine)

    def test_prices_and_index_are_those_of_a_loop(self, engine: str) -> None:
        cases.check_prices(engine)

    def test_who_runs_is_refused(self, engine: str) -> None:
        with pytest.raises(WrongType, match="collect"):
            frames.resolve(make(engine, cases.claim_rows(1)))

    def test_what_is_out_of_range_is_refused(self, engine: str) -> None:
        rows = [{"num_gpus": 1, "dph_base": price, "s": 1} for price in (0.5, -0.1, 600.0)]
        with pytest.raises(RuleViolation, match="price"):
            frames.quote(make(engine, rows), Column("s"))
