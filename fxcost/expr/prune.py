"""Prune the rows of a maximum: those that are proved never to be needed.

A row is dropped for one of four reasons, each a proof over all points: it equals another row; another
row's coefficients are all at least its own; the same after counting every atom from its low end; or
some other row is at least as large at every point, where the points are few enough to be looked at
(see `envelope`), or box by box (see `boxes`). What is not proved stays.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fxcost.expr.bounds import all_shifted
from fxcost.expr.boxes import Search
from fxcost.expr.domain import Domain
from fxcost.expr.envelope import envelope
from fxcost.expr.expression import Expression, Row
from fxcost.expr.polynomial import Atom, Monomial, Polynomial
from fxcost.expr.sampling import likely_largest
from fxcost.expr.vectorised import Array, narrow


class Reason(enum.StrEnum):
    """Why a row is never needed."""

    EQUAL = "equal to another row"
    COEFFICIENTS = "coefficients at most those of another row"
    SHIFTED = "coefficients at most those of another row, counted from the low end"
    ENVELOPE = "at most the largest of the other rows, at every point"
    BOXES = "at most the largest of the other rows, box by box"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that is not needed, and why; `by` are rows that are at least as large, together."""

    row: Row
    reason: Reason
    by: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Pruned:
    """The rows needed, in the order given, and a proof for each of the others."""

    rows: tuple[Row, ...]
    proofs: tuple[Dropped, ...]

    @property
    def expression(self) -> Expression:
        """The maximum, with the number of rows dropped for each reason."""
        reasons = [proof.reason for proof in self.proofs]
        dropped = {reason.value: reasons.count(reason) for reason in Reason if reason in reasons}
        return Expression(self.rows, dropped)


def prune(rows: Iterable[Row], domain: Domain, budget: int = 20_000) -> Pruned:
    """Drop rows that are proved never to exceed all others.

    Args:
        rows: Candidates for the maximum, with polynomials of one normaliser.
        domain: The hyperparameters.
        budget: Boxes searched for each row.

    >>> from fxcost.expr.normal import Normaliser
    >>> from fxcost.space import Int, Space
    >>> domain = Domain(Space(width=Int(2, 512), batch=Int(1, 64)))
    >>> normaliser = Normaliser(domain)
    >>> width, batch = domain.symbols.values()
    >>> sizes = [width**2, 2 * width - 1, 8 * batch * width, 4 * width * batch + width]
    >>> pruned = prune([Row(normaliser.polynomial(size)) for size in sizes], domain)
    >>> [str(row) for row in pruned.rows], [proof.reason.name for proof in pruned.proofs]
    (['width**2', '8*batch*width'], ['SHIFTED', 'SHIFTED'])
    """
    proofs: list[Dropped] = []
    kept = _comparable(_distinct(rows, proofs))
    plain = [candidate.polynomial for candidate in kept]
    kept = _undominated(kept, plain, Reason.COEFFICIENTS, proofs)
    raised = all_shifted([candidate.polynomial for candidate in kept])
    kept = _undominated(kept, raised, Reason.SHIFTED, proofs)
    return Pruned(tuple(_uncovered(kept, domain, budget, proofs)), tuple(proofs))


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A row, and its polynomial multiplied by a number that is the same for all."""

    row: Row
    polynomial: Polynomial


def _distinct(rows: Iterable[Row], proofs: list[Dropped]) -> list[Row]:
    first: dict[Polynomial, Row] = {}
    for row in rows:
        known = first.setdefault(row.polynomial, row)
        if known is not row:
            proofs.append(Dropped(row, Reason.EQUAL, (known,)))
    return list(first.values())


def _comparable(rows: Sequence[Row]) -> list[_Candidate]:
    """Multiply all rows by one positive integer that lets exact quotients `x // k` be written by x."""
    scale = math.lcm(*(_denominator(monomial) for row in rows for monomial in row.polynomial.terms))
    if scale == 1:
        return [_Candidate(row, row.polynomial) for row in rows]
    return [_Candidate(row, _multiplied(row.polynomial, scale)) for row in rows]


def _denominator(monomial: Monomial) -> int:
    return math.prod(_divisor(atom) ** exponent for atom, exponent in monomial)


def _divisor(atom: Atom) -> int:
    """Return k for an exact quotient `x // k`, else 1."""
    return atom.quotient.coefficient if atom.quotient is not None and not atom.quotient.monomial else 1


def _multiplied(polynomial: Polynomial, scale: int) -> Polynomial:
    total = Polynomial()
    for monomial, coefficient in polynomial.terms.items():
        product = Polynomial.constant(coefficient * (scale // _denominator(monomial)))
        for atom, exponent in monomial:
            factor = Polynomial.of_atom(atom) * _divisor(atom)  # reduces to x by the atom's own quotient
            product = product * factor**exponent
        total = total + product
    return total


def _undominated(
    candidates: list[_Candidate], forms: list[Polynomial], reason: Reason, proofs: list[Dropped]
) -> list[_Candidate]:
    """Keep the rows that have, in a form of theirs, a larger coefficient somewhere than each other row."""
    matrix = _coefficients(forms)
    order = np.argsort([-sum(form.terms.values()) for form in forms], kind="stable")
    kept: list[int] = []
    for index in order.tolist():
        above = [kept[at] for at in np.flatnonzero(np.all(matrix[kept] >= matrix[index], axis=1))]
        if above:
            proofs.append(Dropped(candidates[index].row, reason, (candidates[above[0]].row,)))
        else:
            kept.append(index)
    return [candidates[index] for index in sorted(kept)]


def _coefficients(polynomials: Sequence[Polynomial]) -> Array:
    """Return coefficients to compare: those of monomials that may be negative also with the other sign."""
    monomials = list(dict.fromkeys(monomial for polynomial in polynomials for monomial in polynomial.terms))
    lines = [[polynomial.terms.get(monomial, 0) for monomial in monomials] for polynomial in polynomials]
    matrix = narrow(np.array(lines, dtype=object).reshape(len(polynomials), len(monomials)))
    signed = [not _is_nonnegative(monomial) for monomial in monomials]
    return np.concatenate([matrix, -matrix[:, signed]], axis=1)


def _is_nonnegative(monomial: Monomial) -> bool:
    return all(atom.low is not None and atom.low >= 0 for atom, _ in monomial)


def _uncovered(candidates: list[_Candidate], domain: Domain, budget: int, proofs: list[Dropped]) -> list[Row]:
    """Keep the rows likely to be needed, and those not proved to be below them."""
    polynomials = [candidate.polynomial for candidate in candidates]
    found = envelope(polynomials, domain)
    if found is not None:
        rows = [candidates[index].row for index in found]
        dropped = [candidate.row for index, candidate in enumerate(candidates) if index not in found]
        proofs += [Dropped(row, Reason.ENVELOPE, tuple(rows)) for row in dropped]
        return rows
    needed = likely_largest(polynomials, domain)
    search = Search(polynomials, domain)
    for index, candidate in enumerate(candidates):
        if index in needed:
            continue
        others = sorted(needed)
        if search.covers(index, others, budget):
            proofs.append(Dropped(candidate.row, Reason.BOXES, tuple(candidates[at].row for at in others)))
        else:
            needed.add(index)
    return [candidates[index].row for index in sorted(needed)]
