"""What the box engine has had wrong, and cases that random systems rarely have."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fxcost.expr import Domain, Expression, Normaliser, Row
from fxcost.solve.boxes.best import Climb, Nearest
from fxcost.solve.boxes.goals import CostGoal
from fxcost.solve.boxes.sweep import Frontier, sweep, volume
from fxcost.solve.boxes.tree import Tree, UndecidedError, trimmed
from fxcost.solve.budget import Budget
from fxcost.solve.costs import Cost
from fxcost.solve.facts import Claim, Fact
from fxcost.solve.lattice import Box, Boxes, Lattice
from fxcost.solve.pruning import Conflict, Pruning
from fxcost.solve.truths import Points
from fxcost.space import Choice, Float, Int, Space


def lattice_of(**hyperparameters):
    return Lattice(Domain(Space(**hyperparameters)))


def cost(lattice, *rows):
    normaliser = Normaliser(lattice.domain)
    symbols = lattice.domain.symbols
    written = tuple(Row(normaliser.polynomial(row(**symbols))) for row in rows)
    return Cost(Expression(written), None, lattice)


def swept(lattice, facts, fibre, box=None):
    decider = Tree(lattice, facts, fibre)
    found = []
    for boxes in sweep(decider, Frontier(Boxes.of(box or lattice.whole)), Budget(60)):
        for low, high in zip(zip(*boxes.low, strict=True), zip(*boxes.high, strict=True), strict=True):
            found += itertools.product(*(range(a, b + 1) for a, b in zip(low, high, strict=True)))
    assert len(found) == len(set(found))
    return set(found)


@pytest.mark.parametrize("fibre", [0, 1])
@pytest.mark.parametrize("bound", [9, 10, 15, 19, 20, 21])
def test_above_a_bound_may_be_two_ends_of_a_fibre(fibre, bound):
    lattice = lattice_of(a=Int(0, 20), b=Int(1, 3))
    largest = cost(lattice, lambda a, b: a * b, lambda a, b: 20 - a)
    expected = {(a, b) for a, b in itertools.product(range(21), range(3)) if max(a * (b + 1), 20 - a) > bound}
    assert swept(lattice, [Claim(largest, bound, claimed=False)], fibre) == expected


@pytest.mark.parametrize("fibre", [0, 1])
@pytest.mark.parametrize("size", [2**k for k in (42, 44, 45, 52, 53, 54, 55, 62)])
@pytest.mark.parametrize("bound", [-(2**70), -(2**63), -1, 0, 2**51, 2**53 + 1, 2**63 - 1, 2**63, 2**64])
def test_no_value_and_no_bound_is_too_large(fibre, size, bound):
    lattice = lattice_of(a=Int(1, 30), b=Int(1, 9))
    product = cost(lattice, lambda a, b: size * a * b - (size - 1) * a)
    points = set(itertools.product(range(30), range(9)))
    below = {(a, b) for a, b in points if size * (a + 1) * (b + 1) - (size - 1) * (a + 1) <= bound}
    assert swept(lattice, [Claim(product, bound, claimed=True)], fibre) == below
    assert swept(lattice, [Claim(product, bound, claimed=False)], fibre) == points - below


@pytest.mark.parametrize("size", [2**53 - 1, 2**60 - 1, 2**62 + 1])
def test_a_small_row_leaves_the_digits_of_a_large_one(size):
    lattice = lattice_of(a=Int(0, 3), b=Int(0, 3))
    largest = cost(lattice, lambda a, b: size + a, lambda a, b: 3 - b)
    assert largest.enclosure.at((1, 2)) == size + 1
    assert [swept(lattice, [Claim(largest, size + 1, claimed=True)], fibre) for fibre in (0, 1)] == [
        set(itertools.product(range(2), range(4)))
    ] * 2


def test_a_choice_may_hold_what_neither_int64_nor_float64_can():
    lattice = lattice_of(a=Choice(-1, 2**63 + 1, 2**80), b=Int(1, 3))
    product = cost(lattice, lambda a, b: a * b)
    assert product.enclosure.at((1, 2)) == 3 * (2**63 + 1)
    assert swept(lattice, [Claim(product, 2**63 + 1, claimed=True)], 0) == {(0, 0), (0, 1), (0, 2), (1, 0)}


@pytest.mark.parametrize("claimed", [True, False])
@pytest.mark.parametrize("bound", [-2, -1, 0, 3, 14, 15])
def test_what_a_cost_does_outside_of_the_box_does_not_matter(bound, claimed):
    lattice = lattice_of(a=Int(0, 5))
    box = Box((1,), (5,))
    rising = Claim(cost(lattice, lambda a: a * a - 2 * a), bound, claimed).within(box)
    assert swept(lattice, [rising], 0, box) == {
        (a,) for a in range(1, 6) if (a * a - 2 * a <= bound) == claimed
    }


def test_a_claim_about_one_hyperparameter_is_part_of_the_conflict_it_causes():
    lattice = lattice_of(a=Int(1, 9), b=Int(1, 3))
    low = Claim(cost(lattice, lambda a, b: a), 5, claimed=True)
    high = Claim(cost(lattice, lambda a, b: a + b), 10, claimed=False)
    answer = Pruning(lattice, lattice.whole, Budget(60)).decide([low, high], 100)
    assert isinstance(answer, Conflict)
    assert set(answer.claims) == {low, high}


@pytest.mark.parametrize("fibre", [0, 1])
def test_settings_that_cannot_be_decided_stay_in_the_frontier(fibre):
    lattice = lattice_of(a=Int(0, 9), b=Int(0, 9))
    fact = Undecidable(frozenset((0,)))
    frontier = Frontier(Boxes.of(lattice.whole))
    found = []
    with pytest.raises(UndecidedError):
        found.extend(sweep(Tree(lattice, [fact], fibre), frontier, Budget(60)))
    left = volume(frontier.boxes)
    assert 10 <= left < 100
    assert sum(map(volume, found)) == 100 - left


class Undecidable(Points):
    """A condition that has no value where the first hyperparameter is at 3."""

    bounded = True

    def __init__(self, support):
        super().__init__(support, lambda point: None if point[0] == 3 else True)


def test_a_float_cannot_be_halved():
    lattice = lattice_of(rate=Float(0.0, 1.0))
    fact = Undecidable(frozenset((0,)))
    with pytest.raises(UndecidedError):
        list(sweep(Tree(lattice, [fact], 0), Frontier(Boxes.of(lattice.whole)), Budget(60)))


def test_what_has_no_hyperparameters_left_to_halve_is_one_setting():
    lattice = lattice_of(a=Int(4, 4), b=Choice("x"))
    constant = cost(lattice, lambda a, b: a * a)
    assert swept(lattice, [Claim(constant, 16, claimed=True)], 0) == {(0, 0)}
    assert swept(lattice, [Claim(constant, 16, claimed=False)], 1) == set()


def test_a_claim_that_is_wrong_everywhere_leaves_nothing_to_climb():
    lattice = lattice_of(a=Int(1, 9))
    value = cost(lattice, lambda a: a)
    decider = Tree(lattice, [Claim(value, 0, claimed=True)], 0)
    climb = Climb(decider, CostGoal(value, 1), Budget(60), lambda point: pytest.fail(f"found {point}"))
    assert climb.best(Boxes.of(lattice.whole), None) is None


def test_a_known_score_is_only_beaten_by_a_better_one():
    lattice = lattice_of(a=Int(1, 9))
    value = cost(lattice, lambda a: a)
    climb = Climb(Tree(lattice, [], 0), CostGoal(value, 1), Budget(60), lambda point: pytest.fail(f"{point}"))
    assert climb.best(Boxes.of(lattice.whole), 9) == 9


def test_trimming_finds_that_nothing_is_left():
    lattice = lattice_of(a=Int(1, 9))
    facts: list[Fact] = [Claim(cost(lattice, lambda a: a), 0, claimed=True)]
    assert trimmed(lattice.whole, facts) is None


def test_the_nearest_setting_may_be_very_far():
    lattice = lattice_of(a=Int(0, 2**62), b=Int(0, 2**62), c=Int(0, 2**62))
    goal = Nearest(lattice, (0, 0, 0))
    apart = goal.bound(Boxes.at((2**62, 2**62, 2**62)))[0]
    assert apart < goal.bound(Boxes.at((2**62, 2**62, 2**62 - 1)))[0] < 0


def test_boxes_of_positions_beyond_int64_are_counted():
    boxes = Boxes.of(Box((0, 0), (2**61, 2**61)), Box((0, 0), (0, 0)))
    assert volume(boxes) == (2**61 + 1) ** 2 + 1
    assert boxes.sizes().dtype == np.dtype(object)
