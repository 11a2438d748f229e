"""The text of a condition written as a function, for messages."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable
from types import CodeType


def text_of(function: Callable[..., object], names: tuple[str, ...]) -> str:
    """Return a lambda's body, and a named function as a call.

    >>> def divides(width, heads):
    ...     return width % heads == 0
    >>> text_of(divides, ("width", "heads"))
    'divides(width, heads)'
    """
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType) or code.co_name != "<lambda>":
        return f"{getattr(function, '__name__', type(function).__name__)}({', '.join(names)})"
    body = _lambda_body(code)
    if body is None:
        return f"lambda {', '.join(names)}: ... ({code.co_filename}:{code.co_firstlineno})"
    return ast.unparse(body)


def _lambda_body(code: CodeType) -> ast.expr | None:
    """Return the smallest lambda body of the source file that holds all of the code's instructions."""
    try:
        tree = ast.parse("".join(linecache.getlines(code.co_filename)))
    except (SyntaxError, ValueError):
        return None
    bodies = [
        node.body
        for node in ast.walk(tree)
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno and _holds(node.body, code)
    ]
    return min(bodies, key=lambda body: _span(body)[1], default=None)


def _span(node: ast.expr) -> tuple[tuple[int, int], tuple[int, int]]:
    start = (node.lineno, node.col_offset)
    return start, (node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)


def _holds(body: ast.expr, code: CodeType) -> bool:
    start, end = _span(body)
    for line, end_line, column, end_column in code.co_positions():
        if line is None or end_line is None or column is None or end_column is None or column == end_column:
            continue
        if (line, column) < start or (end_line, end_column) > end:
            return False
    return True
