"""Symbolic numbers that answer every question with their hint and write the question down.

`HyperparameterEnv` is a ShapeEnv that replaces, refines and simplifies nothing; `SizeNode` is the
SymNode it makes. Nodes are interned by expression and operations are memoised in the environment,
so a model that computes the same size a thousand times pays for it once.
"""

# Methods of torch that are overridden keep its names and arguments.
# ruff: noqa: ARG002, D102

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, cast

import sympy
import torch
from torch.fx.experimental.sym_node import SymNode
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.utils._sympy import functions as torch_functions

from fxcost.errors import DataDependentError
from fxcost.program import Question
from fxcost.trace import layout
from fxcost.trace.arithmetic import (
    FLOAT_OPERATIONS,
    FLOAT_RESULTS,
    IDENTITIES,
    INTEGER_OPERATIONS,
    INTEGER_RESULTS,
    MATHEMATICS,
    PYTHON,
    RELATIONS,
    decided_by_sign,
)
from fxcost.trace.positions import Positions
from fxcost.trace.questions import PinnedError, asked, goes_to_a_kernel, negation, user_source

Number = int | float | bool
SYMBOLIC = (torch.SymInt, torch.SymFloat, torch.SymBool)


class SizeNode(SymNode):
    """A symbolic number with its expression and hint; a bool's expression implies its hint's answer.

    A bool node's `evidence` is a condition that is true at the hint and implies the node's answer.
    """

    shape_env: HyperparameterEnv
    evidence: sympy.Basic

    def binary(self, method: str, other: SizeNode) -> SizeNode:
        return self.shape_env.apply(method, self, other)

    def unary(self, method: str) -> SizeNode:
        return self.shape_env.apply(method, self)

    def __deepcopy__(self, memo: dict[int, Any]) -> SizeNode:
        return self  # a copied configuration asks the environment that is being traced, not a copy of it

    def with_shape_env(self, shape_env: ShapeEnv) -> SizeNode:
        return self

    def wrap_int(self, num: int) -> SizeNode:
        return self.shape_env.constant(num)

    def wrap_float(self, num: float) -> SizeNode:
        return self.shape_env.constant(num)

    def wrap_bool(self, num: bool) -> SizeNode:
        return self.shape_env.constant(num)

    def evaluate(self, size_oblivious: bool = False) -> Number:
        return self.shape_env.answer(self)

    def guard_int(self, file: str, line: int) -> int:
        return int(self.shape_env.answer(self))

    def guard_float(self, file: str, line: int) -> float:
        return float(self.shape_env.answer(self))

    def guard_bool(self, file: str, line: int) -> bool:
        return bool(self.shape_env.answer(self))

    def expect_true(self, file: str, line: int) -> bool:
        return bool(self.shape_env.answer(self))

    def guard_size_oblivious(self, file: str, line: int) -> bool:
        return bool(self.shape_env.answer(self))

    def guard_or_false(self, file: str, line: int) -> bool:
        return bool(self.shape_env.answer(self))

    def guard_or_true(self, file: str, line: int) -> bool:
        return bool(self.shape_env.answer(self))

    def statically_known_true(self, file: str, line: int) -> bool:
        return self.constant is True

    def maybe_as_int(self) -> int | None:
        return self.constant if isinstance(self.constant, int) else None

    def maybe_as_float(self) -> float | None:
        return self.constant if isinstance(self.constant, float) else None

    def maybe_as_bool(self) -> bool | None:
        return self.constant if isinstance(self.constant, bool) else None

    def is_constant(self) -> bool:
        return False

    def pos(self) -> SizeNode:
        return self

    def sym_int(self) -> SizeNode:
        return self.unary("trunc")

    def round(self, ndigits: int | None = None) -> SizeNode:
        if ndigits is None:
            return self.unary("round")
        return self.shape_env.apply("round_decimal", self, self.shape_env.constant(ndigits))

    def is_integer(self) -> SizeNode:
        floored = self.unary("floor").unary("sym_float")
        return floored.binary("eq", self)

    def sym_not(self) -> SizeNode:
        return self.shape_env.truth(not self.hint, self.evidence)

    def sym_and(self, other: Any) -> SizeNode:
        if self.pytype is not bool:
            return self.binary("bitwise_and", other)
        return self.shape_env.junction(self, other, decided_by=False)

    def sym_or(self, other: Any) -> SizeNode:
        if self.pytype is not bool:
            return self.binary("bitwise_or", other)
        return self.shape_env.junction(self, other, decided_by=True)

    def bitwise_xor(self, other: Any) -> SizeNode:
        return self.binary("ne" if self.pytype is bool else "bitwise_xor", other)

    and_ = bitwise_and = sym_and
    or_ = bitwise_or = sym_or
    xor = bitwise_xor

    def sym_ite(self, then_val: Any, else_val: Any) -> SizeNode:
        chosen: SizeNode = then_val if self.shape_env.answer(self) else else_val
        return chosen

    def sym_sum(self, args: list[Any]) -> SizeNode:
        total: SizeNode = args[0]
        for term in args[1:]:
            total = total.binary("add", term)
        return total


