"""The box engine, Z3 by itself and enumeration in plain Python: do they answer small questions alike?

    python bench/agreement.py 100000

Questions are about closed forms of the zoo's models and about random costs. The engine says which settings
satisfy a limit, finds one, or finds the largest cost. Z3 is an ordinary solver that is told the arithmetic;
what it does not answer in a tenth of a second is counted by itself. Python evaluates every setting. One core.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any, TypeAlias

import sympy
import z3

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import fxcost as fc
from bench.comparison import progress
from fxcost.expr import Expression, Lowering, Normaliser
from fxcost.solve.boxes.best import Climb
from fxcost.solve.boxes.goals import CostGoal
from fxcost.solve.boxes.sweep import Frontier, sweep
from fxcost.solve.boxes.tree import Tree, trimmed
from fxcost.solve.budget import Budget
from fxcost.solve.constraints import Constraint
from fxcost.solve.costs import Cost
from fxcost.solve.facts import Claim, Connected, Fact, Required
from fxcost.solve.lattice import Box, Boxes, Lattice
from fxcost.solve.pruning import Conflict, Pruning
from tests.solve.boxes.systems import Compiled, Point, Statement, system
from tests.zoo import ZOO

FACTORIES = ("mlp", "lstm_language_model", "unet", "conv_autoencoder", "translator")

QUANTITIES = ("peak_memory", "flops", "parameters")

RANDOM_EACH = 3
"""So many spaces with random costs follow each box of a real model."""

TOLD = 100
"""Milliseconds that Z3 has for a question."""

ABOUT_EACH = 100
"""So many questions are asked about the same costs in the same box."""

FEWEST = 6
"""No random space has fewer settings."""

LARGEST_GRID = 64
"""No box of a real model has more settings."""

Tree_: TypeAlias = "Statement | tuple[str, Tree_, Tree_]"


@dataclass(frozen=True)
class Subject:
    """Costs in a box of settings, and what plain Python says of them at each valid one."""

    lattice: Lattice
    box: Box
    required: Sequence[Required]
    costs: Sequence[Cost]
    values: Mapping[Point, Sequence[int]]

    @cached_property
    def ends(self) -> Sequence[Sequence[int]]:
        """Every value of each cost, ascending."""
        return [sorted(each) for each in zip(*self.values.values(), strict=True)]


def random_subject(draw: Random) -> Subject:
    """Return random costs over a random small space."""
    drawn = system(draw, 3)
    while len(drawn.points) < FEWEST:
        drawn = system(draw, 3)
    made = Compiled(drawn)
    return Subject(made.lattice, made.lattice.whole, made.required, made.costs, drawn.points)


class Model:
    """A factory's closed forms."""

    def __init__(self, factory: Any) -> None:
        self.cost = fc.cost(factory)
        self._costs: dict[int, tuple[Lattice, list[Required], list[Cost], list[Any]]] = {}

    def subject(self, draw: Random) -> Subject:
        """Return the costs in a random small box around a random setting, on the path through it."""
        config = self.cost.space.sample(draw)
        quantities = [self.cost.quantities[name] for name in QUANTITIES]
        region = quantities[0].regions.at(config)
        if id(region) not in self._costs:
            lattice = Lattice(quantities[0].regions.domain)
            normaliser = Normaliser(lattice.domain)
            required: list[Required] = [
                Constraint.of_space(each, lattice, normaliser) for each in self.cost.space.conditions
            ]
            required += [Constraint(each, None, lattice, normaliser) for each in region.conditions]
            expressions = [quantity.expression(region) for quantity in quantities]
            functions = [python_of(each, lattice.names) for each in expressions]
            costs = [Cost(each, None, lattice) for each in expressions]
            self._costs[id(region)] = lattice, required, costs, functions
        lattice, required, costs, functions = self._costs[id(region)]
        box = box_around(lattice, lattice.point(config), draw)
        valid = lambdified(sympy.And(*region.conditions), lattice.names)
        values = {}
        sides = zip(box.low, box.high, strict=True)
        for point in itertools.product(*(range(int(low), int(high) + 1) for low, high in sides)):
            at = [listed[place] for listed, place in zip(lattice.listed, point, strict=True)]
            if valid(*at) and lattice.config(point) in self.cost.space:
                values[point] = tuple(max(row(*at) for row in rows) for rows in functions)
        return Subject(lattice, box, required, costs, values)


def box_around(lattice: Lattice, point: Point, draw: Random) -> Box:
    """Return a box that holds a point, widened at random until it has many settings."""
    low, high = list(point), list(point)
    size = 1
    while True:
        index = draw.randrange(len(point))
        length = high[index] - low[index] + 1
        more = draw.randint(1, 8)
        if size // length * (length + more) > LARGEST_GRID:
            return Box(tuple(low), tuple(high))
        down = draw.randint(0, more)
        low[index] = max(0, low[index] - down)
        high[index] = min(len(lattice.listed[index]) - 1, high[index] + more - down)
        size = size // length * (high[index] - low[index] + 1)


