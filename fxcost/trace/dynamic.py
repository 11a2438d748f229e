"""What data decides, answered with what the user has declared for the line that asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, cast

import sympy
import torch

from fxcost.errors import DataDependentError, DeclarationError
from fxcost.expr import Domain, conditions
from fxcost.space import Config, Dynamic
from fxcost.trace.arithmetic import RELATIONS
from fxcost.trace.asking import Asked, Asker, Room, room_of
from fxcost.trace.questions import negation
from fxcost.trace.symbols import HyperparameterEnv, Number, SizeNode

WORDS = {
    Asked.SIZE: "makes a tensor whose size only data decides",
    Asked.NUMBER: "asks for a tensor's value, which only data decides",
    Asked.TRUTH: "asks whether a tensor is true, which only data decides",
}


MOST_ANSWERS = 1000
"""A line that asks more often whether a tensor is true is a loop that its answers never end."""


class DataNode(SizeNode):
    """A number that only data decides, or a comparison of one; the hint is no value of it."""


class AnsweringEnv(HyperparameterEnv):
    """Hands on what only data decides.

    Attributes:
        new_size: Says, while it is set, what a size is.
        truth_of_data: Says whether a comparison of data holds.
    """

    new_size: Callable[[], torch.SymInt] | None = None
    truth_of_data: Callable[[], bool] | None = None

    def data_number(self) -> torch.SymFloat:
        """Return a float that can only be compared."""
        return torch.SymFloat(DataNode(sympy.Dummy("data"), self, float, 1.0))

    def apply(self, method: str, *operands: SizeNode) -> SizeNode:
        """Return the node of an operation."""
        if not any(isinstance(operand, DataNode) for operand in operands):
            return super().apply(method, *operands)
        pytype = bool if method in RELATIONS else float
        return DataNode(sympy.Dummy("data"), self, pytype, pytype(1))

    def answer(self, node: SizeNode) -> Number:
        """Return a node's hint and keep the question; of a comparison of data, what is declared."""
        if not isinstance(node, DataNode):
            return super().answer(node)
        if node.pytype is bool and self.truth_of_data is not None:
            return self.truth_of_data()
        raise number_of_data()

    def create_unbacked_symint(self, *args: Any, **kwargs: Any) -> Any:
        """Return a size that data decides."""
        return super().create_unbacked_symint(*args, **kwargs) if self.new_size is None else self.new_size()

    def _constrain_range_for_size(self, *_: Any, **__: Any) -> None:
        """Leave a declared size the range that the space gives it."""


