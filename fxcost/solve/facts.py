"""What is true or false of a setting, and what one setting's truth says about others."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import z3

from fxcost.solve.boxes import free_box, grown, run
from fxcost.solve.enclosure import Enclosure
from fxcost.solve.lattice import Box, Point


class Fact(Protocol):
    """A statement about a setting, and the Boolean that stands for it."""

    @property
    def literal(self) -> z3.BoolRef:
        """Stands for the statement's truth."""

    def holds(self, point: Point) -> bool:
        """Return its truth at a point, exactly."""

    def boxes(self, point: Point, limits: Box, rng: random.Random) -> Iterator[Box]:
        """Yield boxes around a point in which its truth is everywhere the same."""


@dataclass(frozen=True, eq=False)
class CostFact:
    """`cost <= bound`, the cost being known by its bounds over boxes."""

    literal: z3.BoolRef
    enclosure: Enclosure
    bound: int

    def holds(self, point: Point) -> bool:
        """Compare the exact cost."""
        return self.enclosure.at(point) <= self.bound

    def boxes(self, point: Point, limits: Box, rng: random.Random) -> Iterator[Box]:
        """Push the point out along one hyperparameter after the other, in two orders."""
        same = self._below if self.holds(point) else self._above
        order = sorted(self.enclosure.support)
        for _ in range(2):
            rng.shuffle(order)
            yield grown(free_box(point, self.enclosure.support, limits), order, limits, same)

    def _below(self, box: Box) -> bool:
        largest = self.enclosure.upper(box)
        return largest is not None and largest <= self.bound

    def _above(self, box: Box) -> bool:
        smallest = self.enclosure.lower(box)
        return smallest is not None and smallest > self.bound


@dataclass(frozen=True, eq=False)
class ConditionFact:
    """A condition between the hyperparameters at `support`, known point by point."""

    literal: z3.BoolRef
    support: frozenset[int]
    truth: Callable[[Point], bool]

    def holds(self, point: Point) -> bool:
        """Evaluate the condition."""
        return self.truth(point)

    def boxes(self, point: Point, limits: Box, rng: random.Random) -> Iterator[Box]:
        """Move one of its hyperparameters while the truth stays."""
        truth = self.truth(point)
        free = free_box(point, self.support, limits)
        whole = [index for index in sorted(self.support) if isinstance(point[index], int)]
        if not whole:
            yield free
            return
        yield run(free, point, rng.choice(whole), limits, lambda moved: self.truth(moved) is truth)
