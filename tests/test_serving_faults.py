"""The rows of the reliability table about files, the Hub and the app that is served, at sizes for every day."""

from __future__ import annotations

import pytest
from faults.rows import ROWS
from test_faults import TRAINING, check


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("row", [row.name for row in ROWS if row.name not in TRAINING])
def test_a_row_meets_its_target_at_a_size_for_every_day(row: str) -> None:
    check(row)
