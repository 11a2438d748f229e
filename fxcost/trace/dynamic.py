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
from fxcost.trace.asking import Asked, Asker, Room, room_of
from fxcost.trace.questions import negation
from fxcost.trace.symbols import HyperparameterEnv

WORDS = {
    Asked.SIZE: "makes a tensor whose size only data decides",
    Asked.NUMBER: "asks for a tensor's value, which only data decides",
    Asked.TRUTH: "asks whether a tensor is true, which only data decides",
}


class AnsweringEnv(HyperparameterEnv):
    """Asks `new_size`, while it is set, for a size that data decides."""

    new_size: Callable[[], torch.SymInt] | None = None

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
        asker = Asker.running()
        raise DataDependentError(
            f"{asker.source}: this line asks for a tensor's value, which depends on weights or inputs; "
            "leave it a tensor, without .item(); a branch on a comparison of tensors can be declared: "
            f"{asker.advice(Asked.TRUTH)}"
        )

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
            raise ValueError(f"{number.node._expr} is at most {room.size} here, which is {room.hint}")

    def _next(self, asked: Asked, room: Room | None = None) -> str:
        """Return the hyperparameter that answers the running line."""
        asker = Asker.running()
        matching = self._matching(asked, asker)
        if not matching:
            raise self._undeclared(asked, asker, room)
        declaration = matching[0]
        name = declaration.names[self._uses[declaration.name] % len(declaration.names)]
        self._uses[declaration.name] += 1
        self.used.add(name)
        return name

    def _matching(self, asked: Asked, asker: Asker) -> list[Dynamic]:
        return [each for each in self._here(asker) if each.is_branch is (asked is Asked.TRUTH)]

    def _here(self, asker: Asker) -> list[Dynamic]:
        return [each for each in self._declarations if any(map(asker.is_at, each.places))]

    def _undeclared(self, asked: Asked, asker: Asker, room: Room | None) -> Exception:
        what = f"{asker.source}: this line {WORDS[asked]}"
        for declaration in self._here(asker):
            change = "leave the bounds out" if asked is Asked.TRUTH else "give it bounds, as of an fc.Int"
            return DeclarationError(f"{what}, but it is declared as {declaration}; {change}")
        advice = asker.advice(asked, room)
        return DataDependentError(f"{what}; take it out of the model, or declare what it may be: {advice}")
