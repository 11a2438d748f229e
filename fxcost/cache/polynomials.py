"""Closed forms as JSON: rows of polynomials over the atoms of one region, each atom written once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sympy

from fxcost.cache.numbers import integer, integer_record, number, number_record
from fxcost.cache.trees import Writer, entry
from fxcost.expr import Atom, Expression, Normaliser, Polynomial, Row
from fxcost.expr.polynomial import Monomial, Quotient
from fxcost.sealed import DamagedError


class AtomWriter:
    """Writes the closed forms of one region, and the atoms in them."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.records: list[Any] = []
        self._written: dict[Atom, int] = {}

    def expression(self, expression: Expression) -> dict[str, Any]:
        """Return a closed form as JSON."""
        return {
            "rows": [[row.label, self._polynomial(row.polynomial)] for row in expression.rows],
            "dropped": dict(expression.dropped),
        }

    def _polynomial(self, polynomial: Polynomial) -> list[Any]:
        return [
            [integer_record(coefficient), self._monomial(monomial)]
            for monomial, coefficient in polynomial.terms.items()
        ]

    def _monomial(self, monomial: Monomial) -> list[Any]:
        return [[self._atom(atom), exponent] for atom, exponent in monomial]

    def _atom(self, atom: Atom) -> int:
        if atom not in self._written:
            record = atom.name if atom.name is not None else self._record(atom)
            self._written[atom] = len(self.records)
            self.records.append(record)
        return self._written[atom]

    def _record(self, atom: Atom) -> dict[str, Any]:
        quotient = atom.quotient
        return {
            "tree": self.writer.tree(atom.expression),
            "low": number_record(atom.low),
            "high": number_record(atom.high),
            "listed": atom.table is not None,
            "quotient": quotient
            and [
                integer_record(quotient.coefficient),
                self._monomial(quotient.monomial),
                self._polynomial(quotient.dividend),
            ],
        }


class AtomReader:
    """Reads the closed forms of one region; a normaliser learns the atoms in them.

    Args:
        normaliser: That of the region.
        trees: The expressions of the file.
        records: The atoms written.
    """

    def __init__(self, normaliser: Normaliser, trees: list[sympy.Basic], records: Iterable[Any]) -> None:
        self.normaliser = normaliser
        self.trees = trees
        self.atoms: list[Atom] = []
        for record in records:
            self.atoms.append(self._variable(record) if isinstance(record, str) else self._atom(record))

    def expression(self, record: Mapping[str, Any]) -> Expression:
        """Return the closed form that was written."""
        rows = tuple(Row(self._polynomial(terms), str(label)) for label, terms in record["rows"])
        return Expression(rows, {str(reason): integer(count) for reason, count in record["dropped"].items()})

    def _polynomial(self, terms: Any) -> Polynomial:
        return Polynomial({self._monomial(factors): integer(coefficient) for coefficient, factors in terms})

    def _monomial(self, factors: Any) -> Monomial:
        return tuple((entry(self.atoms, atom), integer(exponent)) for atom, exponent in factors)

    def _variable(self, name: str) -> Atom:
        found = self.normaliser.atoms.variable(name).atoms
        if len(found) != 1:
            raise DamagedError(f"{name} has one value only")
        return next(iter(found))

    def _atom(self, record: Any) -> Atom:
        quotient = record["quotient"]
        atom = Atom(
            expression := entry(self.trees, record["tree"]),
            (1, sympy.srepr(expression)),
            number(record["low"]),
            number(record["high"]),
            self.normaliser.grids.table(expression) if record["listed"] else None,
            quotient and self._quotient(*quotient),
        )
        self.normaliser.atoms.learn(atom)
        return atom

    def _quotient(self, coefficient: Any, monomial: Any, dividend: Any) -> Quotient:
        return Quotient(integer(coefficient), self._monomial(monomial), self._polynomial(dividend))
