"""Ordinary model code stays symbolic, and its peak memory is that of real runs."""

from __future__ import annotations

import pytest

from fxcost.program import QuestionKind
from tests.trace.idioms import IDIOMS
from tests.trace.replay import check_peaks_equal_real_runs

RECIPES = [pytest.param(recipe, id=recipe) for recipe in ("inference", "sgd")]
UNROLLED = ("gated_recurrent_layers",)


def named(factory):
    return pytest.param(factory, id=factory.__name__)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("factory", [named(factory) for factory in IDIOMS])
def test_an_idiom_is_traced_once_for_all_widths_and_batches_and_peaks_as_real_runs_do(factory, recipe):
    program = check_peaks_equal_real_runs(factory, recipe)
    pinned = {
        str(name)
        for question in program.questions
        if question.kind is QuestionKind.SPECIALISATION
        for name in question.condition.free_symbols
        if question.condition.lhs == name
    }
    assert not pinned - {"seq"} if factory.__name__ in UNROLLED else not pinned
