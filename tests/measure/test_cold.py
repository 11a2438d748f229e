"""The search for the least memory with which steps complete."""

from __future__ import annotations

import pytest

from fxcost.measure.cold import ColdStart

STEP = 2


class Needing(ColdStart):
    """Completes with so much memory, and counts how often it was tried."""

    def __init__(self, least):
        super().__init__(make=lambda: None)
        self.least = least
        self.tries = 0

    def completes(self, memory=None):
        self.tries += 1
        return memory is None or memory >= self.least


@pytest.mark.parametrize("predicted", [2, 40, 98, 100, 102, 400, 5000])
def test_it_finds_the_least_that_is_enough_wherever_it_begins(predicted):
    assert Needing(100).enough(predicted, STEP) == 100


def test_where_the_prediction_is_right_two_runs_tell():
    start = Needing(100)
    assert (start.enough(100, STEP), start.tries) == (100, 2)
