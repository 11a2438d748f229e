"""The same questions to fxcost's boxes, to plain Z3 and to CP-SAT: one path of the GPT.

Plain Z3 is told the arithmetic as it stands: integers, nonlinear products and a conjunction over the rows of
the peak. CP-SAT is fxcost's engine of this name: an integer variable for each product, which is capped where
a limit caps it. Each has one thread and a time limit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import z3

import fxcost as fc
from bench import gpt_spaces
from bench.comparison import progress
from bench.timing import timed
from fxcost.expr import Polynomial

SECONDS = 40
PART: Mapping[str, object] = {"width": (128, 8192), "heads": (2, 64), "batch": (2, 1024)}
"""Where the factory takes one path, so that the arithmetic is one formula."""


@dataclass(frozen=True)
class Question:
    """What is to hold, and what is to be large.

    Attributes:
        most: Quantities and what they may be.
        least: Quantities and what they must be.
        goal: What is to be large; None where any setting will do.
    """

    most: Mapping[str, int]
    least: Mapping[str, int]
    goal: str | None = None


@dataclass(frozen=True)
class Arithmetic:
    """One path of a factory as integer arithmetic.

    Attributes:
        values: The values of each hyperparameter.
        rows: The polynomials of each quantity, which is the largest of them.
    """

    values: Mapping[str, Sequence[int]]
    rows: Mapping[str, Sequence[Polynomial]]

    @classmethod
    def of(cls, cost: fc.Cost) -> Arithmetic:
        """Return the arithmetic of the part, which is one path of the factory."""
        space, path = cost.space.restrict(**PART), cost.first
        values = {name: sorted(space[name].values) for name in space.names}
        for end in (min, max):
            if (
                cost.regions.at(space.config(**{name: end(each) for name, each in values.items()}))
                is not path
            ):
                raise ValueError("the part is not one path of the factory")
        rows = {
            name: [row.polynomial for row in cost.quantities[name].expression(path).rows]
            for name in ("parameters", "flops", "peak_memory")
        }
        return cls(values, rows)


def factors(monomial: Any) -> list[str]:
    """Return the hyperparameters of a product, each as often as it is a factor."""
    names = [atom.name for atom, exponent in monomial for _ in range(exponent)]
    if None in names:
        raise ValueError(f"{monomial} is no product of hyperparameters")
    return names


def with_fxcost(cost: fc.Cost, question: Question, engine: str | None = None) -> str:
    """Answer a question by fxcost, and one of its engines."""
    quantities = cost.quantities
    limits = [quantities[name] <= bound for name, bound in question.most.items()]
    limits += [quantities[name] >= bound for name, bound in question.least.items()]
    if question.goal is not None:
        goal = quantities[question.goal]
        best = fc.maximize(goal, *limits, engine=engine, time_limit=SECONDS, **PART)
        return f"{best.value:,}" + (" proved" if best.proved else " at least")
    answer = fc.find(*limits, engine=engine, time_limit=SECONDS, **PART)
    return {"Found": "sat", "Infeasible": "unsat"}.get(type(answer).__name__, "unknown")


def with_z3(arithmetic: Arithmetic, question: Question) -> str:
    """Answer a question by plain Z3."""
    variables = {name: z3.Int(name) for name in arithmetic.values}
    solver = z3.Solver() if question.goal is None else z3.Optimize()
    solver.set("timeout", 1000 * SECONDS)
    for name, values in arithmetic.values.items():
        solver.add(_one_of(variables[name], values))

    def value(polynomial: Polynomial) -> Any:
        return z3.Sum(
            *(
                reduce(lambda product, name: product * variables[name], factors(monomial), z3.IntVal(times))
                for monomial, times in polynomial.terms.items()
            )
        )

    for name, bound in question.most.items():
        solver.add(*(value(row) <= bound for row in arithmetic.rows[name]))
    for name, bound in question.least.items():
        solver.add(z3.Or(*(value(row) >= bound for row in arithmetic.rows[name])))
    if question.goal is None:
        return str(solver.check())
    goal = solver.maximize(value(arithmetic.rows[question.goal][0]))
    proved = solver.check() == z3.sat
    return f"{solver.lower(goal)}{' proved' if proved else ' at least'}"


def _one_of(variable: Any, values: Sequence[int]) -> Any:
    """Return that a variable has one of some values."""
    step = values[1] - values[0]
    if list(values) != list(range(values[0], values[-1] + 1, step)):
        return z3.Or(*(variable == value for value in values))
    return z3.And(variable >= values[0], variable <= values[-1], (variable - values[0]) % step == 0)


def figures() -> dict[str, Any]:
    """Return what each solver answers to each question, and in how many seconds."""
    cost = gpt_spaces.opened("5e9")
    arithmetic = Arithmetic.of(cost)
    fits, large = {"peak_memory": 24 * 2**30}, {"parameters": 10**9}
    limits = (cost.peak_memory <= fits["peak_memory"], cost.parameters >= large["parameters"])
    best = fc.maximize(cost.flops, *limits, time_limit=SECONDS, **PART).value
    questions = {
        "sat mid": Question(fits, large | {"flops": best // 2}),
        "sat tight": Question(fits, large | {"flops": best}),
        "unsat tight": Question(fits, large | {"flops": best + 1}),
        "max parameters": Question(fits, {}, "parameters"),
        "max flops": Question(fits, large, "flops"),
    }
    found: dict[str, Any] = {"side_by_side_settings": math.prod(map(len, arithmetic.values.values()))}
    table: dict[str, dict[str, Any]] = {}
    for name, question in questions.items():
        ours = timed(lambda: with_fxcost(cost, question))  # noqa: B023
        table[name] = {"fxcost": [ours.seconds, ours.answer], "z3": _once(with_z3, arithmetic, question)}
        table[name]["cp-sat"] = (
            _once(with_fxcost, cost, question, "cpsat") if find_spec("ortools") else "skipped: no ortools"
        )
        progress(f"  {name}: {table[name]}")
    return found | {"side_by_side": table}


def _once(solve: Any, *asked: Any) -> list[Any]:
    start = perf_counter()
    answer = solve(*asked)
    return [round(perf_counter() - start, 3), answer]
