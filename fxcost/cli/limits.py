"""Limits as text: `peak_memory <= 24 GiB and flops <= 1 PFLOP`.

    limit       one part, or several with "or" between them
    part        one statement, or several with "and" between them
    statement   "not" statement | "(" limit ")" | quantity relation bound
    bound       an amount with its unit, or another quantity

`&`, `|` and `~` are read as well, so that what a verdict prints can be written again. Texts are read before
the model is traced, so that a wrong one is told at once.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

from fxcost import units
from fxcost.costs import DEFINITIONS
from fxcost.errors import DeclarationError, UnitError
from fxcost.quantity import Quantity
from fxcost.solve import Limit

RELATIONS: Mapping[str, Callable[[Quantity, object], Limit]] = {
    "<=": Quantity.__le__,
    "<": Quantity.__lt__,
    ">=": Quantity.__ge__,
    ">": Quantity.__gt__,
}
UNITS = {definition.name: definition.unit for definition in DEFINITIONS}
WORD_OF = {"&": "and", "|": "or", "~": "not"}
ENDS_A_BOUND = frozenset(("and", "or", "not", "(", ")", "", *RELATIONS))

_TOKEN = re.compile(r"[<>=!]+|[()&|~]|[^\s<>=!()&|~]+")

Build: TypeAlias = Callable[[Mapping[str, Quantity]], Limit]


@dataclass(frozen=True)
class LimitText:
    """A limit that has been read.

    Attributes:
        text: What the user wrote.
        of: Returns the limit on a model's quantities.
    """

    text: str
    of: Build


def read_limit(text: str) -> LimitText:
    """Read a limit.

    Args:
        text: Such as `"peak_memory <= 24 GiB and flops <= 1 PFLOP"`.

    Raises:
        DeclarationError: The text cannot be read, or names something else; the message shows where.
        UnitError: A bound's unit is missing, ambiguous, or not its quantity's.

    Example:
        >>> read_limit("peak_memory < 24 GiB and flop < 1 PFLOP")
        Traceback (most recent call last):
        fxcost.errors.DeclarationError: there is no quantity flop; did you mean flops?
            peak_memory < 24 GiB and flop < 1 PFLOP
                                     ^
    """
    reader = _Reader(text)
    build = reader.limit()
    if reader.token.text:
        raise reader.error(f'"{reader.token.text}" is one too many; write "and" or "or" between comparisons')
    return LimitText(text, build)


def require_quantity(name: str) -> None:
    """Raise a DeclarationError that says which names are near, where there is no such quantity.

    Example:
        >>> require_quantity("flops")
    """
    if name in UNITS:
        return
    near = difflib.get_close_matches(name, UNITS, n=1, cutoff=0.5)
    known = f"the quantities are {', '.join(UNITS)}; hyperparameters are bounded with --set"
    raise DeclarationError(f"there is no quantity {name}; " + (f"did you mean {near[0]}?" if near else known))


@dataclass(frozen=True)
class _Token:
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class _Reader:
    """Reads a limit from left to right; each method reads one rule of the grammar above."""

    def __init__(self, text: str) -> None:
        self.text = text
        found = [_Token(match[0], match.start()) for match in _TOKEN.finditer(text)]
        self.tokens = [_Token(WORD_OF.get(token.text, token.text), token.start) for token in found]
        self.tokens.append(_Token("", len(text)))
        self.index = 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.index]

    def limit(self) -> Build:
        parts = [self.part()]
        while self.takes("or"):
            parts.append(self.part())
        return lambda quantities: reduce(operator.or_, (part(quantities) for part in parts))

    def part(self) -> Build:
        statements = [self.statement()]
        while self.takes("and"):
            statements.append(self.statement())
        return lambda quantities: reduce(operator.and_, (statement(quantities) for statement in statements))

    def statement(self) -> Build:
        if self.takes("not"):
            negated = self.statement()
            return lambda quantities: ~negated(quantities)
        if not self.takes("("):
            return self.comparison()
        inside = self.limit()
        if not self.takes(")"):
            raise self.error('a ")" is missing')
        return inside

    def comparison(self) -> Build:
        name = self.quantity()
        relation = self.token.text
        if relation not in RELATIONS:
            raise self.error(f"write one of {', '.join(RELATIONS)} after {name}")
        self.index += 1
        bound = self.bound(name, relation)
        return lambda quantities: RELATIONS[relation](quantities[name], quantities.get(bound, bound))

    def quantity(self) -> str:
        name = self.token.text
        if name in ENDS_A_BOUND:
            raise self.error(f"a quantity is missing; the quantities are {', '.join(UNITS)}")
        try:
            require_quantity(name)
        except DeclarationError as error:
            raise self.error(str(error)) from None
        self.index += 1
        return name

    def bound(self, name: str, relation: str) -> str:
        """Read up to the next connective: amounts and their units are the units module's matter."""
        first = self.token
        while self.token.text not in ENDS_A_BOUND:
            self.index += 1
        unit = UNITS[name]
        if self.token is first:
            raise self.error(f"an amount in {unit}, or a quantity, is missing after {name} {relation}")
        bound = self.text[first.start : self.tokens[self.index - 1].end]
        try:
            if UNITS.get(bound) is not unit:
                units.parse(bound, unit)
        except UnitError as error:
            raise UnitError(self.pointed(str(error), first)) from None
        return bound

    def takes(self, word: str) -> bool:
        if self.token.text != word:
            return False
        self.index += 1
        return True

    def error(self, problem: str) -> DeclarationError:
        return DeclarationError(self.pointed(problem, self.token))

    def pointed(self, problem: str, token: _Token) -> str:
        return f"{problem}\n    {self.text}\n    {' ' * token.start}^"
