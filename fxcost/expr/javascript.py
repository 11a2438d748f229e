"""A maximum of polynomials as the source of one JavaScript function, for pages that people click through."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import sympy

from fxcost.errors import ExpressionError
from fxcost.expr.bounds import atom_interval
from fxcost.expr.functions import Number
from fxcost.expr.grid import Table
from fxcost.expr.javascript_formulas import formula, helpers_of
from fxcost.expr.kernel import Plan
from fxcost.expr.polynomial import Atom
from fxcost.expr.printing import python
from fxcost.expr.vectorised import FLOAT, extremes

MOST_INLINED = 4096
"""A table of more values is written as its formula, if there is one."""

IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


def source(plan: Plan, name: str) -> str:
    """Return a JavaScript function of an object with encoded hyperparameters; its result is exact.

    It is a Number where a bound proves that no number on the way passes 2^53, else a BigInt. Integers are
    taken as Numbers, or beyond 2^53 as BigInt. What is outside its domain throws a RangeError.

    Args:
        plan: How rows are evaluated.
        name: What the function is called.

    Raises:
        ExpressionError: The name is no identifier, or JavaScript has no exact formula for an atom.

    >>> import sympy
    >>> from fxcost.expr.polynomial import Polynomial
    >>> x = Polynomial.of_atom(Atom.variable(sympy.Symbol("x", integer=True), 1, 9))
    >>> print(source(Plan.of([x**2, 8 * x]), "peak"))
    const peak = (() => {
      const outside = (name, value) => { throw new RangeError(`${name}=${value} is outside its domain`); };
      const integer = (name, value) => {
        if (typeof value !== "bigint" && !Number.isSafeInteger(value)) outside(name, value);
        return BigInt(value);
      };
      const between = (name, value, low, high) => {
        if (value < low || value > high) outside(name, value);
        return value;
      };
      return (values) => {
        const x0 = integer("x", values["x"]);
        const c1 = Number(between("x", x0, 1n, 9n));
        const c2 = c1 * c1;
        return Math.max(c2, 8 * c1);
      };
    })();
    """
    if not IDENTIFIER.fullmatch(name):
        raise ExpressionError(f"{name!r} is no name for a JavaScript function")
    lines = _Source.of(plan)
    code = "\n".join([*lines.before, *lines.body])
    helpers = [f"const {each} = {body};" for each, body in helpers_of(code).items()]
    before, body = ["", *helpers, *lines.before], ["", *lines.body]
    indented = "\n  ".join(before) + "\n  return (values) => {" + "\n    ".join(body) + "\n  };"
    return f"const {name} = (() => {{{indented}\n}})();"


@dataclass
class _Source:
    """The lines of a function: those that run once, and those of every call.

    Attributes:
        small: Whether all numbers are Numbers, else BigInts.
        symbols: The hyperparameters read so far, and their variables.
        axes: The hyperparameters looked up so far, and the variables of their positions.
    """

    small: bool
    before: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    symbols: dict[str, str] = field(default_factory=dict)
    axes: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan) -> _Source:
        """Return the lines of a plan."""
        bounds = [atom_interval(atom) for atom in plan.atoms]
        sizes = [max(abs(low), abs(high)) for low, high in bounds if low is not None and high is not None]
        lines = cls(len(sizes) == len(bounds) and plan.bound(sizes) < FLOAT)
        for index, atom in enumerate(plan.atoms, start=1):
            lines.body.append(f"const c{index} = {lines.atom(atom, index)};")
        for index, (left, right) in enumerate(plan.products, start=1 + len(plan.atoms)):
            lines.body.append(f"const c{index} = c{left} * c{right};")
        rows = ", ".join(lines.row(row) for row in plan.coefficients)
        maximum = "Math.max" if lines.small else "largest"
        lines.body.append(f"return {f'{maximum}({rows})' if len(plan.coefficients) > 1 else rows};")
        return lines

    def row(self, coefficients: Sequence[int]) -> str:
        """Return a row as the sum of its terms."""
        terms = []
        for column, coefficient in enumerate(coefficients):
            if coefficient:
                factors = [f"c{column}"] if column else []
                if coefficient != 1 or not column:
                    factors.insert(0, self.number(coefficient))
                terms.append(" * ".join(factors))
        return " + ".join(terms) or self.number(0)

    def number(self, value: int) -> str:
        """Return an integer in the type of all numbers."""
        return str(value) if self.small else f"{value}n"

    def atom(self, atom: Atom, index: int) -> str:
        """Return an atom's value: of a table that is not too long, else calculated."""
        if atom.table is not None and is_listable(atom.table):
            if atom.table.grid.valid.size <= MOST_INLINED:
                return self.looked_up(atom.table, index)
            try:
                return self.calculated(atom)
            except ExpressionError:
                return self.looked_up(atom.table, index)
        return self.calculated(atom)

    def calculated(self, atom: Atom) -> str:
        """Return an atom's formula, and the proof that it is within its bounds."""
        symbols = {symbol.name: symbol for symbol in atom.expression.free_symbols}
        code = formula(atom.expression, {name: self.symbol(symbols[name]) for name in sorted(symbols)})
        if None not in atom_interval(atom):
            name = json.dumps(atom.name or python(atom.expression))
            code = f"between({name}, {code}, {atom.low}n, {atom.high}n)"
        return f"Number({code})" if self.small else code

    def symbol(self, symbol: sympy.Symbol) -> str:
        """Return the variable that holds a hyperparameter."""
        name = symbol.name
        if name not in self.symbols:
            self.symbols[name] = f"x{len(self.symbols)}"
            given = f"values[{json.dumps(name)}]"
            read = "integer" if symbol.is_integer else "number"
            self.body.append(f"const {self.symbols[name]} = {read}({json.dumps(name)}, {given});")
        return self.symbols[name]

    def looked_up(self, table: Table, index: int) -> str:
        """Return what looks an atom up in its table."""
        position = "0"
        for name, axis in zip(table.grid.names, table.grid.axes, strict=True):
            place = self.position(name, axis.tolist())
            position = place if position == "0" else f"({position}) * {len(axis)} + {place}"
        pairs = zip(table.grid.valid.flat, table.full.flat, strict=True)
        values = ", ".join(self.number(int(value)) if valid else "null" for valid, value in pairs)
        self.before.append(f"const t{index} = [{values}];")
        if table.grid.valid.all():
            return f"t{index}[{position}]"
        return f'(t{index}[{position}] ?? outside({json.dumps(" and ".join(table.grid.names))}, "this"))'

    def position(self, name: str, axis: Sequence[Number]) -> str:
        """Return the variable that holds where a hyperparameter stands on its axis."""
        if name not in self.axes:
            at = len(self.axes)
            self.axes[name] = f"p{at}"
            self.before.append(
                f"const a{at} = new Map([{', '.join(map(repr, axis))}].map((each, at) => [each, at]));"
            )
            self.body.append(
                f"const p{at} = position({json.dumps(name)}, values[{json.dumps(name)}], a{at});"
            )
        return self.axes[name]


def is_listable(table: Table) -> bool:
    """Say whether the values of a table's axes are told apart as Numbers.

    >>> import numpy as np
    >>> from fxcost.expr.grid import Grid
    >>> is_listable(Table(Grid(("x",), (np.array([1, 2**60]),), np.ones(2, bool)), np.array([3, 4])))
    False
    """
    axes = table.grid.axes
    return all(axis.dtype == np.float64 or max(map(abs, extremes(axis))) < FLOAT for axis in axes)
