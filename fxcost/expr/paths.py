"""A user's condition, an ordinary Python function, as a SymPy condition.

The function is called with operands that record comparisons. Where it needs a truth value it is run
once for each answer; the decisions of every accepted path are one case of the condition.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sympy

from fxcost.errors import ExpressionError
from fxcost.expr.domain import Domain
from fxcost.expr.evaluation import evaluate
from fxcost.expr.functions import sympy_number
from fxcost.expr.operands import NotSymbolicError, Operand, condition_of, known
from fxcost.space import Condition

MOST_PATHS = 256
"""A function with more paths is tried at every point instead ..."""

MOST_DECISIONS = 64
"""... as is one that asks more on one path."""

MOST_POINTS = 20_000
"""A function is tried at no more points than this."""


def of_callable(condition: Condition, domain: Domain) -> sympy.Basic:
    """Return a condition over a domain's symbols that holds exactly where the user's function accepts.

    Hyperparameters that are no numbers are passed as they are, each option in turn; so are all of them
    where the function does what operands cannot record (`math.log2(width)`, `width in {64, 96}`).

    Raises:
        ExpressionError: The function cannot be followed, and there are too many points to try it at.

    >>> from fxcost.space import Choice, Int, Space
    >>> space = Space(width=Int(64, 512, step=64), norm=Choice(None, "layer"), heads=Choice(4, 8))
    >>> space = space.where(lambda width, heads, norm: width % heads == 0 and (norm is None or width > 64))
    >>> print(of_callable(space.conditions[0], Domain(space)).count(sympy.Ne))
    0
    """
    numeric = [name for name in condition.names if domain.axes[name].options is None]
    try:
        followed = _followed(condition, domain, numeric)
    except NotSymbolicError:
        return _tried(condition, domain)
    return followed if _agrees(followed, condition, domain) else _tried(condition, domain)


def _followed(condition: Condition, domain: Domain, numeric: Sequence[str]) -> sympy.Basic:
    """Return the condition with numbers as symbols, for each combination of the other options."""
    cases = []
    for values in _combinations(condition, domain, [name for name in condition.names if name not in numeric]):
        options = {name: domain.axes[name].decode(value) for name, value in values.items()}
        paths = _paths(_run(condition, domain, numeric, options))
        cases.append(sympy.And(_at(domain, values), sympy.Or(*paths)))
    return sympy.Or(*cases)


def _tried(condition: Condition, domain: Domain) -> sympy.Basic:
    """Return the points at which the function accepts, as a condition."""
    points = _combinations(condition, domain, condition.names)
    return sympy.Or(
        *(
            _at(domain, values)
            for values in points
            if condition.holds({name: domain.axes[name].decode(value) for name, value in values.items()})
        )
    )


def _at(domain: Domain, values: dict[str, Any]) -> sympy.Basic:
    return sympy.And(
        *(
            sympy.Eq(domain.symbols[name], sympy_number(value), evaluate=False)
            for name, value in values.items()
        )
    )


def _combinations(condition: Condition, domain: Domain, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    axes = [domain.axes[name] for name in names]
    if math.prod((axis.size for axis in axes), start=1.0) > MOST_POINTS:
        raise ExpressionError(
            f'the condition "{condition}" cannot be followed and has too many points to try: '
            "write it with + - * // % and comparisons of numbers"
        )
    for values in itertools.product(*(axis.listed or () for axis in axes)):
        yield dict(zip(names, values, strict=True))


Run = Callable[[Callable[[sympy.Basic], bool]], sympy.Basic]


def _run(condition: Condition, domain: Domain, numeric: Sequence[str], options: dict[str, object]) -> Run:
    """Return what calls the function once, given who decides its comparisons."""

    def run(decide: Callable[[sympy.Basic], bool]) -> sympy.Basic:
        operands = {name: Operand(domain.symbols[name], decide) for name in numeric}
        try:
            return condition_of(condition.function(**operands, **options))
        except Exception as error:
            raise NotSymbolicError from error

    return run


def _paths(run: Run) -> list[sympy.Basic]:
    """Return the condition of every accepted path: depth first, True before False."""
    accepted: list[sympy.Basic] = []
    decisions: list[bool] = []
    for _ in range(MOST_PATHS):
        path = _Path(decisions)
        accepted.append(sympy.And(run(path.decide), *path.taken()))
        while decisions and not decisions[-1]:
            decisions.pop()
        if not decisions:
            return accepted
        decisions[-1] = False
    raise NotSymbolicError


class _Path:
    """The decisions of one run: those to repeat first, then True for each new one."""

    def __init__(self, decisions: list[bool]) -> None:
        self.decisions = decisions
        self.asked: list[sympy.Basic] = []

    def decide(self, condition: sympy.Basic) -> bool:
        """Answer a comparison: as it is where that is known, as before on this run, else as planned."""
        answer = known(condition)
        if answer is not None:
            return answer
        if condition in self.asked:
            return self.decisions[self.asked.index(condition)]
        if len(self.asked) >= MOST_DECISIONS:
            raise NotSymbolicError
        self.asked.append(condition)
        if len(self.asked) > len(self.decisions):
            self.decisions.append(True)
        return self.decisions[len(self.asked) - 1]

    def taken(self) -> list[sympy.Basic]:
        """Return what was decided."""
        return [
            asked if decision else sympy.Not(asked)
            for asked, decision in zip(self.asked, self.decisions, strict=True)
        ]


def _agrees(followed: sympy.Basic, condition: Condition, domain: Domain) -> bool:
    """Say whether the condition found agrees with the function at some points.

    Operands cannot show everything to a function: `isinstance(width, int)` is False of them.
    """
    generator = random.Random(0)
    for _ in range(32):
        config = {name: domain.space[name].sample(generator) for name in condition.names}
        values = {name: domain.axes[name].encode(value) for name, value in config.items()}
        if condition.holds(config) != bool(evaluate(followed, values)):
            return False
    return True
