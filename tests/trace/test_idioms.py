"""Ordinary model code stays symbolic, and its peak memory is that of real runs."""

from __future__ import annotations

import pytest
import torch

import fxcost as fc
from fxcost.program import QuestionKind
from tests.oracles import memory
from tests.trace import idioms_of_python, idioms_of_torch
from tests.trace.idioms import IDIOMS, Wrapped, two_layers, vectors
from tests.trace.replay import ADAMW, at, check_peaks_equal_real_runs, traced

RECIPES = [pytest.param(recipe, id=recipe) for recipe in ("inference", "adamw")]
UNROLLED = ("gated_recurrent_layers",)


def test_the_idioms_are_of_three_files():
    files = {factory.__wrapped__.__module__ for factory in IDIOMS}
    assert files == {"tests.trace.idioms", idioms_of_python.__name__, idioms_of_torch.__name__}


def named(factory):
    return pytest.param(factory, id=factory.__name__)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("factory", [named(factory) for factory in IDIOMS])
def test_an_idiom_is_traced_once_for_all_widths_and_batches_and_peaks_as_real_runs_do(factory, recipe):
    program = check_peaks_equal_real_runs(factory, recipe, count=3)
    pinned = {
        str(name)
        for question in program.questions
        if question.kind is QuestionKind.SPECIALISATION
        for name in question.condition.free_symbols
        if question.condition.lhs == name
    }
    assert not pinned - {"seq"} if factory.__name__ in UNROLLED else not pinned


def refuses_to_compile(*_):
    raise RuntimeError("compiled")


@torch.compile(backend=refuses_to_compile)
def compiled_function(x):
    return x * 0.5 * (1 + torch.tanh(x))


@fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 15), example=vectors)
def compiled(width):
    in_place = two_layers(width, 3 * width)
    in_place.compile(backend=refuses_to_compile)
    layers = torch.compile(two_layers(width, 2 * width), backend=refuses_to_compile)
    return Wrapped(
        lambda self, x: compiled_function(self.layers(self.in_place(x))), layers=layers, in_place=in_place
    )


@pytest.mark.parametrize(
    ("training", "real"), [(None, None), (ADAMW, memory.ADAMW)], ids=["inference", "adamw"]
)
def test_what_is_compiled_is_traced_as_it_runs_uncompiled(training, real):
    program = traced(compiled, training)
    others = [compiled.space.config(width=width, batch=batch) for width, batch in ((8, 2), (33, 7), (64, 15))]
    for config in (program.hint, *others):
        with torch.compiler.set_stance("force_eager"):
            assert at(compiled, program, config).peak() == memory.real_peak(compiled, config, real)