class DataAnswers:
    """Answers what data decides in one trace.

    Attributes:
        used: The hyperparameters that have been an answer.
    """

    def __init__(
        self, env: AnsweringEnv, domain: Domain, hint: Config, declarations: Sequence[Dynamic]
    ) -> None:
        self.used: set[str] = set()
        self._env = env
        self._domain = domain
        self._hint = hint
        self._declarations = declarations
        self._uses: Counter[str] = Counter()
        self._operator = ""
        env.truth_of_data = self._truth

    @cached_property
    def _declared(self) -> list[sympy.Basic]:
        return [conditions.of_callable(each, self._domain) for each in self._domain.space.conditions]

    def result(self, operator: torch._ops.OpOverload, args: Sequence[Any], run: Callable[[], Any]) -> Any:
        """Run an operator whose result's size, or whose answer, data decides.

        Args:
            operator: What runs.
            args: Its arguments.
            run: Runs it.

        Raises:
            DataDependentError: Nothing is declared for the line that asks.
        """
        if str(operator._schema.returns[0].type) == "bool":
            return self._truth()
        room = room_of(operator, args)
        self._operator = str(operator)
        self._env.new_size = lambda: self._size(room)
        try:
            return run()
        finally:
            self._env.new_size = None

    def element(self, tensor: torch.Tensor) -> Any:
        """Return what `.item()` of a tensor gives.

        Raises:
            DataDependentError: Nothing is declared for the line that asks, or the value is no integer.
        """
        if Asked.of(tensor) is Asked.TRUTH:
            return self._truth()
        if not (tensor.is_floating_point() or tensor.is_complex()):
            return self._number(Asked.NUMBER)
        if any(declaration.is_branch for declaration in self._declarations):
            return self._env.data_number()
        raise number_of_data()

    def declares(self, asked: Asked) -> bool:
        """Tell whether something is declared for what the running line asks."""
        return bool(self._matching(asked, Asker.running()))

    def _truth(self) -> bool:
        """Return the answer of a branch, which becomes a condition of what is traced."""
        name = self._next(Asked.TRUTH)
        symbol, answer = self._domain.symbols[name], self._hint[name]
        self._env.hints[symbol] = self._domain.encode(self._hint)[name]
        self._env.assume(sympy.Eq(symbol, self._env.hints[symbol], evaluate=False))
        return bool(answer)

    def _size(self, room: Room | None) -> torch.SymInt:
        number = self._number(Asked.SIZE, room)
        if room is not None:
            self._keep_within(number, room)
        return number

    def _number(self, asked: Asked, room: Room | None = None) -> torch.SymInt:
        name = self._next(asked, room)
        number = self._env.hyperparameter(self._domain.symbols[name], cast("int", self._hint[name]))
        return cast("torch.SymInt", number)

    def _keep_within(self, number: torch.SymInt, room: Room) -> None:
        """Refuse settings in which more is selected than there is."""
        condition = sympy.Le(number.node._expr, room.size, evaluate=False)
        if condition in self._declared:
            return
        fits = cast("int", number.node.hint) <= room.hint
        self._env.keep(condition if fits else negation(condition))
        if not fits:
            raise ValueError(f"{number.node._expr} is at most {room.size} here")

    def _next(self, asked: Asked, room: Room | None = None) -> str:
        """Return the hyperparameter that answers the running line."""
        asker = Asker.running()
        matching = self._matching(asked, asker)
        if not matching:
            raise self._undeclared(asked, asker, room)
        declaration = matching[0]
        name = declaration.names[self._uses[declaration.name] % len(declaration.names)]
        self._uses[declaration.name] += 1
        if asked is Asked.TRUTH and self._uses[declaration.name] > MOST_ANSWERS:
            raise ValueError(f"asked {MOST_ANSWERS} times whether to go on, answered as {declaration} says")
        self.used.add(name)
        return name

    def _matching(self, asked: Asked, asker: Asker) -> list[Dynamic]:
        return [each for each in self._here(asker) if each.is_branch is (asked is Asked.TRUTH)]

    def _here(self, asker: Asker) -> list[Dynamic]:
        return [each for each in self._declarations if any(map(asker.is_at, each.places))]

    def _undeclared(self, asked: Asked, asker: Asker, room: Room | None) -> Exception:
        named = f" ({self._operator})" if asked is Asked.SIZE else ""
        what = f"{asker.source}: this line {WORDS[asked]}{named}"
        for declaration in self._here(asker):
            change = "leave the bounds out" if asked is Asked.TRUTH else "give it bounds, as of an fc.Int"
            return DeclarationError(f"{what}, but it is declared as {declaration}; {change}")
        advice = asker.advice(asked, room)
        return DataDependentError(f"{what}; take it out of the model, or declare what it may be: {advice}")


def number_of_data() -> DataDependentError:
    """Return the error for the running line, which asks for a number that is no integer."""
    asker = Asker.running()
    return DataDependentError(
        f"{asker.source}: this line asks for a tensor's value, which depends on weights or inputs; "
        "leave it a tensor, or compare it (`if tensor > 0:`) and declare the answer: "
        f"{asker.advice(Asked.TRUTH)}, or make it an integer (`tensor.long()`) and declare its bounds"
    )
