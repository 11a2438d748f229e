"""Formulas given polynomials answer polynomials that evaluate to what numbers give."""

from __future__ import annotations

import pytest
import sympy
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from fxcost import ops
from fxcost.expr import Polynomial
from fxcost.expr.polynomial import Atom
from fxcost.program import TensorMeta
from tests.ops.calls import meta
from tests.ops.test_oracle import steps


def polynomial(size):
    """Return a hyperparameter called after the size, which it takes as its value; 0 and 1 stay."""
    if size <= 1:
        return Polynomial.constant(size)
    return Polynomial.of_atom(Atom.variable(sympy.Symbol(f"s{size}", integer=True, positive=True), low=1))


def symbolic(value):
    """Return described tensors with hyperparameters for sizes."""
    return tree_map(
        lambda leaf: (
            TensorMeta(tuple(map(polynomial, leaf.shape)), leaf.dtype, leaf.storage)
            if isinstance(leaf, TensorMeta)
            else leaf
        ),
        value,
    )


def number(size):
    return size if isinstance(size, int) else size.evaluate({name: int(name[1:]) for name in size.names})


class PolynomialCheck(TorchDispatchMode):
    """Compares, for every operator that runs, answers for numbers and for polynomials."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **kwargs or {})
        plain = (meta(args), meta(kwargs or {}), meta(result))
        of_numbers = ops.Call(function, *plain)
        of_polynomials = ops.Call(function, *map(symbolic, plain))
        flops, same_flops = ops.flops(of_numbers), ops.flops(of_polynomials)
        assert number(same_flops.contraction) == flops.contraction, function
        assert number(same_flops.pointwise) == flops.pointwise, function
        traffic, same_traffic = ops.traffic(of_numbers), ops.traffic(of_polynomials)
        assert number(same_traffic.read) == traffic.read, function
        assert number(same_traffic.written) == traffic.written, function
        return result


@pytest.mark.parametrize(
    "name", ["conv2d", "grouped-query attention", "decoder", "lstm", "bilinear", "products"]
)
def test_polynomials_evaluate_to_what_numbers_give(name):
    _, training = steps(name)
    with PolynomialCheck():
        training()


def test_scattered_elements_may_be_counted_by_polynomials():
    destination, index = torch.zeros(9, 5, 4), torch.zeros(3, 1, dtype=torch.long)
    with PolynomialCheck():
        destination[index, :, torch.zeros(2, dtype=torch.long)] = 1.0
        destination.index_put_((index[:, 0],), torch.ones(1), accumulate=True)
        destination.index_fill_(1, index[:, 0], 2.0)
        destination.scatter_add_(0, torch.zeros(2, 2, 2, dtype=torch.long), destination.clone())
