"""A cost against real runs of its factory: parameters, FLOP, and the peak to the byte."""

from __future__ import annotations

import random

import torch

import fxcost as fc
from tests.oracles import flops, memory

RECIPES = {
    "inference": (None, None),
    "sgd": (fc.Training(torch.optim.SGD, options={"lr": 1e-3, "momentum": 0.9}), memory.SGD),
    "adamw": (fc.Training(torch.optim.AdamW), memory.ADAMW),
}


def cost_of(factory, recipe="inference"):
    """Return the cost of a factory under a recipe."""
    return fc.cost(factory, training=RECIPES[recipe][0])


def differences(cost, recipe, configs):
    """Return where a cost and real runs are not equal: what, where, said and real."""
    return [
        (name, dict(config), cost.quantities[name](**config), real)
        for config in configs
        for name, real in real_costs(cost.factory, recipe, config).items()
        if cost.quantities[name](**config) != real
    ]


def real_costs(factory, recipe, config):
    """Return what a real run at a configuration costs."""
    return {
        "parameters": memory.real_parameters(factory, config),
        "flops": real_flops(factory, config, trained=recipe != "inference"),
        "peak_memory": memory.real_peak(factory, config, RECIPES[recipe][1]),
    }


def real_flops(factory, config, *, trained):
    """Return the FLOP of one pass forward, and backward where trained."""
    model, batch = memory.real_model(factory, config), memory.real_batch(factory, config)
    if not trained:
        model.eval()
        with torch.no_grad():
            return flops.oracle_flops(lambda: memory.called(model, batch))
    loss_of = factory.loss or memory.sum_of_output
    return flops.oracle_flops(lambda: loss_of(memory.called(model, batch)).backward())


def at(factory, **values):
    """Return settings of a factory: those given, each with all else small; lists are tried one by one."""
    longest = max(len(each) for each in values.values() if isinstance(each, list))
    draw = random.Random(5)
    found = []
    for index in range(longest):
        fixed = {
            name: each[index % len(each)] if isinstance(each, list) else each for name, each in values.items()
        }
        found.append(factory.space.restrict(**fixed).sample(draw))
    return found
