"""Print expressions to be read: as Python, and as LaTeX, with what is common taken out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import sympy
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

if TYPE_CHECKING:
    from fxcost.expr.polynomial import Atom, Monomial, Polynomial


def text(polynomial: Polynomial) -> str:
    """Return a polynomial as Python.

    >>> from fxcost.expr.polynomial import Atom, Polynomial
    >>> d, w = (Polynomial.of_atom(Atom.variable(sympy.Symbol(name))) for name in ("depth", "width"))
    >>> print(text(d * (12 * w**2 + 13 * w) + 7 * w))
    depth*(12*width**2 + 13*width) + 7*width
    """
    return python(factored(polynomial), order="none")


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


def factored(polynomial: Polynomial) -> sympy.Expr:
    """Return a polynomial with shared factors taken out, as an unevaluated SymPy expression."""
    terms = sorted(polynomial.terms.items(), key=_rank)
    return _grouped(terms)


def _rank(term: tuple[Monomial, int]) -> Any:
    """Sort by descending degree, then by name, the constant last."""
    monomial, _ = term
    return -sum(exponent for _, exponent in monomial), [(atom.key, -exponent) for atom, exponent in monomial]


def _grouped(terms: list[tuple[Monomial, int]]) -> sympy.Expr:
    if len(terms) < 3:
        return _sum([_term(monomial, coefficient) for monomial, coefficient in terms])
    shared = _linear_factor(terms)
    if shared is None:
        return _sum([_term(monomial, coefficient) for monomial, coefficient in terms])
    inside = [(_without(monomial, shared), value) for monomial, value in terms if (shared, 1) in monomial]
    outside = [(monomial, value) for monomial, value in terms if (shared, 1) not in monomial]
    group = _product([shared.expression, _grouped(sorted(inside, key=_rank))])
    rest = _grouped(outside) if outside else None
    if rest is None:
        return group
    return _sum([group, *(rest.args if isinstance(rest, sympy.Add) else [rest])])


def _linear_factor(terms: list[tuple[Monomial, int]]) -> Atom | None:
    """Return the atom, never raised to a power, that most terms share: at least two of them."""
    counts: dict[Atom, int] = {}
    powers: set[Atom] = set()
    for monomial, _ in terms:
        for atom, exponent in monomial:
            counts[atom] = counts.get(atom, 0) + 1
            if exponent > 1:
                powers.add(atom)
    shared = [atom for atom, count in counts.items() if count > 1 and atom not in powers]
    return min(shared, key=lambda atom: (-counts[atom], atom.key), default=None)


def _without(monomial: Monomial, shared: Atom) -> Monomial:
    return tuple(factor for factor in monomial if factor[0] != shared)


def _term(monomial: Monomial, coefficient: int) -> sympy.Expr:
    factors = [_power(atom.expression, exponent) for atom, exponent in monomial]
    if coefficient == 1 and factors:
        return _product(factors)
    return _product([sympy.Integer(coefficient), *factors])


def _power(base: sympy.Expr, exponent: int) -> sympy.Expr:
    return base if exponent == 1 else sympy.Pow(base, exponent, evaluate=False)


def _product(factors: list[sympy.Expr]) -> sympy.Expr:
    flat = [part for factor in factors for part in (factor.args if factor.is_Mul else (factor,))]
    return sympy.Mul(*flat, evaluate=False) if len(flat) > 1 else flat[0]


def _sum(terms: list[sympy.Expr]) -> sympy.Expr:
    return sympy.Add(*terms, evaluate=False) if len(terms) > 1 else (terms or [sympy.S.Zero])[0]


def _infix(operator: str) -> Callable[[Any, Any], str]:
    def printed(_: Any, expression: Any) -> str:
        inner = _Python()
        left, right = (inner.parenthesize(argument, PRECEDENCE["Mul"]) for argument in expression.args)
        return f"{left}{operator}{right}"

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
    "FloatAdd": _infix(" + "),
    "FloatSub": _infix(" - "),
    "FloatMul": _infix("*"),
    "FloatPow": _infix("**"),
    "PowByNatural": _infix("**"),
    "FloatNeg": lambda printer, expression: f"-{printer.parenthesize(expression.args[0], PRECEDENCE['Mul'])}",
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
