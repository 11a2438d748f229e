"""Decide conditions: whether they hold at every valid point, by proof."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sympy

from fxcost.expr.division import common_factor, divide
from fxcost.expr.kinds import compares_integers
from fxcost.expr.normal import Normaliser
from fxcost.expr.polynomial import Polynomial
from fxcost.expr.proofs import Prover

TRUTH_POINTS = 1_000_000
"""A condition is tabulated over at most so many points."""


class Decider:
    """Decides conditions over the valid points of a normaliser, whose conditions are taken to hold.

    >>> from fxcost.expr.domain import Domain
    >>> from fxcost.space import Int, Space
    >>> domain = Domain(Space(width=Int(2, 512), batch=Int(1, 64)))
    >>> width, batch = domain.symbols.values()
    >>> decider = Decider(Normaliser(domain))
    >>> decider.holds(width * batch > 1), decider.holds(sympy.Ne(batch, 1))
    (True, False)
    """

    def __init__(self, normaliser: Normaliser) -> None:
        self.normaliser = normaliser
        self.prover = Prover(normaliser.grids, TRUTH_POINTS)

    def holds(self, condition: sympy.Basic) -> bool:
        """Say whether a condition is proved to hold at every valid point."""
        if condition in (sympy.true, sympy.false):
            return bool(condition)
        if isinstance(condition, sympy.And):
            return all(self.holds(part) for part in condition.args)
        if isinstance(condition, sympy.Or) and any(self.holds(part) for part in condition.args):
            return True
        if isinstance(condition, sympy.core.relational.Relational):
            sign = sign_of(condition, self.normaliser)
            if sign is not None:
                return _PROOFS[sign.relation](self.prover, sign.polynomial)
        return self.prover.true(condition)


@dataclass(frozen=True, slots=True)
class Sign:
    """A condition on a polynomial's sign: `polynomial relation 0`, the relation being ==, != or >=."""

    relation: str
    polynomial: Polynomial


def sign_of(relation: sympy.Basic, normaliser: Normaliser) -> Sign | None:
    """Return a comparison of integers as a condition on a sign, None for one of floats.

    Common positive factors are taken out, so that equal conditions become equal more often.

    >>> from fxcost.expr.domain import Domain
    >>> from fxcost.space import Int, Space
    >>> domain = Domain(Space(width=Int(2, 512), batch=Int(1, 64)))
    >>> width, batch = domain.symbols.values()
    >>> sign_of(sympy.Ne(width * batch, 7 * batch), Normaliser(domain))
    Sign(relation='!=', polynomial=Polynomial(width - 7))
    """
    if not compares_integers(relation):
        return None
    symbol, difference = _FORMS[type(relation)]
    left, right = (normaliser.polynomial(side) for side in relation.args)
    return Sign(symbol, _primitive(difference(left, right), unsigned=symbol != ">="))


def _primitive(polynomial: Polynomial, unsigned: bool) -> Polynomial:
    """Divide by positive common factors; where the sign is free, make the leading term positive."""
    if not polynomial:
        return polynomial
    reduced = divide(polynomial, common_factor(polynomial, Polynomial())).whole
    leading = max(reduced.terms, key=lambda monomial: (len(monomial), [factor[0].key for factor in monomial]))
    return -reduced if unsigned and reduced.terms[leading] < 0 else reduced


_FORMS: Mapping[type, tuple[str, Callable[[Polynomial, Polynomial], Polynomial]]] = {
    sympy.Eq: ("==", lambda left, right: left - right),
    sympy.Ne: ("!=", lambda left, right: left - right),
    sympy.Ge: (">=", lambda left, right: left - right),
    sympy.Gt: (">=", lambda left, right: left - right - 1),
    sympy.Le: (">=", lambda left, right: right - left),
    sympy.Lt: (">=", lambda left, right: right - left - 1),
}

_PROOFS: Mapping[str, Callable[[Prover, Polynomial], bool]] = {
    "==": Prover.zero,
    "!=": Prover.nonzero,
    ">=": Prover.nonnegative,
}
