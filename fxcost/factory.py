"""`@fc.model`: binds a model factory to its space and its example batch."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from fxcost.errors import DeclarationError
from fxcost.space import AnyDomain, Dynamic, Space, with_dynamic

if TYPE_CHECKING:
    import torch

P = ParamSpec("P")
M = TypeVar("M", bound="torch.nn.Module")


class ModelFactory:
    """A factory with its space and example; called, it is the plain factory.

    Attributes:
        space: The hyperparameters' domains and conditions.
        example: Builds the example batch from hyperparameters, by name.
        loss: From the model's output to a scalar tensor, or None for the sum of the output.
        dynamic: What data decides; the space has it, the factory never sees it.
        factory_names: The hyperparameters that the factory takes.
        example_names: The hyperparameters that the example takes.
        __wrapped__: The factory itself.
    """

    def __init__(
        self,
        factory: Callable[..., Any],
        space: Space,
        example: Callable[..., Any],
        loss: Callable[[Any], Any] | None = None,
        dynamic: Sequence[Dynamic] = (),
    ) -> None:
        self.space = _with_dynamic(space, dynamic, factory)
        self.example = example
        self.loss = loss
        self.dynamic = tuple(dynamic)
        self.factory_names = _names_taken(factory, space, "the factory")
        self.example_names = _names_taken(example, space, "the example")
        unused = set(space.names) - {*self.factory_names, *self.example_names}
        if unused:
            raise DeclarationError(
                f"{_place(factory)}: {_listing(unused)} declared, but neither {factory.__name__}"
                f"{inspect.signature(factory)} nor the example{inspect.signature(example)} takes it; "
                "add it to one of them or take it out of the declaration"
            )
        functools.update_wrapper(self, factory)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Build the model, as the plain factory does."""
        return self.__wrapped__(*args, **kwargs)  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"<model factory {self.__name__}: {self.space}>"  # type: ignore[attr-defined]

    def within(self, **restriction: object) -> ModelFactory:
        """Return the same factory with a part of its space, as `Space.restrict` makes it."""
        part = copy.copy(self)
        part.space = self.space.restrict(**restriction)
        return part

    def check_answered(self, answered: Collection[str]) -> None:
        """Refuse a declaration of what data decides that nothing asked for.

        Args:
            answered: The hyperparameters that were asked for.

        Raises:
            DeclarationError: One of `dynamic` was not.
        """
        for declared in self.dynamic:
            unused = [name for name in declared.names if name not in answered]
            if not unused:
                continue
            asks = " or ".join(declared.places)
            if len(unused) < len(declared.names):
                fewer = len(declared.names) - len(unused)
                raise DeclarationError(
                    f"{self.place}: {declared}: {asks} asks for {fewer} of them; write each={fewer}"
                )
            raise DeclarationError(
                f"{self.place}: {declared} answers nothing: in no setting tried that is accepted does {asks} "
                "ask for what only data decides; name the line that an error names without it, or take it out"
            )

    @property
    def place(self) -> str:
        """The file and line of the factory."""
        return _place(self.__wrapped__)  # type: ignore[attr-defined]


def model(
    *,
    example: Callable[..., Any],
    loss: Callable[[Any], Any] | None = None,
    space: Space | Mapping[str, AnyDomain] | None = None,
    dynamic: Sequence[Dynamic] = (),
    **domains: AnyDomain,
) -> Callable[[Callable[P, M]], ModelFactory]:
    """Declare a model factory's hyperparameters and its example batch.

    Args:
        example: Builds the batch; its argument names are hyperparameters. Returns a tensor, a tuple of
            positional inputs, or a dict of keyword inputs.
        loss: From the model's output to a scalar tensor; if left out, the sum of the output or its `.logits`.
        space: A `Space`, where hyperparameters have conditions between them; instead of `domains`.
        dynamic: What data decides: one `Dynamic` for each size, number or branch, with the line that asks.
        domains: One domain per hyperparameter.

    Raises:
        DeclarationError: A hyperparameter is declared that nothing takes, or taken that is not declared.

    Example:
        >>> import torch, fxcost as fc
        >>> @fc.model(width=fc.Int(8, 64), batch=fc.Int(1, 32), example=lambda batch: torch.zeros(batch, 4))
        ... def net(width):
        ...     return torch.nn.Linear(4, width)
        >>> net(8)
        Linear(in_features=4, out_features=8, bias=True)
        >>> net.space
        Space(width=Int(8, 64), batch=Int(1, 32))
    """
    if not callable(example):
        raise DeclarationError(
            f"fc.model(example={example!r}): the example is a callable that builds the batch; "
            "write example=lambda batch: torch.zeros(batch, 3)"
        )
    if space is not None and domains:
        raise DeclarationError(f"fc.model: give space= or the domains ({', '.join(domains)}), not both")
    whole = space if isinstance(space, Space) else Space(**(space or domains))

    def bind(factory: Callable[P, M]) -> ModelFactory:
        return ModelFactory(factory, whole, example, loss, dynamic)

    return bind


def _with_dynamic(space: Space, dynamic: Sequence[Dynamic], factory: Callable[..., Any]) -> Space:
    try:
        return with_dynamic(space, dynamic)
    except DeclarationError as error:
        raise DeclarationError(f"{_place(factory)}: {error}") from None


def _names_taken(function: Callable[..., Any], space: Space, who: str) -> tuple[str, ...]:
    """Return the hyperparameters a callable takes, in its order."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        return space.names
    for parameter in parameters:
        if parameter.name not in space.names and parameter.default is inspect.Parameter.empty:
            raise DeclarationError(
                f"{_place(function)}: {who} takes {parameter.name}, which is not declared; declare it, "
                f"for example {parameter.name}=fc.Int(1, 64), or give it a default"
            )
    return tuple(p.name for p in parameters if p.name in space.names)


def _place(function: Callable[..., Any]) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else repr(function)


def _listing(names: set[str]) -> str:
    ordered = ", ".join(sorted(names))
    return f"{ordered} is" if len(names) == 1 else f"{ordered} are"
