"""Conditions written as text: parsed, checked node by node and interpreted, never run as code."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from fxcost.errors import DeclarationError

_BINARY: Mapping[type[ast.operator], Callable[..., object]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.FloorDiv: operator.floordiv,
        ast.Mod: operator.mod,
        ast.Pow: operator.pow,
    }
)
_UNARY: Mapping[type[ast.unaryop], Callable[..., object]] = MappingProxyType(
    {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_}
)
_COMPARISONS: Mapping[type[ast.cmpop], Callable[..., object]] = MappingProxyType(
    {
        ast.Eq: operator.eq,
        ast.NotEq: operator.ne,
        ast.Lt: operator.lt,
        ast.LtE: operator.le,
        ast.Gt: operator.gt,
        ast.GtE: operator.ge,
        ast.In: lambda item, options: item in options,
        ast.NotIn: lambda item, options: item not in options,
    }
)
_CALLS: Mapping[str, Callable[..., object]] = MappingProxyType({"min": min, "max": max, "abs": abs})

_ADVICE: Mapping[type[ast.AST], str] = MappingProxyType(
    {
        ast.Div: "/ rounds; write // or a product, such as 2 * heads <= width",
        ast.BitAnd: "write `and`",
        ast.BitOr: "write `or`",
        ast.BitXor: "write ** for a power",
        ast.Invert: "write `not`",
        ast.Is: "write ==",
        ast.IsNot: "write !=",
        ast.Call: "only min, max and abs can be called; write a lambda over the hyperparameters",
    }
)


@dataclass(frozen=True, slots=True)
class TextFunction:
    """A condition's text as a function of keyword arguments, which may be any objects with operators.

    As in Python, `and`, `or`, `not`, `in`, `min`, `max` and chained comparisons ask for the truth of their
    operands.
    """

    text: str
    tree: ast.expr = field(compare=False, repr=False)

    def __call__(self, **values: object) -> object:
        """Return what the text is worth at these values."""
        return _value(self.tree, values)

    @property
    def names(self) -> tuple[str, ...]:
        """The hyperparameters it names, in the order written."""
        nodes = [node for node in ast.walk(self.tree) if isinstance(node, ast.Name)]
        called = {id(node.func) for node in ast.walk(self.tree) if isinstance(node, ast.Call)}
        nodes.sort(key=lambda node: (node.lineno, node.col_offset))
        return tuple(dict.fromkeys(node.id for node in nodes if id(node) not in called))


def parse_text(text: str) -> TextFunction:
    """Return the condition that `text` writes.

    Raises:
        DeclarationError: The text is no expression, uses what conditions do not have, or is a number.

    >>> parse_text("width % heads == 0")(width=512, heads=8)
    True
    >>> parse_text("width % heads")
    Traceback (most recent call last):
    fxcost.errors.DeclarationError: "width % heads" is a number, no condition; write a comparison ...
    """
    tree = _parsed(text)
    _check_truth(tree, text.strip())
    return TextFunction(text.strip(), tree)


def parse_number(text: str) -> TextFunction:
    """Return the number over hyperparameters that `text` writes.

    Raises:
        DeclarationError: The text is no expression, or uses what conditions do not have.

    >>> parse_number("batch * seq")(batch=8, seq=16)
    128
    """
    return TextFunction(text.strip(), _parsed(text))


def _parsed(text: str) -> ast.expr:
    """Return a text's syntax, all of which `_value` knows."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", None) or str(error) or "it is nested too deeply"
        advice = "; write == to compare" if re.search("(?<![=!<>])=(?!=)", text) else ""
        raise DeclarationError(f'the condition "{text[:80]}" cannot be read: {reason}{advice}') from error
    _check(tree, text.strip())
    return tree


def _value(node: ast.expr, values: Mapping[str, object]) -> object:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return values[name]
        case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
            return tuple(_value(item, values) for item in items)
        case ast.UnaryOp(op=sign, operand=operand):
            return _UNARY[type(sign)](_value(operand, values))
        case ast.BinOp(left=left, op=sign, right=right):
            return _BINARY[type(sign)](_value(left, values), _value(right, values))
        case ast.BoolOp():
            return _first_decisive(node, values)
        case ast.Compare():
            return _chain(node, values)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _CALLS[name](*(_value(argument, values) for argument in arguments))
    raise TypeError(f"unchecked node {ast.dump(node)}")


def _first_decisive(node: ast.BoolOp, values: Mapping[str, object]) -> object:
    """Return what Python's `and` or `or` returns: the first operand that decides, or the last."""
    decisive = isinstance(node.op, ast.Or)
    for operand in node.values[:-1]:
        value = _value(operand, values)
        if bool(value) is decisive:
            return value
    return _value(node.values[-1], values)


def _chain(node: ast.Compare, values: Mapping[str, object]) -> object:
    """Return a comparison, or the first false link of a chain."""
    left, result = _value(node.left, values), None
    for position, (sign, operand) in enumerate(zip(node.ops, node.comparators, strict=True)):
        if position and not result:
            return result
        right = _value(operand, values)
        result = _COMPARISONS[type(sign)](left, right)
        left = right
    return result


def _check(node: ast.expr, text: str) -> None:
    """Refuse everything that `_value` does not know, and texts it cannot mean."""
    refused = _refused(node)
    if refused is not None:
        advice = _ADVICE.get(type(refused), "write a lambda over the hyperparameters")
        written = ast.get_source_segment(text, node) or text
        raise DeclarationError(f'the condition "{text}" cannot hold "{written}": {advice}')
    children = node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
    for child in children:
        if isinstance(child, ast.expr):
            _check(child, text)


def _refused(node: ast.expr) -> ast.AST | None:
    """Return the part of `node` itself that conditions do not have."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None):
            return None
        case ast.Name() | ast.BoolOp() | ast.Tuple() | ast.List() | ast.Set():
            return None
        case ast.UnaryOp(op=sign):
            return None if type(sign) in _UNARY else sign
        case ast.BinOp(op=sign):
            return None if type(sign) in _BINARY else sign
        case ast.Compare(ops=signs):
            return next((sign for sign in signs if type(sign) not in _COMPARISONS), None)
        case ast.Call(func=ast.Name(id=name), args=[_, *_], keywords=[]) if name in _CALLS:
            return None
    return node


def _check_truth(node: ast.expr, text: str) -> None:
    """Refuse a condition that is a number: `width % heads` is true where width is *not* divisible."""
    match node:
        case ast.BoolOp(values=parts):
            for part in parts:
                _check_truth(part, text)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            _check_truth(operand, text)
        case ast.Compare() | ast.Name():
            return
        case _:
            written = ast.get_source_segment(text, node) or text
            raise DeclarationError(
                f'"{written}" is a number, no condition; write a comparison such as "{written} == 0"'
            )
