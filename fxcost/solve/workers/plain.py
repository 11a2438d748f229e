"""A question as plain data: positions, tables and polynomials, nothing that names code of a user's.

What is written is JSON; what is read makes numbers, arrays and polynomials, and calls nothing by name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy

from fxcost.errors import DeclarationError
from fxcost.expr import Atom, Domain, Expression, Polynomial, Row
from fxcost.expr.vectorised import Array
from fxcost.solve.boxes.goals import CostGoal
from fxcost.solve.boxes.tree import Tree
from fxcost.solve.constraints import Constraint, Outside
from fxcost.solve.costs import Cost
from fxcost.solve.enclosure import Enclosure
from fxcost.solve.factors import Factor, Opaque, Tabulated, Variable
from fxcost.solve.facts import Claim, Connected, Fact
from fxcost.solve.lattice import Boxes, Lattice
from fxcost.solve.truths import Difference, Joined, Table, Truth, Truths
from fxcost.space import AnyDomain, Choice, Float, Int, Space

RELATIONS: Mapping[str, type] = MappingProxyType(
    {relation.__name__: relation for relation in (sympy.Le, sympy.Lt, sympy.Ge, sympy.Gt, sympy.Eq, sympy.Ne)}
)

CONNECTIVES: Mapping[str, type] = MappingProxyType({"and": sympy.And, "or": sympy.Or, "not": sympy.Not})


@dataclass(frozen=True, eq=False)
class Given:
    """A condition that was read."""

    support: frozenset[int]
    truths: Truths

    @property
    def bounded(self) -> bool:
        """That more is known of it than its truth at points."""
        return True

    def truth(self, boxes: Boxes) -> Truth:
        """Return in which boxes it holds everywhere, and in which nowhere."""
        return self.truths.truth(boxes)


def boxes_record(boxes: Boxes) -> dict[str, Any]:
    """Return boxes as JSON.

    >>> boxes_record(Boxes((np.array([0, 4]),), (np.array([3, 9]),)))
    {'low': [[0, 4]], 'high': [[3, 9]]}
    """
    return {name: [each.tolist() for each in getattr(boxes, name)] for name in ("low", "high")}


def boxes_of(record: Mapping[str, Any]) -> Boxes:
    """Return the boxes that were written."""
    low, high = (tuple(np.array(each) for each in record[name]) for name in ("low", "high"))
    return Boxes(low, high)


def question_text(lattice: Lattice, facts: Sequence[Fact], goal: CostGoal | None = None) -> str:
    """Return what holds of settings, and what is to be large, as text.

    Raises:
        DeclarationError: A condition or a cost is only known point by point, by calling code.
    """
    writer = _Writer()
    record = {
        "axes": [_axis_record(name, lattice) for name in lattice.names],
        "facts": [writer.fact(fact) for fact in facts],
        "goal": goal and {"cost": writer.cost(goal.cost), "sign": goal.sign},
    }
    return json.dumps({**record, "costs": writer.costs}, separators=(",", ":"))


@dataclass(frozen=True, eq=False)
class Question:
    """What was read: what decides boxes, and what is to be large."""

    lattice: Lattice
    facts: tuple[Fact, ...]
    goal: CostGoal | None

    @classmethod
    def of(cls, text: str) -> Question:
        """Return the question of a text."""
        record = json.loads(text)
        lattice = Lattice(Domain(Space(**{name: _axis(axis) for name, axis in record["axes"]})))
        costs = [_cost(each, lattice) for each in record["costs"]]
        facts = tuple(_fact(each, lattice, costs) for each in record["facts"])
        goal = record["goal"] and CostGoal(costs[record["goal"]["cost"]], record["goal"]["sign"])
        return cls(lattice, facts, goal)

    def tree(self, fibre: int) -> Tree:
        """Return what decides boxes."""
        return Tree(self.lattice, self.facts, fibre)


def _axis_record(name: str, lattice: Lattice) -> list[Any]:
    index = lattice.positions[name]
    listed, axis = lattice.listed[index], lattice.axes[index]
    if listed is None:
        return [name, {"real": [float(axis.low), float(axis.high)]}]
    if isinstance(listed, range):
        return [name, {"range": [listed[0], listed[-1], listed.step]}]
    return [name, {"values": list(listed)}]


def _axis(record: Mapping[str, Any]) -> AnyDomain:
    if "real" in record:
        return Float(*record["real"])
    if "range" in record:
        low, high, step = record["range"]
        return Int(low, high, step=step)
    return Choice(*record["values"])


class _Writer:
    """Writes facts; each cost once."""

    def __init__(self) -> None:
        self.costs: list[Any] = []
        self._known: dict[Cost, int] = {}

    def cost(self, cost: Cost) -> int:
        if cost not in self._known:
            self._known[cost] = len(self.costs)
            sides = [[row.polynomial for row in side.rows] for side in cost.sides if side is not None]
            self.costs.append(_polynomials_record([poly for side in sides for poly in side], cost.factors))
            self.costs[-1]["sides"] = [len(side) for side in sides]
        return self._known[cost]

    def fact(self, fact: Fact) -> dict[str, Any]:
        if isinstance(fact, Claim):
            return {"cost": self.cost(fact.cost), "bound": fact.bound, "claimed": fact.claimed}
        if isinstance(fact, Connected):
            return {"every": fact.every, "facts": [self.fact(part) for part in fact.parts]}
        return {"support": sorted(fact.support), "truths": _condition_record(fact)}


def _condition_record(fact: Fact) -> dict[str, Any]:
    if isinstance(fact, Constraint):
        return _truths_record(fact.truths)
    if isinstance(fact, Outside):
        every = {"connective": "and", "parts": [_condition_record(part) for part in fact.parts]}
        return {"connective": "not", "parts": [every]}
    if isinstance(fact, Given):
        return _truths_record(fact.truths)
    raise DeclarationError(f"workers cannot be told of {fact}; ask without an executor")


def _truths_record(truths: Truths) -> dict[str, Any]:
    if isinstance(truths, Table):
        holds = "".join("01"[each] for each in truths.holds.reshape(-1).tolist())
        return {"support": list(truths.support), "shape": list(truths.holds.shape), "holds": holds}
    if isinstance(truths, Joined):
        name = next(name for name, kind in CONNECTIVES.items() if kind is truths.connective)
        return {"connective": name, "parts": [_truths_record(part) for part in truths.parts]}
    if isinstance(truths, Difference):
        name = next(name for name, kind in RELATIONS.items() if kind is truths.relation)
        enclosure = truths.enclosure
        return {"relation": name, **_polynomials_record(enclosure.polynomials, enclosure.factors)}
    raise DeclarationError(
        "a condition is only known by calling it, setting by setting: workers cannot be told of it; "
        "ask without an executor"
    )


def _polynomials_record(polynomials: Sequence[Polynomial], factors: Mapping[Atom, Factor]) -> dict[str, Any]:
    """Return polynomials over numbered atoms, and these as functions of positions; None: they cancel."""
    atoms = list(dict.fromkeys(atom for each in polynomials for atom in each.atoms))
    places = {atom: place for place, atom in enumerate(atoms)}
    terms = [
        [
            [coefficient, [[places[atom], exponent] for atom, exponent in monomial]]
            for monomial, coefficient in each.terms.items()
        ]
        for each in polynomials
    ]
    return {"polynomials": terms, "atoms": [_factor_record(factors.get(atom)) for atom in atoms]}


def _factor_record(factor: Factor | None) -> dict[str, Any] | None:
    if factor is None:
        return None
    if isinstance(factor, Opaque):
        raise DeclarationError(
            f"{factor.atom.expression} is only known setting by setting: workers cannot be told of it; "
            "ask without an executor"
        )
    if isinstance(factor, Variable):
        return {"variable": factor.index, "first": factor.first}
    return {
        "indices": list(factor.indices),
        "shape": list(factor.array.shape),
        "values": factor.array.reshape(-1).tolist(),
        "slopes": list(factor.slopes),
        "counted": [[each.start, each.stop] for each in factor.counted],
    }


def _factor(record: Mapping[str, Any], lattice: Lattice) -> Factor:
    if "variable" in record:
        return Variable(record["variable"], lattice, record["first"])
    counted = tuple(slice(start, stop) for start, stop in record["counted"])
    values = _integers(record["values"]).reshape(record["shape"])
    return Tabulated(tuple(record["indices"]), values, tuple(record["slopes"]), counted)


def _integers(values: Sequence[int]) -> Array:
    fits = all(-(2**63) <= value < 2**63 for value in values)
    return np.array(values, dtype=np.int64 if fits else object)


def _polynomials(record: Mapping[str, Any], lattice: Lattice) -> tuple[list[Polynomial], dict[Atom, Factor]]:
    """Return the polynomials that were written, over atoms that are only told apart by their numbers."""
    named = [f"atom{place}" for place in range(len(record["atoms"]))]
    atoms = [Atom(sympy.Symbol(name, integer=True), (1, name)) for name in named]
    pairs = zip(atoms, record["atoms"], strict=True)
    factors = {atom: _factor(each, lattice) for atom, each in pairs if each is not None}
    polynomials = [
        Polynomial(
            {
                tuple((atoms[place], exponent) for place, exponent in monomial): coefficient
                for coefficient, monomial in terms
            }
        )
        for terms in record["polynomials"]
    ]
    return polynomials, factors


def _cost(record: Mapping[str, Any], lattice: Lattice) -> Cost:
    polynomials, factors = _polynomials(record, lattice)
    rows = [Row(polynomial) for polynomial in polynomials]
    first = record["sides"][0]
    other = Expression(tuple(rows[first:])) if len(record["sides"]) > 1 else None
    return Cost(Expression(tuple(rows[:first])), other, lattice, factors)


def _fact(record: Mapping[str, Any], lattice: Lattice, costs: Sequence[Cost]) -> Fact:
    if "cost" in record:
        return Claim(costs[record["cost"]], record["bound"], record["claimed"])
    if "facts" in record:
        return Connected(tuple(_fact(each, lattice, costs) for each in record["facts"]), record["every"])
    return Given(frozenset(record["support"]), _truths(record["truths"], lattice))


def _truths(record: Mapping[str, Any], lattice: Lattice) -> Truths:
    read: Callable[[Mapping[str, Any]], Truths] = lambda part: _truths(part, lattice)  # noqa: E731
    if "connective" in record:
        return Joined(CONNECTIVES[record["connective"]], tuple(map(read, record["parts"])))
    if "relation" in record:
        polynomials, factors = _polynomials(record, lattice)
        return Difference(RELATIONS[record["relation"]], Enclosure([polynomials], lattice, factors))
    holds = np.array([each == "1" for each in record["holds"]], dtype=bool).reshape(record["shape"])
    return Table(tuple(record["support"]), holds)