PYTHON = {
    "FloorDiv": lambda x, y: x // y,
    "CeilDiv": lambda x, y: -(-x // y),
    "PythonMod": lambda x, y: x % y,
    "Mod": lambda x, y: x % y,
    "Max": max,
    "Min": min,
    "TruncToInt": int,
    "ToFloat": float,
    "FloatTrueDiv": lambda x, y: x / y,
    "IntTrueDiv": lambda x, y: x / y,
    "FloatMul": lambda x, y: x * y,
}


def lambdified(expression: Any, names: Sequence[str]) -> Any:
    """Return an expression of encoded values as a Python function of Python numbers."""
    written = [sympy.Symbol(name) for name in names]
    by_name = {symbol.name: symbol for symbol in expression.free_symbols}
    arguments = [by_name.get(symbol.name, symbol) for symbol in written]
    return sympy.lambdify(arguments, expression, modules=[PYTHON, "math"], cse=True)


def python_of(expression: Expression, names: Sequence[str]) -> list[Any]:
    """Return the rows of a closed form as Python functions."""
    return [lambdified(row.polynomial.sympy(), names) for row in expression.rows]


@dataclass(frozen=True)
class Limit:
    """Statements, connected by `and` and `or`, and which cost may be asked to be large under them."""

    tree: Tree_
    largest: int

    def holds(self, values: Sequence[int], tree: Tree_ | None = None) -> bool:
        """Tell whether it holds where costs have these values."""
        tree = tree or self.tree
        if isinstance(tree, Statement):
            return tree.holds(values[tree.which])
        sides = [self.holds(values, part) for part in tree[1:]]
        return all(sides) if tree[0] == "and" else any(sides)

    def fact(self, subject: Subject, tree: Tree_ | None = None) -> Fact:
        """Return it as the engine sees it."""
        tree = tree or self.tree
        if isinstance(tree, Statement):
            return Claim(subject.costs[tree.which], tree.bound, tree.at_most)
        return Connected(tuple(self.fact(subject, part) for part in tree[1:]), tree[0] == "and")

    def facts(self, subject: Subject) -> list[Fact]:
        """Return facts that hold together where it does."""
        fact = self.fact(subject)
        return list(fact.parts) if isinstance(fact, Connected) and fact.every else [fact]


def limit_about(subject: Subject, draw: Random) -> Limit:
    """Return a limit with bounds near the values there are."""

    def statement() -> Statement:
        which = draw.randrange(len(subject.costs))
        near = draw.choice(subject.ends[which]) if subject.values else 0
        return Statement(which, near + draw.choice([-1, 0, 0, 1]), draw.random() < 0.6)

    tree: Tree_ = statement()
    for _ in range(draw.choice([0, 0, 1, 1, 2])):
        tree = (draw.choice(["and", "and", "or"]), tree, statement())
    return Limit(tree, draw.randrange(len(subject.costs)))


class Told:
    """Z3, told what a subject means."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.solver = z3.Solver()
        self.solver.set("timeout", TOLD)
        lowering = Lowering(subject.lattice.domain)
        self.variables = [lowering.variables[name] for name in subject.lattice.names]
        self.terms = [
            [[lowering.integer(polynomial) for polynomial in row] for row in cost.rows]
            for cost in subject.costs
        ]
        self.solver.add(*(required.lowered(lowering) for required in subject.required))
        self.solver.add(self.inside(subject.box.low, subject.box.high), *lowering.domain_constraints())
        self.exact = lowering.exact

    def inside(self, low: Point, high: Point) -> z3.BoolRef:
        """Return that a setting lies in a box."""
        ends = zip(self.variables, low, high, strict=True)
        return z3.And(*(z3.And(variable >= a, variable <= b) for variable, a, b in ends))

    def of(self, tree: Tree_) -> z3.BoolRef:
        """Return a limit as a formula."""
        if isinstance(tree, Statement):
            rows = self.terms[tree.which]
            below = z3.And(*(z3.Or(*(term <= tree.bound for term in row)) for row in rows))
            return below if tree.at_most else z3.Not(below)
        sides = [self.of(part) for part in tree[1:]]
        return z3.And(*sides) if tree[0] == "and" else z3.Or(*sides)

    def possible(self, *formulas: z3.BoolRef) -> bool | None:
        """Tell whether a setting satisfies formulas; None where it does not tell."""
        self.solver.push()
        self.solver.add(*formulas)
        answer = self.solver.check()
        self.solver.pop()
        return None if answer == z3.unknown or (answer == z3.sat and not self.exact) else answer == z3.sat


@dataclass(frozen=True)
class Answer:
    """Whether the engine agrees with enumeration, and with Z3: None where that does not answer."""

    enumeration: bool
    told: bool | None


def counted(subject: Subject, limit: Limit, told: Told) -> Answer:
    """Compare the settings that satisfy a limit: Z3 is asked for one more, or one less."""
    facts = [*subject.required, *limit.facts(subject)]
    box = trimmed(subject.box, facts)
    found: list[tuple[Point, Point]] = []
    if box is not None:
        tree = Tree.of(subject.lattice, box, facts, whole=True)
        for boxes in sweep(tree, Frontier(Boxes.of(box)), Budget(60)):
            found += zip(corners(boxes.low), corners(boxes.high), strict=True)
    points = [
        point
        for low, high in found
        for point in itertools.product(*(range(a, b + 1) for a, b in zip(low, high, strict=True)))
    ]
    met = {point for point, values in subject.values.items() if limit.holds(values)}
    inside = z3.Or(*(told.inside(low, high) for low, high in found))
    other = told.possible(z3.Xor(told.of(limit.tree), inside))
    return Answer(len(points) == len(met) and set(points) == met, None if other is None else not other)


def found(subject: Subject, limit: Limit, told: Told) -> Answer:
    """Compare whether a setting satisfies a limit: its negation is proved where none does."""
    facts = [*subject.required, *limit.facts(subject)]
    answer = Pruning(subject.lattice, subject.box, Budget(60)).decide(facts, float("inf"))
    exists = any(limit.holds(values) for values in subject.values.values())
    possible = told.possible(told.of(limit.tree))
    if isinstance(answer, tuple):
        right = answer in subject.values and limit.holds(subject.values[answer])
        return Answer(right, possible)
    none = isinstance(answer, Conflict)
    return Answer(none and not exists, None if possible is None else none and not possible)


def largest(subject: Subject, limit: Limit, told: Told) -> Answer:
    """Compare the largest value of a cost where a limit holds."""
    which = limit.largest
    facts = [*subject.required, *limit.facts(subject)]
    best: list[int] = []

    def better(point: Point) -> int:
        best.append(subject.costs[which].enclosure.at(point))
        return best[-1]

    box = trimmed(subject.box, facts)
    if box is not None:
        tree = Tree.of(subject.lattice, box, facts, whole=False)
        Climb(tree, CostGoal(subject.costs[which], 1), Budget(60), better).best(Boxes.of(box), None)
    values = [values[which] for values in subject.values.values() if limit.holds(values)]
    formula = told.of(limit.tree)
    if not best:
        possible = told.possible(formula)
        return Answer(not values, None if possible is None else not possible)
    more = told.possible(formula, told.of(Statement(which, best[-1], at_most=False)))
    as_much = told.possible(formula, told.of(Statement(which, best[-1] - 1, at_most=False)))
    unknown = None in (more, as_much)
    return Answer(best[-1] == max(values, default=None), None if unknown else not more and as_much)


def corners(ends: Sequence[Any]) -> Iterator[Point]:
    """Yield points from the array of each hyperparameter's positions."""
    return zip(*(each.tolist() for each in ends), strict=True)


def subjects(seed: int) -> Iterator[Subject]:
    """Yield closed forms of models and random costs, in turn."""
    draw = Random(seed)
    models = [Model(factory) for factory in ZOO if factory.__name__ in FACTORIES]
    for model in itertools.cycle(models):
        yield model.subject(draw)
        for _ in range(RANDOM_EACH):
            yield random_subject(draw)


def figures(questions: int, seed: int) -> dict[str, int]:
    """Return how many questions were asked, and how many answers disagree.

    Args:
        questions: How many to ask.
        seed: The same seed asks the same.
    """
    draw, total = Random(f"questions {seed}"), Counter[str]()
    drawn = subjects(seed)
    while total["questions"] < questions:
        subject = next(drawn)
        told = Told(subject)
        for _ in range(min(ABOUT_EACH, questions - total["questions"])):
            ask = draw.choice([counted, found, found, largest])
            answer = ask(subject, limit_about(subject, draw), told)
            total["questions"] += 1
            total["disagreements"] += not answer.enumeration or answer.told is False
            total["z3_unanswered"] += answer.told is None
        if total["questions"] % 2000 == 0:
            progress(f"  {total['questions']:,} of {questions:,} questions: {dict(total)}")
    return {name: total[name] for name in ("questions", "disagreements", "z3_unanswered")}


def main() -> None:
    questions, seed = (*map(int, sys.argv[1:]), 1)[:2] if sys.argv[1:] else (100_000, 1)
    started = perf_counter()
    measured = figures(questions, seed)
    print(json.dumps(measured | {"seconds": round(perf_counter() - started)}))


if __name__ == "__main__":
    main()
