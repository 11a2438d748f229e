"""The bounds as formulas in a program's hyperparameters, for default settings.

As `bounds` derives them, but without knowing which sizes are equal, or small, at a configuration:

- A request of n bytes takes r = 512 * ceil(n / 512) of a block, and at most 1 MiB more where r is over 1 MiB.
- Sizes that one formula gives are equal at every configuration. So there are at most as many segments that
  requests of that formula asked for as there are such requests, and at most one more than there are blocks in
  use at any of them. Requests that are small at every configuration count as one formula.
- A request of r bytes asks for a segment of 2 MiB up to 1 MiB, of 20 MiB below 10 MiB, else of r rounded up
  to a multiple of 2 MiB.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch.utils._sympy.functions import FloorDiv, Min

from fxcost.allocator.settings import Settings
from fxcost.allocator.sizes import BIG, BLOCK, GRANULE, SMALL, SMALL_SEGMENT
from fxcost.expr import Expression, Normaliser, Polynomial, Row
from fxcost.expr.bounds import interval
from fxcost.expr.prune import prune

SMALL_ONLY = frozenset({"small"})
BUDGET = 200
"""Boxes searched for each row: a row that is not proved to be unneeded stays, which costs little."""


@dataclass(frozen=True, slots=True)
class Step:
    """A storage comes alive, or dies.

    Attributes:
        storage: Which.
        allocates: Whether it comes alive.
        label: Where in the program that is, for people.
    """

    storage: int
    allocates: bool
    label: str = ""


@dataclass(frozen=True)
class ClosedForm:
    """Formulas for bytes; the peaks of every replay lie between them.

    Attributes:
        allocated: Of the peak in use, at least and at most.
        reserved: Of the peak reserved, at least and at most.
    """

    allocated: tuple[Expression, Expression]
    reserved: tuple[Expression, Expression]


def closed_form(steps: Sequence[Step], sizes: Mapping[int, Polynomial], normaliser: Normaliser) -> ClosedForm:
    """Return what a program allocates and reserves at least and at most, at every configuration.

    Args:
        steps: Its allocations and releases, in order, from a cold start.
        sizes: Bytes of each storage.
        normaliser: Which the sizes come from.

    >>> from fxcost.expr import Domain
    >>> from fxcost.space import Int, Space
    >>> domain = Domain(Space(width=Int(1, 100), batch=Int(1, 8)))
    >>> normaliser = Normaliser(domain)
    >>> width, batch = (normaliser.polynomial(symbol) for symbol in domain.symbols.values())
    >>> found = closed_form([Step(0, True), Step(1, True)], {0: 1024 * width, 1: 100 * batch}, normaliser)
    >>> print(found.allocated[0])
    1024*width + 512*((batch + 8)//7)
    >>> print(found.reserved[1])
    4194304
    """
    rules = _Rules(normaliser)
    least = {storage: rules.rounded(size) for storage, size in sizes.items()}
    most = {storage: rules.taken(size) for storage, size in sizes.items()}
    low, high = (_highest(steps, each, normaliser) for each in (least, most))
    return ClosedForm((low, high), (low, Expression.of(_segments(steps, sizes, rules), "all segments")))


@dataclass
class _Rules:
    """The allocator's sizes as formulas, each formula made once."""

    normaliser: Normaliser
    _known: dict[tuple[str, Polynomial], Polynomial] = field(default_factory=dict)

    def rounded(self, size: Polynomial) -> Polynomial:
        """Return the bytes of a block, at least."""
        return self._once("rounded", size, lambda: BLOCK * self._floor(size + (BLOCK - 1), BLOCK))

    def taken(self, size: Polynomial) -> Polynomial:
        """Return the bytes of a block, at most."""
        return self.rounded(size) + SMALL * self.reaches(size, SMALL + BLOCK)

    def segment(self, size: Polynomial) -> Polynomial:
        """Return the bytes of a segment that is asked for."""
        large = Settings().large_segment_size
        ceiling = GRANULE * self._floor(self.rounded(size) + (GRANULE - BLOCK), GRANULE)
        return (
            SMALL_SEGMENT * self.reaches(size, BLOCK)
            + (large - SMALL_SEGMENT) * self.reaches(size, SMALL + BLOCK)
            + self.reaches(size, BIG) * (ceiling - large)
        )

    def reaches(self, size: Polynomial, least: int) -> Polynomial:
        """Return 1 where a block has at least so many bytes, a multiple of 512, else 0."""
        low, high = interval(size)
        if high is not None and high <= least - BLOCK:
            return Polynomial()
        if low is not None and low > least - BLOCK:
            return Polynomial.constant(1)
        quotient = self._floor(size + (BLOCK - 1), least)
        one = Min(1, quotient.sympy())
        return self._once(f"reaches {least}", size, lambda: self.normaliser.polynomial(one))

    def _floor(self, dividend: Polynomial, divisor: int) -> Polynomial:
        formula = FloorDiv(dividend.sympy(), divisor)
        return self._once(f"over {divisor}", dividend, lambda: self.normaliser.polynomial(formula))

    def _once(self, name: str, size: Polynomial, make: Callable[[], Polynomial]) -> Polynomial:
        if (name, size) not in self._known:
            self._known[name, size] = make()
        return self._known[name, size]


def _highest(steps: Sequence[Step], sizes: Mapping[int, Polynomial], normaliser: Normaliser) -> Expression:
    """Return the largest sum of what is alive: a row for each moment that may be the worst."""
    rows = [Row(Polynomial(), "nothing alive")]
    alive, rising = Polynomial(), ""
    for step in steps:
        if step.allocates:
            alive, rising = alive + sizes[step.storage], step.label or f"storage {step.storage}"
            continue
        if rising:
            rows.append(Row(alive, rising))
            rising = ""
        alive = alive - sizes[step.storage]
    if rising:
        rows.append(Row(alive, rising))
    return prune(rows, normaliser.domain, BUDGET).expression


def _segments(steps: Sequence[Step], sizes: Mapping[int, Polynomial], rules: _Rules) -> Polynomial:
    """Return the bytes of all segments that requests of each formula can have asked for."""
    asked: Counter[Polynomial] = Counter()
    most: dict[Polynomial, int] = {}
    alive: Counter[frozenset[str]] = Counter()
    for step in steps:
        size = sizes[step.storage]
        pools = _pools(size)
        if not step.allocates:
            alive[pools] -= 1
            continue
        formula = Polynomial.constant(SMALL) if pools == SMALL_ONLY else size
        others = sum(count for each, count in alive.items() if each & pools)
        asked[formula] += 1
        most[formula] = max(most.get(formula, 0), others + 1)
        alive[pools] += 1
    return sum((min(asked[size], most[size]) * rules.segment(size) for size in asked), Polynomial())


def _pools(size: Polynomial) -> frozenset[str]:
    """Return which pools requests of a formula go to, at some configuration."""
    low, high = interval(size)
    if high is not None and high <= SMALL:
        return SMALL_ONLY
    return frozenset({"large"}) if low is not None and low > SMALL else frozenset({"small", "large"})
