"""Check that a burst keeps and uses the vendor's rate; `make bench` measures ten thousand recordings."""

import pytest

from benchmarks.burst import burst

COUNT = 300


@pytest.mark.parametrize(
    "counts_queries",
    [
        pytest.param(False, id="a vendor that counts submissions"),
        pytest.param(True, id="a vendor that counts queries with them"),
    ],
)
def test_burst_meets_no_vendor_limit_and_little_delay(counts_queries):
    result = burst(COUNT, counts_queries=counts_queries)

    assert (result.completed, result.refusals) == (COUNT, 0)
    assert result.over_limit <= 1.1
