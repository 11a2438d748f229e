"""The fibre: one hyperparameter in which all rows of a maximum are affine, kept apart from the others."""

from __future__ import annotations

from collections.abc import Sequence

from fxcost.expr.polynomial import Atom, Monomial, Polynomial


def fibre_of(rows: Sequence[Polynomial]) -> Atom | None:
    """Return the nonnegative variable with most values in which every row is affine, None where none is.

    >>> from fxcost.expr.domain import Domain
    >>> from fxcost.expr.normal import Normaliser
    >>> from fxcost.space import Int, Space
    >>> domain = Domain(Space(width=Int(1, 64), batch=Int(1, 1000)))
    >>> width, batch = map(Normaliser(domain).polynomial, domain.symbols.values())
    >>> fibre_of([width**2, 64 * batch])
    Atom(batch)
    """
    powers: dict[Atom, int] = {}
    for row in rows:
        for monomial in row.terms:
            for atom, exponent in monomial:
                powers[atom] = max(powers.get(atom, 0), exponent)
    inside = {name for atom in powers if atom.name is None for name in atom.names}
    affine = [
        atom
        for atom, exponent in powers.items()
        if exponent == 1 and atom.name is not None and atom.name not in inside and (atom.low or -1) >= 0
    ]
    return max(affine, key=lambda atom: ((atom.high or 0) - (atom.low or 0), atom.key), default=None)


def parts(row: Polynomial, fibre: Atom | None) -> tuple[Polynomial, Polynomial]:
    """Return a row's terms without the fibre, and the fibre's coefficient."""
    constant: dict[Monomial, int] = {}
    slope: dict[Monomial, int] = {}
    for monomial, coefficient in row.terms.items():
        rest = tuple(factor for factor in monomial if factor[0] != fibre)
        (constant if len(rest) == len(monomial) else slope)[rest] = coefficient
    return Polynomial(constant), Polynomial(slope)
