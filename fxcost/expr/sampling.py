"""Guess, from samples, which rows of a maximum are needed: a start for a proof, never a proof."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from fxcost.expr.domain import Axis, Domain
from fxcost.expr.evaluation import evaluate_arrays
from fxcost.expr.polynomial import Atom, Polynomial
from fxcost.expr.vectorised import Array

SAMPLES = 2048
MOST_CORNERS = 10


def likely_largest(rows: Sequence[Polynomial], domain: Domain) -> set[int]:
    """Return the rows that are larger than each other one at some sampled point or corner.

    >>> from fxcost.expr.normal import Normaliser
    >>> from fxcost.space import Int, Space
    >>> domain = Domain(Space(width=Int(1, 64)))
    >>> width = Normaliser(domain).polynomial(domain.symbols["width"])
    >>> sorted(likely_largest([width**2, 8 * width, 7 * width], domain))
    [0, 1]
    """
    if len(rows) == 1:
        return {0}
    values = _row_values(rows, _points(rows, domain))
    top_two = np.partition(values, -2, axis=0)[-2:]
    clear = top_two[1] > top_two[0] * (1 + 1e-12)
    return {int(index) for index in np.unique(np.argmax(values, axis=0)[clear])}


def _points(rows: Sequence[Polynomial], domain: Domain) -> Mapping[str, Array]:
    """Return corners, uniform draws and draws towards the low end, within the variables' bounds."""
    bounds: dict[str, tuple[float, float]] = {name: domain.bounds(name) for row in rows for name in row.names}
    for atom in {atom for row in rows for atom in row.atoms if atom.name is not None}:
        bounds[atom.key[1]] = (atom.low or 0, atom.high or 0)
    generator = np.random.default_rng(0)
    ends = list(itertools.product((0.0, 1.0), repeat=min(len(bounds), MOST_CORNERS)))
    points = {}
    for column, (name, (low, high)) in enumerate(sorted(bounds.items())):
        uniform = generator.random(2 * SAMPLES)
        uniform[SAMPLES:] **= 3
        corner = [end[column] if column < MOST_CORNERS else 1.0 for end in ends]
        points[name] = _snapped(domain.axes[name], low, high, np.concatenate([corner, uniform]))
    return points


def _snapped(axis: Axis, low: float, high: float, fractions: Array) -> Array:
    """Return values of an axis at these fractions of the way from low to high."""
    if isinstance(axis.listed, range):
        steps = len(range(0, int(high) - int(low) + 1, axis.listed.step))
        index = np.minimum(fractions * steps, steps - 1).astype(np.int64)
        return np.asarray(int(low) + axis.listed.step * index)
    if axis.values is None:
        return np.asarray(low + fractions * (high - low))
    inside = axis.values[(axis.values >= low) & (axis.values <= high)]
    return np.asarray(inside[np.minimum(fractions * len(inside), len(inside) - 1).astype(np.int64)])


def _row_values(rows: Sequence[Polynomial], points: Mapping[str, Array]) -> Array:
    """Return every row at every point, rounded."""
    size = len(next(iter(points.values()), np.zeros(1)))
    known: dict[Atom, Array] = {}
    for atom in {atom for row in rows for atom in row.atoms}:
        known[atom] = np.broadcast_to(evaluate_arrays(atom.expression, points), size).astype(np.float64)
    values = np.zeros((len(rows), size))
    for index, row in enumerate(rows):
        for monomial, coefficient in row.terms.items():
            product = np.full(size, float(coefficient))
            for atom, exponent in monomial:
                product *= known[atom] ** exponent
            values[index] += product
    return values
