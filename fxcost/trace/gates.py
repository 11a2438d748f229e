"""Gates: the conditions under which alternatives exist, each truth function written one way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from functools import reduce

import numpy as np
import sympy

from fxcost.expr.domain import Domain
from fxcost.expr.grid import Grids
from fxcost.trace.questions import negation


class Together(IntEnum):
    """Which alternatives are traced together; each includes those before it.

    Attributes:
        NOTHING: Only what is chosen is traced.
        SWITCHES: The alternatives of every `Switch`.
        MODELS: The models of all options of a `Choice` between classes or functions.
    """

    NOTHING = 0
    SWITCHES = 1
    MODELS = 2


class Gates:
    """Joins conditions; those that are true at the same settings become the same object.

    Attributes:
        current: What holds for the alternative whose code runs now.
        enabled: Whether alternatives are traced together; if not, only the chosen one is.
        used: Whether any alternative's code has run.
        excluded: Where no alternative is traced.

    Example:
        >>> from fxcost.space import Choice, Space
        >>> domain = Domain(Space(act=Choice("relu", "gelu", "silu")))
        >>> gates, act = Gates(domain), domain.symbols["act"]
        >>> relu, gelu = gates.known(sympy.Eq(act, 0)), gates.known(sympy.Eq(act, 1))
        >>> gates.both(relu, gelu), gates.either(relu, gates.opposite(relu))
        (False, True)
    """

    def __init__(self, domain: Domain, *, enabled: bool = True) -> None:
        self.domain = domain
        self.enabled = enabled
        self.used = False
        self.excluded: sympy.Basic = sympy.false
        self.current: sympy.Basic = sympy.true
        self._grids = Grids(domain)
        self._written: dict[tuple[tuple[str, ...], bytes], sympy.Basic] = {}
        self._known: dict[sympy.Basic, sympy.Basic] = {}
        self._joined: dict[tuple[str, sympy.Basic, sympy.Basic], sympy.Basic] = {}
        self._asked: dict[tuple[sympy.Basic, frozenset[sympy.Basic]], sympy.Basic] = {}

    def known(self, condition: sympy.Basic) -> sympy.Basic:
        """Return the one object for all conditions that are true at the same settings."""
        if condition in (sympy.true, sympy.false):
            return condition
        if condition not in self._known:
            self._known[condition] = self._found(condition)
        return self._known[condition]

    def _found(self, condition: sympy.Basic) -> sympy.Basic:
        names = tuple(sorted(symbol.name for symbol in condition.free_symbols))
        grid = self._grids.grid(names)
        values = grid.evaluate(condition) if grid is not None else None
        if grid is None or values is None:
            return condition
        truth = values.astype(bool)
        if truth.all() or not truth.any():
            return sympy.true if truth.all() else sympy.false
        return self._written.setdefault((names, np.packbits(truth).tobytes()), condition)

    def both(self, left: sympy.Basic, right: sympy.Basic) -> sympy.Basic:
        """Return when two conditions hold together."""
        return self._join("both", left, right, sympy.And)

    def either(self, left: sympy.Basic, right: sympy.Basic) -> sympy.Basic:
        """Return when at least one of two conditions holds."""
        return self._join("either", left, right, sympy.Or)

    def opposite(self, condition: sympy.Basic) -> sympy.Basic:
        """Return when a condition does not hold."""
        return self.known(sympy.Not(condition))

    def any_of(self, conditions: Iterable[sympy.Basic]) -> sympy.Basic:
        """Return when at least one of some conditions holds."""
        return reduce(self.either, conditions, sympy.false)

    def asked(self, condition: sympy.Basic) -> tuple[sympy.Basic, sympy.Basic]:
        """Return what a condition asked now says, before it was asked here and since.

        In an alternative it says nothing where that is not the chosen one; what all alternatives of a choice
        ask is said once, as it is.
        """
        if self.current is sympy.true:
            return condition, condition
        key = condition, frozenset(self.current.free_symbols)
        before = self._asked.get(key, sympy.false)
        after = self._asked[key] = self.either(before, self.current)
        if self.either(after, self.excluded) is sympy.true:
            after = sympy.true
        return _where(before, condition), _where(after, condition)

    def _join(
        self, name: str, left: sympy.Basic, right: sympy.Basic, join: Callable[..., sympy.Basic]
    ) -> sympy.Basic:
        if left is right:
            return left
        key = (name, left, right)
        if key not in self._joined:
            self._joined[key] = self.known(join(left, right))
        return self._joined[key]

    @contextmanager
    def inside(self, condition: sympy.Basic) -> Iterator[None]:
        """Run an alternative's code: what it makes exists only where a condition holds, too."""
        self.used = True
        before = self.current
        self.current = self.both(before, condition)
        try:
            yield
        finally:
            self.current = before


def _where(gate: sympy.Basic, condition: sympy.Basic) -> sympy.Basic:
    """Return that a condition holds wherever a gate does."""
    return condition if gate is sympy.true else sympy.Or(negation(gate), condition, evaluate=False)
