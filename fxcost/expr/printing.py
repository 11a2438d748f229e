"""Print expressions to be read: as Python, and as LaTeX, with what is common taken out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import sympy
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter
from torch.utils._sympy.functions import FloorDiv

from fxcost.expr.grouping import grouped, simplified_fractions

if TYPE_CHECKING:
    from fxcost.expr.polynomial import Polynomial


def text(polynomial: Polynomial) -> str:
    """Return a polynomial as Python, with what is common taken out and exact fractions as `//`.

    >>> from fxcost.expr.polynomial import Atom, Polynomial
    >>> d, w = (Polynomial.of_atom(Atom.variable(sympy.Symbol(name))) for name in ("depth", "width"))
    >>> print(text(d * (12 * w**2 + 13 * w) + 7 * w))
    depth*(12*width**2 + 13*width) + 7*width
    """
    floor = partial(FloorDiv, evaluate=False)
    return python(grouped(simplified_fractions(polynomial, floor)), order="none")


def latex_of(polynomial: Polynomial) -> str:
    r"""Return a polynomial as LaTeX, with what is common taken out.

    >>> from fxcost.expr.polynomial import Atom, Polynomial
    >>> print(latex_of(3 * Polynomial.of_atom(Atom.variable(sympy.Symbol("width"))) ** 2))
    3 \mathit{width}^{2}
    """
    return latex(grouped(simplified_fractions(polynomial, lambda over, under: over / under)), order="none")


def python(expression: sympy.Basic, order: str | None = None) -> str:
    """Return an expression or a condition as Python; with order "none", sums in the order they have.

    >>> from torch.utils._sympy.functions import FloorDiv, Max, PythonMod
    >>> x, y = sympy.symbols("x y", integer=True)
    >>> print(python(sympy.Eq(PythonMod(x + 1, y), 0) & (Max(x, 2 * FloorDiv(x, y)) > 3)))
    (x + 1) % y == 0 and max(x, 2*(x//y)) > 3
    """
    return str(_Python({"order": order}).doprint(expression))


def latex(expression: sympy.Basic, order: str | None = None) -> str:
    r"""Return an expression as LaTeX.

    >>> from torch.utils._sympy.functions import FloorDiv
    >>> x, y = sympy.symbols("x y", integer=True)
    >>> print(latex(2 * FloorDiv(x, y)))
    2 \left\lfloor{\frac{x}{y}}\right\rfloor
    """
    return str(_Latex({"order": order}).doprint(expression))


def _infix(operator: str, level: str = "Mul") -> Callable[[Any, Any], str]:
    """Print an operator that groups from the left."""

    def printed(_: Any, expression: Any) -> str:
        inner = _Python()
        left, right = expression.args
        first = inner.parenthesize(left, PRECEDENCE[level], strict=True)
        return f"{first}{operator}{inner.parenthesize(right, PRECEDENCE[level])}"

    return printed


def _call(name: str) -> Callable[[Any, Any], str]:
    return lambda _, expression: f"{name}({_Python().stringify(expression.args, ', ')})"


def _first(printer: Any, expression: Any) -> str:
    return str(printer._print(expression.args[0]))


def _joined(operator: str) -> Callable[[Any, Any], str]:
    def printed(printer: Any, expression: Any) -> str:
        arguments = sorted(expression.args, key=sympy.default_sort_key)
        return operator.join(printer.parenthesize(argument, PRECEDENCE["And"]) for argument in arguments)

    return printed


def _where(printer: Any, expression: Any) -> str:
    condition, chosen, other = (printer._print(argument) for argument in expression.args)
    return f"{chosen} if {condition} else {other}"


def _piecewise(printer: Any, expression: Any) -> str:
    *pairs, last = expression.args
    chain = "".join(f"{printer._print(value)} if {printer._print(test)} else " for value, test in pairs)
    return f"({chain}{printer._print(last[0])})"


def _relation(printer: Any, expression: Any) -> str:
    left, right = (printer.parenthesize(side, PRECEDENCE["And"]) for side in expression.args)
    return f"{left} {expression.rel_op} {right}"


_PYTHON: Mapping[str, Callable[[Any, Any], str]] = {
    "FloorDiv": _infix("//"),
    "CleanDiv": _infix("//"),
    "Mod": _infix(" % "),
    "PythonMod": _infix(" % "),
    "FloatTrueDiv": _infix("/"),
    "IntTrueDiv": _infix("/"),
    "FloatAdd": _infix(" + ", "Add"),
    "FloatSub": _infix(" - ", "Add"),
    "FloatMul": _infix("*"),
    "FloatPow": _infix("**", "Func"),
    "PowByNatural": _infix("**", "Func"),
    "FloatNeg": lambda printer, expression: f"-{printer.parenthesize(expression.args[0], PRECEDENCE['Mul'])}",
    "BitwiseFn_bitwise_and": _infix(" & ", "BitwiseAnd"),
    "BitwiseFn_bitwise_or": _infix(" | ", "BitwiseOr"),
    "BitwiseFn_bitwise_xor": _infix(" ^ ", "BitwiseXor"),
    "Identity": _first,
    "Max": _call("max"),
    "Min": _call("min"),
    "Abs": _call("abs"),
    "TruncToInt": _call("int"),
    "ToFloat": _call("float"),
    "RoundToInt": _call("round"),
    "RoundDecimal": _call("round"),
    "FloorToInt": _call("floor"),
    "CeilToInt": _call("ceil"),
    "ceiling": _call("ceil"),
    "TruncToFloat": _call("trunc"),
    "Log": _call("log"),
    "Log10": _call("log10"),
    "Hypot": _call("hypot"),
    "Gcd": _call("gcd"),
    "Float": lambda _, expression: repr(float(expression)),
    "Not": lambda printer, expression: f"not ({_first(printer, expression)})",
    "And": _joined(" and "),
    "Or": _joined(" or "),
    "Where": _where,
    "ITE": _where,
    "Piecewise": _piecewise,
    "Equality": _relation,
    "Unequality": _relation,
    "StrictLessThan": _relation,
    "LessThan": _relation,
    "StrictGreaterThan": _relation,
    "GreaterThan": _relation,
}


class _Python(StrPrinter):  # type: ignore[misc]
    """SymPy's printer with Python's spelling of the functions that traces hold."""

    def _print(self, expression: Any, **settings: Any) -> str:
        name = type(expression).__name__.removeprefix("OpaqueUnaryFn_")
        rule = _PYTHON.get(name)
        if rule is not None:
            return rule(self, expression)
        if name != type(expression).__name__:
            return _call(name)(self, expression)
        return str(super()._print(expression, **settings))


def _latex_floor(_: Any, expression: Any) -> str:
    base, divisor = (latex(argument) for argument in expression.args)
    return rf"\left\lfloor{{\frac{{{base}}}{{{divisor}}}}}\right\rfloor"


def _latex_remainder(printer: Any, expression: Any) -> str:
    base, divisor = (printer.parenthesize(argument, PRECEDENCE["Mul"]) for argument in expression.args)
    return rf"\left({base} \bmod {divisor}\right)"


def _latex_symbol(_: Any, symbol: Any) -> str:
    name = symbol.name.replace("_", r"\_")
    return rf"\mathit{{{name}}}" if len(symbol.name) > 1 else name


_LATEX: Mapping[str, Callable[[Any, Any], str]] = {
    "FloorDiv": _latex_floor,
    "CleanDiv": _latex_floor,
    "Mod": _latex_remainder,
    "PythonMod": _latex_remainder,
    "Symbol": _latex_symbol,
}


class _Latex(LatexPrinter):  # type: ignore[misc]
    """SymPy's LaTeX with floors and remainders as mathematics writes them."""

    def _print(self, expression: Any, **settings: Any) -> str:
        rule = _LATEX.get(type(expression).__name__)
        if rule is None:
            return str(super()._print(expression, **settings))
        exponent = settings.get("exp")
        return rule(self, expression) + (f"^{{{exponent}}}" if exponent else "")

    def _needs_mul_brackets(self, expression: Any, first: bool = False, last: bool = False) -> bool:
        if type(expression).__name__ in _LATEX:
            return False
        return bool(super()._needs_mul_brackets(expression, first=first, last=last))