def _install_operations() -> None:
    binary = {*INTEGER_OPERATIONS, *FLOAT_OPERATIONS, *RELATIONS} - {
        "neg", "abs", "sym_float", "floor", "ceil", "trunc", "round", "bitwise_and", "bitwise_or",
        "bitwise_xor",
    }  # fmt: skip
    for method in binary:
        setattr(SizeNode, method, lambda self, other, method=method: self.binary(method, other))
    for method in ("neg", "abs", "sym_float", "floor", "ceil", "trunc"):
        setattr(SizeNode, method, lambda self, method=method: self.unary(method))
    for name in MATHEMATICS:
        method = f"sym_{name}"
        setattr(SizeNode, method, lambda self, method=method: self.unary(method))
    for name, integer in (("truediv", "int_truediv"), ("floordiv", "int_floordiv")):
        setattr(SizeNode, name, getattr(SizeNode, integer))
    for name, predicate in layout.PREDICATES.items():
        setattr(
            SizeNode,
            name,
            lambda self, sizes, strides, predicate=predicate: self.shape_env.layout(
                predicate, sizes, strides
            ),
        )


_install_operations()


class HyperparameterEnv(ShapeEnv):
    """Answers every question with the hint; `questions` holds each one once, in order.

    Args:
        counters: By hyperparameter, the one value that may be fixed; another one ends the trace.

    Attributes:
        looked_up: The hyperparameters by which something is looked up, such as the entry of a dict.
    """

    def __init__(self, counters: Mapping[str, int] = MappingProxyType({})) -> None:
        super().__init__(duck_shape=False, specialize_zero_one=False)
        self.counters = counters
        self.hints: dict[sympy.Symbol, Number] = {}
        self.questions: dict[sympy.Basic, Question] = {}
        self.alternatives: Any = None
        self.looked_up: dict[str, None] = {}
        self.positions = Positions()
        self.memo: dict[tuple[object, ...], SizeNode] = {}
        self.nodes: dict[tuple[object, ...], SizeNode] = {}

    def hyperparameter(self, symbol: sympy.Symbol, hint: int | float) -> torch.SymInt | torch.SymFloat:
        """Return the symbolic number that stands for a hyperparameter."""
        self.hints[symbol] = hint
        node = self.node(symbol, type(hint), hint)
        return torch.SymFloat(node) if isinstance(hint, float) else torch.SymInt(node)

    def node(self, expression: sympy.Basic, pytype: type, hint: Number) -> SizeNode:
        key = (expression, pytype)
        known = self.nodes.get(key)
        if known is None:
            constant = hint if expression.is_Number else None
            known = self.nodes[key] = SizeNode(expression, self, pytype, pytype(hint), constant)
        return known

    def constant(self, value: Number) -> SizeNode:
        key = (type(value), value)
        known = self.nodes.get(key)
        if known is None:
            known = self.nodes[key] = SizeNode(sympy.sympify(value), self, type(value), value, value)
            known.evidence = sympy.true
        return known

    def truth(self, answer: bool, evidence: sympy.Basic) -> SizeNode:
        """Return the bool node that answers `answer` wherever `evidence` holds."""
        if evidence is sympy.true:
            return self.constant(answer)
        key = (evidence, answer)
        known = self.nodes.get(key)
        if known is None:
            known = self.nodes[key] = SizeNode(
                evidence if answer else sympy.Not(evidence), self, bool, answer
            )
            known.evidence = evidence
        return known

    def junction(self, left: SizeNode, right: SizeNode, *, decided_by: bool) -> SizeNode:
        """Return `and` (decided by False) or `or` (decided by True) of two bool nodes."""
        for side in (left, right):
            if side.hint is decided_by:
                return self.truth(decided_by, side.evidence)
        return self.truth(not decided_by, sympy.And(left.evidence, right.evidence, evaluate=False))

    def apply(self, method: str, *operands: SizeNode) -> SizeNode:
        """Return the node of an operation, made once for the same operands."""
        key = (method, *operands)
        known = self.memo.get(key)
        if known is None:
            known = self.memo[key] = self._make(method, operands)
        return known

    def _make(self, method: str, operands: tuple[SizeNode, ...]) -> SizeNode:
        first = operands[0]
        if method in RELATIONS:
            return self._compare(method, *operands)
        if (first.pytype, method) in IDENTITIES:
            return first
        if all(operand.constant is not None for operand in operands) and method in PYTHON:
            return self.constant(PYTHON[method](*(operand.constant for operand in operands)))
        arguments = tuple(operand._expr for operand in operands)
        hints: tuple[Any, ...] = tuple(operand.hint for operand in operands)
        if method == "round_decimal":
            value: Number = round(*hints)
            return self.node(torch_functions.RoundDecimal(*arguments), type(value), value)
        if method.removeprefix("sym_") in MATHEMATICS:
            return self._mathematics(method.removeprefix("sym_"), first)
        floating = any(operand.pytype is float for operand in operands)
        table = FLOAT_OPERATIONS if floating else INTEGER_OPERATIONS
        if method not in table:
            return self._pinned(method, operands)
        pytype = float if method in FLOAT_RESULTS else int if method in INTEGER_RESULTS else first.pytype
        return self.node(table[method](*arguments), pytype, PYTHON[method](*hints))

    def _pinned(self, method: str, operands: tuple[SizeNode, ...]) -> SizeNode:
        values = [self.answer(operand) for operand in operands]
        return self.constant(PYTHON[method](*values))

    def _mathematics(self, name: str, operand: SizeNode) -> SizeNode:
        return self.node(MATHEMATICS[name](operand._expr), float, getattr(math, name)(operand.hint))

    def _compare(self, method: str, left: SizeNode, right: SizeNode) -> SizeNode:
        answer = PYTHON[method](left.hint, right.hint)
        if left is right or (left.constant is not None and right.constant is not None):
            return self.constant(bool(answer))
        if left.pytype is bool:
            return self.truth(answer, sympy.And(left.evidence, right.evidence))
        if left._expr == right._expr or decided_by_sign(left._expr, right._expr):
            return self.constant(bool(answer))
        relation = RELATIONS[method](left._expr, right._expr, evaluate=False)
        return self.truth(bool(answer), relation if answer else negation(relation))

    def layout(self, predicate: layout.Predicate, sizes: list[SizeNode], strides: list[SizeNode]) -> SizeNode:
        """Return a memory-layout predicate's answer as a constant, keeping what it rests on."""
        key = (predicate, *sizes, None, *strides)
        known = self.memo.get(key)
        if known is None:
            answer, grounds = predicate(list(sizes), list(strides))
            known = self.memo[key] = self.constant(answer)
            for ground in cast("list[SizeNode]", grounds):
                self.answer(ground)
        return known

    def answer(self, node: SizeNode) -> Number:
        """Return a node's hint and keep the question."""
        if node.hint is None:
            raise DataDependentError(
                f"{user_source()}: this line asks for a number that only data decides ({node._expr})"
            )
        if node.constant is not None:
            return node.constant
        if node.pytype is bool:
            self._keep(node.evidence, pinned=False)
        elif not (node.pytype is float and goes_to_a_kernel(sys._getframe(1))):
            self._keep(sympy.Eq(node._expr, sympy.sympify(node.hint), evaluate=False), pinned=True)
        return cast("Number", node.hint)

    def _keep(self, condition: sympy.Basic, *, pinned: bool) -> None:
        if condition in self.questions:
            return
        if pinned:
            self._check_counter(condition)
        earlier = None
        if self.alternatives is not None:
            before, condition = self.alternatives.gates.asked(condition)
            earlier = self.questions.pop(before, None) if before != condition else None
        if condition not in self.questions:
            question = asked(condition, pinned=pinned) if earlier is None else earlier
            self.questions[condition] = replace(question, condition=condition)

    def _check_counter(self, condition: sympy.Basic) -> None:
        if len(condition.free_symbols) != 1:
            return
        (symbol,) = condition.free_symbols
        value = self.counters.get(symbol.name, self.hints[symbol])
        if value != self.hints[symbol] and condition.xreplace({symbol: sympy.Integer(value)}) == sympy.false:
            raise PinnedError(symbol.name)

    def assume(self, condition: sympy.Basic) -> None:
        """Keep a condition that a rule of the tracer, not a question, rests on."""
        self._keep(condition, pinned=True)

    def keep(self, condition: sympy.Basic) -> None:
        """Keep a condition, true at the hint, that the model asks for."""
        if condition is not sympy.true:
            self._keep(condition, pinned=False)

    def evaluate_sym_node(
        self, sym_node: Any, size_oblivious: bool = False, fallback_value: bool | None = None
    ) -> Number:
        return self.answer(sym_node)

    def evaluate_expr(
        self, orig_expr: sympy.Basic, hint: Number | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        value = self.size_hint(orig_expr) if hint is None else hint
        if orig_expr.is_Number or orig_expr in (sympy.true, sympy.false):
            return value
        condition = sympy.Eq(orig_expr, value, evaluate=False)
        if orig_expr.is_Boolean or orig_expr.is_Relational:
            condition = orig_expr if value else negation(orig_expr)
        self._keep(condition, pinned=not isinstance(value, bool))
        return value

    def guard_or_defer_runtime_assert(self, expr: sympy.Basic, msg: str, fx_node: object = None) -> bool:  # type: ignore[override]
        return bool(self.evaluate_expr(expr))

    def _maybe_evaluate_static(self, expr: sympy.Basic, *, compute_hint: bool = False, **kwargs: Any) -> Any:  # type: ignore[override]
        if compute_hint:
            return self.size_hint(expr)
        return expr if expr.is_Number or expr in (sympy.true, sympy.false) else None

    def size_hint(self, expr: Any, *, allow_none: bool = False) -> Any:  # type: ignore[override]
        value = expr.xreplace({symbol: sympy.sympify(hint) for symbol, hint in self.hints.items()})
        return bool(value) if value in (sympy.true, sympy.false) else value

    def create_unbacked_symint(self, *args: Any, **kwargs: Any) -> Any:
        raise DataDependentError(f"{user_source()}: only data decides the size of a tensor made here")

    create_unbacked_symfloat = create_unbacked_symbool = create_unbacked_symint

    def replace(self, expr: Any) -> Any:  # type: ignore[override]
        return expr

    def simplify(self, expr: Any, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        return expr
