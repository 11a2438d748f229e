"""Limits as text: `peak_memory <= 24 GiB and flops <= 1 PFLOP`.

    limit       one part, or several with "or" between them
    part        one statement, or several with "and" between them
    statement   "not" statement | "(" limit ")" | quantity relation bound
    bound       an amount with its unit, or another quantity

`&`, `|` and `~` are read as well, so that what a verdict prints can be written again.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce

from fxcost.errors import DeclarationError, UnitError
from fxcost.quantity import Quantity
from fxcost.solve import Limit

RELATIONS: Mapping[str, Callable[[Quantity, object], Limit]] = {
    "<=": Quantity.__le__,
    "<": Quantity.__lt__,
    ">=": Quantity.__ge__,
    ">": Quantity.__gt__,
}
WORD_OF = {"&": "and", "|": "or", "~": "not"}
ENDS_A_BOUND = frozenset(("and", "or", "not", "(", ")", "", *RELATIONS))

_TOKEN = re.compile(r"[<>=!]+|[()&|~]|[^\s<>=!()&|~]+")


def limit_of(text: str, quantities: Mapping[str, Quantity]) -> Limit:
    """Return the limit that a text means.

    Args:
        text: Such as `"peak_memory <= 24 GiB and flops <= 1 PFLOP"`.
        quantities: What can be limited, by name.

    Raises:
        DeclarationError: The text cannot be read, or names something else; the message shows where.
        UnitError: A bound's unit is missing, ambiguous, or not its quantity's.

    Example:
        >>> limit_of("peak_memory < 24 GiB", {})
        Traceback (most recent call last):
        fxcost.errors.DeclarationError: there is no quantity peak_memory; the quantities are ...
            peak_memory < 24 GiB
            ^
    """
    reader = _Reader(text, quantities)
    limit = reader.limit()
    if reader.token.text:
        raise reader.error(f'"{reader.token.text}" is one too many; write "and" or "or" between comparisons')
    return limit


def quantity_of(name: str, quantities: Mapping[str, Quantity]) -> Quantity:
    """Return the quantity with a name.

    Raises:
        DeclarationError: There is none; the message says which are near.
    """
    if name in quantities:
        return quantities[name]
    near = difflib.get_close_matches(name, quantities, n=1, cutoff=0.5)
    advice = f"did you mean {near[0]}?" if near else f"the quantities are {', '.join(quantities)}"
    raise DeclarationError(f"there is no quantity {name}; {advice}")


@dataclass(frozen=True)
class _Token:
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class _Reader:
    """Reads a limit from left to right; each method reads one rule of the grammar above."""

    def __init__(self, text: str, quantities: Mapping[str, Quantity]) -> None:
        self.text = text
        self.quantities = quantities
        found = [_Token(match[0], match.start()) for match in _TOKEN.finditer(text)]
        self.tokens = [_Token(WORD_OF.get(token.text, token.text), token.start) for token in found]
        self.tokens.append(_Token("", len(text)))
        self.index = 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.index]

    def limit(self) -> Limit:
        parts = [self.part()]
        while self.takes("or"):
            parts.append(self.part())
        return reduce(operator.or_, parts)

    def part(self) -> Limit:
        statements = [self.statement()]
        while self.takes("and"):
            statements.append(self.statement())
        return reduce(operator.and_, statements)

    def statement(self) -> Limit:
        if self.takes("not"):
            return ~self.statement()
        if not self.takes("("):
            return self.comparison()
        inside = self.limit()
        if not self.takes(")"):
            raise self.error('a ")" is missing')
        return inside

    def comparison(self) -> Limit:
        quantity = self.quantity()
        relation = self.token
        if relation.text not in RELATIONS:
            raise self.error(f"write one of {', '.join(RELATIONS)} after {quantity.name}")
        self.index += 1
        first = self.token
        bound = self.bound(f"{quantity.name} {relation.text}", str(quantity.unit))
        try:
            return RELATIONS[relation.text](quantity, bound)
        except UnitError as error:
            raise UnitError(self.pointed(str(error), first)) from None

    def quantity(self) -> Quantity:
        if not self.token.text:
            raise self.error(f"a quantity is missing; the quantities are {', '.join(self.quantities)}")
        try:
            found = quantity_of(self.token.text, self.quantities)
        except DeclarationError as error:
            raise self.error(str(error)) from None
        self.index += 1
        return found

    def bound(self, before: str, unit: str) -> str | Quantity:
        """Read up to the next connective: amounts and their units are the units module's matter."""
        first = self.token
        while self.token.text not in ENDS_A_BOUND:
            self.index += 1
        if self.token is first:
            raise self.error(f"an amount in {unit}, or a quantity, is missing after {before}")
        written = self.text[first.start : self.tokens[self.index - 1].end]
        return self.quantities.get(written, written)

    def takes(self, word: str) -> bool:
        if self.token.text != word:
            return False
        self.index += 1
        return True

    def error(self, problem: str) -> DeclarationError:
        return DeclarationError(self.pointed(problem, self.token))

    def pointed(self, problem: str, token: _Token) -> str:
        return f"{problem}\n    {self.text}\n    {' ' * token.start}^"
