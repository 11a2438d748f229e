"""SymPy expressions and conditions as JSON, by the names of the functions in the one table.

What is shared is written once: a tree is a number in a list of nodes, each of which names those before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import sympy
from sympy.functions.elementary.piecewise import ExprCondPair

from fxcost.cache.numbers import integer, integer_record
from fxcost.expr import Domain
from fxcost.expr.branches import BRANCHES
from fxcost.expr.table import RULES
from fxcost.sealed import DamagedError


class UnwritableError(ValueError):
    """An expression that could not be read back as it is."""


def spelled(function: type) -> str:
    """Return the name a function is written by.

    >>> spelled(sympy.Max)
    'sympy.Max'
    """
    return f"{function.__module__.partition('.')[0]}.{function.__name__}"


FUNCTIONS: Mapping[str, type] = MappingProxyType(
    {**{spelled(function): function for function in (*RULES, *BRANCHES)}, "arm": ExprCondPair}
)
"""Every function that is written or read; an arm is a value and its condition in a Piecewise."""

NAMES: Mapping[type, str] = MappingProxyType({function: name for name, function in FUNCTIONS.items()})

CONSTANTS: Mapping[str, sympy.Basic] = MappingProxyType(
    {"true": sympy.true, "false": sympy.false, "oo": sympy.oo, "-oo": -sympy.oo, "nan": sympy.nan}
)

LEAVES: Mapping[str, Callable[..., sympy.Basic]] = MappingProxyType(
    {
        "integer": lambda value: sympy.Integer(integer(value)),
        "rational": lambda above, below: sympy.Rational(integer(above), integer(below)),
        "float": lambda text: sympy.Float(float.fromhex(text)),
    }
)


class Writer:
    """Writes expressions in the symbols of one domain.

    >>> from fxcost.space import Int, Space
    >>> writer = Writer(Domain(Space(width=Int(1, 9))))
    >>> writer.tree(writer.domain.symbols["width"] ** 2), writer.nodes
    (2, [['symbol', 'width'], ['integer', 2], ['sympy.Pow', 0, 1]])
    """

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.nodes: list[list[Any]] = []
        self._written: dict[tuple[type, sympy.Basic], int] = {}

    def tree(self, expression: sympy.Basic) -> int:
        """Write an expression, if it is new, and return its number.

        Raises:
            UnwritableError: It holds a function that no rule describes, or a symbol of another domain.
        """
        key = type(expression), expression
        if key not in self._written:
            node = self._leaf(expression) or self._call(expression)
            self._written[key] = len(self.nodes)
            self.nodes.append(node)
        return self._written[key]

    def _leaf(self, expression: sympy.Basic) -> list[Any] | None:
        if isinstance(expression, sympy.Symbol):
            if self.domain.symbols.get(expression.name) != expression:
                raise UnwritableError(f"{expression} is no hyperparameter")
            return ["symbol", expression.name]
        if isinstance(expression, sympy.Integer):
            return ["integer", integer_record(int(expression))]
        if isinstance(expression, sympy.Rational):
            return ["rational", integer_record(int(expression.p)), integer_record(int(expression.q))]
        if isinstance(expression, sympy.Float) and sympy.Float(float(expression)) == expression:
            return ["float", float(expression).hex()]
        return next(([name] for name, constant in CONSTANTS.items() if constant == expression), None)

    def _call(self, expression: sympy.Basic) -> list[Any]:
        name = NAMES.get(type(expression))
        if name is None or not expression.args:
            raise UnwritableError(f"no rule says what {type(expression).__name__} computes, in {expression}")
        numbers = [self.tree(argument) for argument in expression.args]
        if _called(type(expression), expression.args) != expression:
            raise UnwritableError(f"{expression} would be read as something else")
        return [name, *numbers]


def trees(nodes: Any, domain: Domain) -> list[sympy.Basic]:
    """Return the expressions of nodes that were written over a domain.

    Raises:
        DamagedError: A node is of no known kind, or names a node that does not come before it.
    """
    found: list[sympy.Basic] = []
    for name, *rest in nodes:
        found.append(_tree(name, rest, found, domain))
    return found


def _tree(name: Any, rest: Sequence[Any], before: Sequence[sympy.Basic], domain: Domain) -> sympy.Basic:
    if name == "symbol":
        (symbol,) = rest
        return domain.symbols[symbol]
    if name in LEAVES:
        return LEAVES[name](*rest)
    if name in CONSTANTS:
        return CONSTANTS[name]
    if name not in FUNCTIONS:
        raise DamagedError(f"it names {name!r}, which is no function")
    return _called(FUNCTIONS[name], [entry(before, number) for number in rest])


def _called(function: type, arguments: Sequence[sympy.Basic]) -> sympy.Basic:
    if function is ExprCondPair:
        return ExprCondPair(*arguments)
    return function(*arguments, evaluate=False)


def entry(entries: Sequence[Any], number: Any) -> Any:
    """Return the entry of a number.

    Raises:
        DamagedError: There is none.
    """
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(entries):
        raise DamagedError(f"there is no entry {number!r}")
    return entries[number]
