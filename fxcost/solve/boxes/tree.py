"""Branch and prune over boxes of settings: what holds nowhere drops a box, what holds everywhere closes it.

One hyperparameter, the fibre, is closed without halving: the part of it that meets every bound lies between
two positions, which are calculated, once for what certainly and once for what possibly fits. A box where the
two agree is done. The search is sound, and complete on finite spaces: in a box of one setting all is exact.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fxcost.expr.functions import Number
from fxcost.expr.vectorised import Array
from fxcost.solve.boxes.change import Change
from fxcost.solve.boxes.fibred import Fibred
from fxcost.solve.facts import Claim, Connected, Fact
from fxcost.solve.lattice import Box, Boxes, Lattice

SMALL = 16
"""Boxes of at most so many fibres are not halved in an estimate: each of them is looked at."""

SAMPLE = 256
"""So many boxes of each generation tell about how many there will be."""

CROWDS = (-512, -128, -32, -8)
"""At most so many boxes, as negative numbers, are halved twice at once, three times, and so on."""

FEW = 100_000
"""In a space of fewer settings it does not matter which hyperparameter is the fibre."""


class UndecidedError(Exception):
    """A fact is neither true nor false of a single setting, or a box of a `Float` cannot be halved."""


@dataclass(frozen=True)
class Looked:
    """What is left of some boxes: their fibres are cut to what possibly holds.

    Attributes:
        boxes: Those where all may hold.
        inside: In which of them all holds everywhere.
        settled: In which of them all does but, perhaps, what is cut along the fibre.
        apart: The facts that dropped a box, or cut one; no others have a part in what is left.
    """

    boxes: Boxes
    inside: Array
    settled: Array
    apart: frozenset[Fact]


@dataclass(frozen=True)
class Bound:
    """A claim about a cost, and the cost along the fibre."""

    claim: Claim
    along: Fibred


class Tree:
    """Decides boxes by facts.

    Args:
        lattice: The settings.
        facts: What is to hold.
        fibre: The place of the hyperparameter that is not halved for costs.
    """

    def __init__(self, lattice: Lattice, facts: Sequence[Fact], fibre: int) -> None:
        self.lattice = lattice
        claims = [fact for fact in facts if isinstance(fact, Claim)]
        self.fibre = fibre
        along = _along(claims, fibre)
        self.bounds = [Bound(claim, along[claim]) for claim in claims if claim in along]
        self.facts = [fact for fact in facts if fact not in along]
        self._exact = all(bound.claim.claimed or bound.along.rises_at_points for bound in self.bounds)

    @property
    def asked(self) -> list[Fact]:
        """All that is to hold."""
        return [*(bound.claim for bound in self.bounds), *self.facts]

    def narrowed(self, claim: Claim) -> Tree:
        """Return the tree that decides by one more claim."""
        return Tree(self.lattice, [claim, *self.asked], self.fibre)

    @classmethod
    def along(cls, lattice: Lattice, box: Box, facts: Sequence[Fact], fibre: int) -> Tree:
        """Return the tree of a fibre, without the facts that hold everywhere in the box."""
        return cls(lattice, _in_doubt(facts, box), fibre)

    @classmethod
    def of(
        cls, lattice: Lattice, box: Box, facts: Sequence[Fact], *, whole: bool, goal: Collection[int] = ()
    ) -> Tree:
        """Return a tree with the best fibre: one that closes most costs, and all of them by division.

        Args:
            lattice: The settings.
            box: Where will be looked.
            facts: What is to hold.
            whole: Whether all of the box will be looked at. Then it pays to estimate which fibre takes fewest
                boxes; else it is the longest.
            goal: The places of hyperparameters of which the fibre should be one.
        """
        facts = _in_doubt(facts, box)
        if not whole:
            return cls._quickly(lattice, box, facts, goal)
        listed = [index for index, values in enumerate(lattice.listed) if values is not None]
        trees = [cls(lattice, facts, index) for index in listed] or [cls(lattice, facts, 0)]
        most = max(tree._closed for tree in trees)
        able = [tree for tree in trees if tree._closed == most]
        if len(able) > 1 and float(Boxes.of(box).sizes()[0]) > FEW:
            return min(able, key=lambda tree: tree.expected(box))
        return max(able, key=lambda tree: box.high[tree.fibre] - box.low[tree.fibre])

    @classmethod
    def _quickly(cls, lattice: Lattice, box: Box, facts: Sequence[Fact], goal: Collection[int]) -> Tree:
        """Return the tree of the longest fibre that closes every claim by division, else of the best one."""
        claims = sum(isinstance(fact, Claim) for fact in facts)
        listed = [index for index, values in enumerate(lattice.listed) if values is not None]
        best: Tree | None = None
        for index in sorted(listed, key=lambda index: (index not in goal, box.low[index] - box.high[index])):
            tree = cls(lattice, facts, index)
            if tree._closed == (claims, claims):
                return tree
            best = tree if best is None or tree._closed > best._closed else best
        return best or cls(lattice, facts, 0)

    @property
    def _closed(self) -> tuple[int, int]:
        return len(self.bounds), sum(bound.along.affine for bound in self.bounds)

    def expected(self, box: Box) -> float:
        """Return about how many fibres a sweep looks at, from a sample of the boxes of each generation."""
        boxes, weight, total = Boxes.of(box), 1.0, 0.0
        while len(boxes):
            looked = self.look(boxes)
            left = looked.boxes.take(~looked.inside)
            small = self.fibres(left) <= SMALL
            total += weight * (len(boxes) + SMALL / 2 * int(small.sum()))
            boxes = self.halves(left.take(~small), crowds=())  # as an estimate needs all generations
            if len(boxes) > SAMPLE:
                weight *= len(boxes) / SAMPLE
                boxes = boxes.take(np.linspace(0, len(boxes) - 1, SAMPLE).astype(np.int64))
        return total

    def look(self, boxes: Boxes, *, fibres: bool = False) -> Looked:
        """Drop boxes where something holds nowhere, and tell in which everything holds everywhere.

        Args:
            boxes: The boxes.
            fibres: Whether all have a single position of each hyperparameter but the fibre.
        """
        apart = set[Fact]()
        boxes, everywhere = self._tested(boxes, apart)
        certain = boxes
        for bound in self.bounds:
            before = boxes
            boxes, certain = self._cut(before, None if fibres and self._exact else certain, bound)
            if not before.equal(boxes, self.fibre):
                apart.add(bound.claim)
            left = boxes.low[self.fibre] <= boxes.high[self.fibre]
            if not left.all():
                boxes, certain, everywhere = boxes.take(left), certain.take(left), everywhere[left]
        inside = everywhere
        for possible, sure in ((boxes.low, certain.low), (boxes.high, certain.high)):
            inside = inside & (possible[self.fibre] == sure[self.fibre])
        return Looked(boxes, inside, everywhere, frozenset(apart))

    @cached_property
    def compilable(self) -> bool:
        """Whether compiled code can cut the fibres."""
        cuttings = [bound.along.cutting(bound.claim.bound) for bound in self.bounds]
        return bool(cuttings) and None not in cuttings

    def ends(self, boxes: Boxes) -> tuple[Array, Array]:
        """Return where every claim is right: first and last position of each fibre of boxes.

        Compiled code finds them; the fibres are those of `Boxes.split_up`, in its order.
        """
        ends: tuple[Array, Array] | None = None
        for bound in sorted(self.bounds, key=lambda bound: not bound.claim.claimed):
            cutting = bound.along.cutting(bound.claim.bound)
            if cutting is not None:
                ends = cutting.cut(boxes, bound.claim.bound, ends, above=not bound.claim.claimed)
        return ends or (boxes.low[self.fibre], boxes.high[self.fibre])

    def _tested(self, boxes: Boxes, apart: set[Fact]) -> tuple[Boxes, Array]:
        """Drop boxes where one of the other facts holds nowhere, and tell where all hold everywhere."""
        everywhere = np.ones(len(boxes), dtype=bool)
        for fact in self.facts:
            right, wrong = fact.truth(boxes)
            everywhere &= right
            if wrong.any():
                apart.add(fact)
                boxes, everywhere = boxes.take(~wrong), everywhere[~wrong]
        return boxes, everywhere

    def _cut(self, boxes: Boxes, certain: Boxes | None, bound: Bound) -> tuple[Boxes, Boxes]:
        """Cut the fibres to where a claim is possibly, and where it is certainly, right: None: the same."""
        claim, along = bound.claim, bound.along
        ends = along.at_most if claim.claimed else along.above
        cut = boxes.between(self.fibre, *ends(boxes, claim.bound, upper=not claim.claimed))
        if certain is None:
            return cut, cut
        return cut, certain.between(self.fibre, *ends(boxes, claim.bound, upper=claim.claimed))

    def fibres(self, boxes: Boxes) -> Array:
        """Return how many fibres each box has: infinitely many where a `Float` is not fixed."""
        number = np.ones(len(boxes))
        for index, (low, high) in enumerate(zip(boxes.low, boxes.high, strict=True)):
            if index != self.fibre:
                real = self.lattice.listed[index] is None
                number *= np.where(low == high, 1, np.inf) if real else high - low + 1
        return number

    def halves(self, boxes: Boxes, crowds: Sequence[int] = CROWDS) -> Boxes:
        """Return each box in halves, cut where it changes most; boxes of one setting as they are.

        Few boxes are halved again at once: looking at a few more takes no longer.

        Raises:
            UndecidedError: Facts do not tell of a box, and it cannot be halved.
        """
        if not len(boxes):
            return boxes
        places = [index for index, listed in enumerate(self.lattice.listed) if listed is not None]
        open_ = np.array([~boxes.fixed(index) for index in places]).reshape(len(places), len(boxes))
        single = np.logical_not(open_.any(axis=0))
        if single.any():
            points = boxes.take(single)
            self._check_decided(points)
            rest = self.halves(boxes.take(~single), crowds)
            return points.joined(rest)
        scores, times = self._scores(boxes, places), 1 + int(np.searchsorted(crowds, -len(boxes)))
        return boxes.halved(places, scores, times)

    @cached_property
    def _change(self) -> Change:
        return Change([bound.claim.cost for bound in self.bounds], self.fibre)

    def _check_decided(self, points: Boxes) -> None:
        """Make sure that looking at points again, their fibres cut now, decides them."""
        again = self.look(points)
        if not again.inside.all():
            raise UndecidedError

    def _scores(self, boxes: Boxes, places: Sequence[int]) -> Array:
        """Return by how much each hyperparameter changes what is asked about: a row each."""
        reading = {index for fact in self.facts for index in fact.support}
        total = np.zeros((len(places), len(boxes)))
        for row, index in enumerate(places):
            if index in reading:
                total[row] += 1e-3 * spread(self.lattice, boxes, index)
        for index, change in self._change.of(boxes).items():
            total[places.index(index)] += change
        widths = [(boxes.high[index] - boxes.low[index]).astype(np.float64) for index in places]
        scores: Array = total + 1e-15 * np.log1p(np.array(widths))
        return scores


def trimmed(box: Box, facts: Sequence[Fact]) -> Box | None:
    """Return a box without the ends where facts about few settings are false; None: none is left.

    >>> from fxcost.solve.truths import Table
    >>> trimmed(Box((0, 0), (2, 4)), [Table((1,), np.array([False, True, False, True, False]))])
    Box(low=(0, 1), high=(2, 3))
    """
    low, high = list(box.low), list(box.high)
    for fact in sorted(facts, key=lambda fact: len(fact.support)):
        places = sorted(fact.support)
        grid = _grid(places, low, high) if _is_listable(fact) else None
        if grid is None:
            continue
        possible = ~fact.truth(grid)[1]
        if not possible.any():
            return None
        for index in places:
            positions = grid.low[index][possible]
            low[index], high[index] = positions.min().item(), positions.max().item()
    return Box(tuple(low), tuple(high))


def _is_listable(fact: Fact) -> bool:
    """Tell whether it is cheap to look at a fact at many positions."""
    return len(fact.support) == 1 or (fact.bounded and not isinstance(fact, Claim | Connected))


def _grid(places: Sequence[int], low: Sequence[Number], high: Sequence[Number]) -> Boxes | None:
    """Return all positions of some hyperparameters between two corners; None where they are too many."""
    lengths = []
    for index in places:
        first, last = low[index], high[index]
        if not isinstance(first, int) or not isinstance(last, int):
            return None
        lengths.append(last - first + 1)
    if not 1 < math.prod(lengths) <= FEW:
        return None
    ends = [np.full(math.prod(lengths), end) for end in low]
    for index, positions in zip(places, np.indices(lengths), strict=True):
        ends[index] = positions.reshape(-1) + low[index]
    return Boxes(tuple(ends), tuple(ends))


def spread(lattice: Lattice, boxes: Boxes, index: int) -> Array:
    """Return by what factor a hyperparameter's values differ in each box, as a logarithm."""
    low, high = (lattice.values_of(index, ends[index]).astype(np.float64) for ends in (boxes.low, boxes.high))
    logarithm: Array = np.log1p((high - low) / np.maximum(np.abs(low), 1.0))
    return logarithm


def _in_doubt(facts: Sequence[Fact], box: Box) -> list[Fact]:
    """Return the facts that are not known to hold everywhere in a box."""
    return [fact for fact in facts if not fact.truth(Boxes.of(box))[0].all()]


def _along(claims: Sequence[Claim], fibre: int) -> dict[Fact, Fibred]:
    found = {claim: claim.cost.along(fibre) for claim in claims}
    return {claim: along for claim, along in found.items() if along is not None}
