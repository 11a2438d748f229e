"""fxcost's closed forms against real CPU runs of every factory of the zoo.

Each factory is compiled at its least depth, so that one short trace suffices: every other one for inference,
the others for training. Some are also compiled with their depths open. `bench/accuracy.py` compares all of
them, both ways, over the whole of their spaces.
"""

from __future__ import annotations

import functools
import random

import pytest
import z3

import fxcost as fc
from fxcost.expr import Lowering, evaluate
from tests.oracles.agreement import RECIPES, real_flops
from tests.oracles.memory import real_parameters, real_peak
from tests.zoo import ZOO
from tests.zoo_papers import point_net
from tests.zoo_plain import mlp, swiglu_block
from tests.zoo_torchvision import squeezenet

DEEP = (mlp, swiglu_block, point_net, squeezenet)
inferring = pytest.mark.parametrize("factory", ZOO[::2], ids=lambda factory: factory.__name__)
training = pytest.mark.parametrize("factory", ZOO[1::2], ids=lambda factory: factory.__name__)
deep_factories = pytest.mark.parametrize("factory", DEEP, ids=lambda factory: factory.__name__)


def drawn(factory, count):
    draw = random.Random(f"tests {factory.__name__}")
    return [factory.space.sample(draw) for _ in range(count)]


@functools.cache
def at_least_depth(factory):
    """Return a factory with the smallest of its depths only."""
    names = [name for name in factory.space.names if "depth" in name]
    space = factory.space.restrict(**{name: min(factory.space[name].values) for name in names})
    return fc.model(space=space, example=factory.example, loss=factory.loss)(factory.__wrapped__)


@functools.cache
def inference(factory):
    return fc.cost(at_least_depth(factory))


@inferring
def test_parameters_equal_those_of_the_built_model(factory):
    for config in drawn(at_least_depth(factory), 3):
        assert inference(factory).parameters(**config) == real_parameters(factory, config)


@inferring
def test_peak_and_flops_of_inference_equal_a_real_run(factory):
    for config in drawn(at_least_depth(factory), 1):
        assert inference(factory).peak_memory(**config) == real_peak(factory, config)
        assert inference(factory).flops(**config) == real_flops(factory, config, trained=False)


@training
def test_a_training_step_equals_a_real_one(factory):
    recipe, real_training = RECIPES["adamw"]
    trained = fc.cost(at_least_depth(factory), training=recipe)
    for config in drawn(at_least_depth(factory), 1):
        assert trained.parameters(**config) == real_parameters(factory, config)
        assert trained.peak_memory(**config) == real_peak(factory, config, real_training)
        assert trained.flops(**config) == real_flops(factory, config, trained=True)


@deep_factories
@pytest.mark.parametrize("name", ["inference", "sgd"])
def test_the_whole_space_with_its_depths_open_equals_real_runs(factory, name):
    recipe, real_training = RECIPES[name]
    cost = fc.cost(factory, training=recipe)
    for config in drawn(factory, 3):
        assert cost.parameters(**config) == real_parameters(factory, config)
        assert cost.peak_memory(**config) == real_peak(factory, config, real_training)


@pytest.mark.parametrize("factory", ZOO[::8], ids=lambda factory: factory.__name__)
def test_z3_terms_agree_with_exact_evaluation_of_the_sympy_formulas(factory):
    """Translation validation: a term can take the value at a point, and where it is exact no other."""
    costs = inference(factory)
    region, domain = costs.first, costs.regions.domain
    quantities = (costs.parameters, costs.flops, costs.traffic, costs.peak_memory)
    formulas = [quantity.expression(region) for quantity in quantities]
    lowering = Lowering(domain, region.form.normaliser)
    terms = [lowering.integer(formula) for formula in formulas]
    constraints = z3.And(lowering.domain_constraints())
    for config in drawn(at_least_depth(factory), 25):
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
