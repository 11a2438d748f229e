"""fxcost's closed forms against real CPU runs of every factory of the zoo.

`bench/main_job.py` makes the same comparisons at more configurations.
"""

from __future__ import annotations

import functools
import random

import pytest
import z3

from bench.accuracy import RECIPES, real_flops
from fxcost import cost
from fxcost.expr import Lowering, evaluate
from tests.oracles.memory import real_parameters, real_peak
from tests.zoo import ZOO

every_factory = pytest.mark.parametrize("factory", ZOO, ids=lambda factory: factory.__name__)


def drawn(factory, count):
    draw = random.Random(f"tests {factory.__name__}")
    return [factory.space.sample(draw) for _ in range(count)]


@functools.cache
def inference(factory):
    return cost(factory)


@every_factory
def test_parameters_equal_those_of_the_built_model(factory):
    for config in drawn(factory, 4):
        assert inference(factory).parameters(**config) == real_parameters(factory, config)


@every_factory
def test_peak_of_inference_equals_a_real_run_to_the_byte(factory):
    for config in drawn(factory, 2):
        assert inference(factory).peak_memory(**config) == real_peak(factory, config)


@every_factory
def test_flops_of_inference_equal_an_independent_count(factory):
    for config in drawn(factory, 1):
        assert inference(factory).flops(**config) == real_flops(factory, config, trained=False)


@every_factory
def test_a_training_step_equals_a_real_one(factory):
    training, real_training = RECIPES["adamw"]
    trained = cost(factory, training=training)
    for config in drawn(factory, 2):
        assert trained.peak_memory(**config) == real_peak(factory, config, real_training)
    assert trained.flops(**config) == real_flops(factory, config, trained=True)


@every_factory
def test_z3_terms_agree_with_exact_evaluation_of_the_sympy_formulas(factory):
    """Translation validation: a term can take the value at a point, and where it is exact no other."""
    costs = inference(factory)
    region, domain = costs.first, costs.regions.domain
    quantities = (costs.parameters, costs.flops, costs.traffic, costs.peak_memory)
    formulas = [quantity.expression(region) for quantity in quantities]
    lowering = Lowering(domain, region.form.normaliser)
    terms = [lowering.integer(formula) for formula in formulas]
    constraints = z3.And(lowering.domain_constraints())
    for config in drawn(factory, 50):
        point = domain.encode(config)
        if not region.covers(point):
            continue
        here = [
            (lowering.variables[axis.name], position(axis, point[axis.name])) for axis in domain.axes.values()
        ]
        exact = [evaluate(formula.sympy(), point) for formula in formulas]
        differs = z3.Or([term != value for term, value in zip(terms, exact, strict=True)])
        agrees, differs, holds = (
            z3.simplify(z3.substitute(term, *here)) for term in (z3.Not(differs), differs, constraints)
        )
        assert satisfiable(holds, agrees)
        assert not (lowering.exact and satisfiable(holds, differs))


def position(axis, value):
    if axis.listed is None:
        return z3.Q(*value.as_integer_ratio())
    return z3.IntVal(sorted(axis.listed).index(value))


def satisfiable(*terms):
    solver = z3.Solver()
    solver.add(*terms)
    answer = solver.check()
    assert answer != z3.unknown
    return answer == z3.sat
