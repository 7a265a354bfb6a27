"""A sweep on a Dask cluster (`pip install --group frames-test`)."""

from __future__ import annotations

import pytest

from numgenius_core.whatif import sweep
from sweep_cases import BY_PRICE

distributed = pytest.importorskip("distributed")


@pytest.mark.filterwarnings("ignore")  # of Dask's own
class TestADaskCluster:
    """DESIGN: a sweep runs on the cluster its user already has."""

    def test_the_same_numbers(self) -> None:
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            found = sweep(BY_PRICE, runs=2, executor=client.get_executor())
        assert found == sweep(BY_PRICE, runs=2, workers=1)
