"""Prune the rows of a maximum: those that are proved never to be needed.

A row is dropped for one of four reasons, each a proof over all points: it equals another row; another
row's coefficients are all at least its own; the same after counting every atom from its low end; or,
box by box, some other row is at least as large (see `boxes`). What is not proved stays.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fxcost.expr.bounds import shifted
from fxcost.expr.boxes import Search
from fxcost.expr.domain import Domain
from fxcost.expr.expression import Row
from fxcost.expr.polynomial import Monomial, Polynomial
from fxcost.expr.sampling import likely_largest


class Reason(enum.StrEnum):
    """Why a row is never needed."""

    EQUAL = "equal to another row"
    COEFFICIENTS = "coefficients at most those of another row"
    SHIFTED = "coefficients at most those of another row, counted from the low end"
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
    kept = _distinct(rows, proofs)
    kept = _undominated(kept, proofs, Reason.COEFFICIENTS, lambda polynomial: polynomial)
    kept = _undominated(kept, proofs, Reason.SHIFTED, shifted)
    kept = _uncovered(kept, proofs, domain, budget)
    return Pruned(tuple(kept), tuple(proofs))


def _distinct(rows: Iterable[Row], proofs: list[Dropped]) -> list[Row]:
    first: dict[Polynomial, Row] = {}
    for row in rows:
        known = first.setdefault(row.polynomial, row)
        if known is not row:
            proofs.append(Dropped(row, Reason.EQUAL, (known,)))
    return list(first.values())


def _undominated(
    rows: list[Row],
    proofs: list[Dropped],
    reason: Reason,
    form: Callable[[Polynomial], Polynomial],
) -> list[Row]:
    """Keep the rows that have a larger coefficient somewhere than each other row."""
    forms = [form(row.polynomial) for row in rows]
    signs = {monomial: _is_nonnegative(monomial) for each in forms for monomial in each.terms}
    order = sorted(range(len(rows)), key=lambda index: -sum(forms[index].terms.values()))
    kept: list[int] = []
    for index in order:
        above = next((other for other in kept if _dominates(forms[other], forms[index], signs)), None)
        if above is None:
            kept.append(index)
        else:
            proofs.append(Dropped(rows[index], reason, (rows[above],)))
    return [rows[index] for index in sorted(kept)]


def _is_nonnegative(monomial: Monomial) -> bool:
    return all(atom.low is not None and atom.low >= 0 for atom, _ in monomial)


def _dominates(above: Polynomial, below: Polynomial, nonnegative: dict[Monomial, bool]) -> bool:
    """Say whether every coefficient is at least the other's; equal where a monomial may be negative."""
    for monomial in above.terms.keys() | below.terms.keys():
        difference = above.terms.get(monomial, 0) - below.terms.get(monomial, 0)
        if difference < 0 or (difference and not nonnegative[monomial]):
            return False
    return True


def _uncovered(rows: Sequence[Row], proofs: list[Dropped], domain: Domain, budget: int) -> list[Row]:
    """Keep the rows likely to be needed, and those not proved to be below them."""
    needed = likely_largest([row.polynomial for row in rows], domain)
    for index in range(len(rows)):
        if index in needed:
            continue
        others = [rows[other] for other in sorted(needed)]
        search = Search([row.polynomial for row in others], rows[index].polynomial, domain)
        if search.covers(budget):
            proofs.append(Dropped(rows[index], Reason.BOXES, tuple(others)))
        else:
            needed.add(index)
    return [rows[index] for index in sorted(needed)]
