"""`fc.Switch`: one of several modules, chosen by a hyperparameter."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import sympy
import torch
from torch import nn

from fxcost.errors import DeclarationError
from fxcost.trace.gates import Gates
from fxcost.trace.options import Option
from fxcost.trace.questions import negation
from fxcost.trace.symbols import HyperparameterEnv


class Switch(nn.Module):
    """The module that a hyperparameter chooses; only that one is built.

    While a model is traced, the alternatives of a symbolic choice are traced together, each under the
    condition that it is the chosen one: a network of many switches has one closed form.

    Args:
        choice: A hyperparameter, or a comparison of hyperparameters.
        alternatives: By value of the choice, a module or what builds it when called; a sequence's values are
            its positions.

    Raises:
        DeclarationError: There is no alternative for the choice.

    Example:
        >>> switch = Switch("gelu", {"relu": nn.ReLU, "gelu": nn.GELU})
        >>> switch
        Switch(
          (gelu): GELU(approximate='none')
        )
    """

    def __init__(
        self,
        choice: Any,
        alternatives: Mapping[Any, nn.Module | Callable[[], nn.Module]]
        | Sequence[nn.Module | Callable[[], nn.Module]],
    ) -> None:
        super().__init__()
        if not isinstance(alternatives, Mapping):
            alternatives = dict(enumerate(alternatives))
        if not alternatives:
            raise DeclarationError(f"Switch({choice!r}, {{}}): there is nothing to choose from")
        env, conditions = conditions_of(choice, list(alternatives))
        builders = {key: _builder(each) for key, each in alternatives.items()}
        self._traced: tuple[Any, tuple[sympy.Basic, ...]] | None = None
        if env is None:
            chosen = _plain(choice)
            if chosen not in builders:
                known = ", ".join(map(repr, builders))
                raise DeclarationError(f"Switch({chosen!r}, ...): no alternative for it; there are {known}")
            self._add(chosen, builders[chosen]())
            return
        self._hold(env, env.alternatives.built(conditions, builders))

    @classmethod
    def among(cls, env: HyperparameterEnv, modules: Mapping[Any, tuple[sympy.Basic, nn.Module]]) -> Switch:
        """Return the switch between modules that exist already, each with its condition."""
        switch = cls.__new__(cls)
        nn.Module.__init__(switch)
        env.alternatives.gates.used = True
        switch._hold(env, modules)
        return switch

    def _hold(self, env: HyperparameterEnv, modules: Mapping[Any, tuple[sympy.Basic, nn.Module]]) -> None:
        for key, (_, module) in modules.items():
            self._add(key, module)
        self._traced = env.alternatives, tuple(condition for condition, _ in modules.values())

    def _add(self, key: Any, module: nn.Module) -> None:
        """Hold a module by its key, which may be the name of a method, such as "half"."""
        if not isinstance(module, nn.Module):
            raise DeclarationError(
                f"Switch(...): the alternative {key!r} builds {type(module).__name__}, not a torch.nn.Module"
            )
        self._modules[str(key) if str(key) not in self._modules else repr(key)] = module

    @property
    def gated(self) -> list[tuple[sympy.Basic, nn.Module]]:
        """The alternatives traced together with their conditions; empty outside a trace."""
        if self._traced is None:
            return []
        return list(zip(self._traced[1], self.children(), strict=True))

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the chosen module, fixing the choice where it is symbolic."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            modules = list(self.__dict__.get("_modules", {}).values())
            if not modules:
                raise
        traced = self.__dict__["_traced"]
        if traced is not None:
            modules = [module for condition, module in self.gated if traced[0].fixed(condition)]
        return getattr(modules[0], name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the chosen module."""
        if self._traced is None:
            (chosen,) = self._modules.values()
            return chosen(*args, **kwargs)  # type: ignore[misc]
        return self._traced[0].run(self.gated, args, kwargs)


def conditions_of(
    choice: Any, keys: Sequence[Hashable]
) -> tuple[HyperparameterEnv | None, dict[Any, sympy.Basic]]:
    """Return the condition under which each key is chosen; no environment where the choice is not symbolic.

    That the choice is one of the keys is kept as a question.
    """
    found = _symbolic(choice)
    if found is None or not found[0].alternatives.gates.enabled:
        return None, {}
    env, condition = found
    gates = env.alternatives.gates
    conditions = {key: gates.known(condition(key)) for key in keys}
    possible = {key: each for key, each in conditions.items() if each is not sympy.false}
    any_of = gates.any_of(iter(possible.values()))
    if not env.alternatives.decided(any_of):
        return None, {}
    env.keep(any_of)
    return env, possible


def _symbolic(choice: Any) -> tuple[HyperparameterEnv, Callable[[Any], sympy.Basic]] | None:
    """Return a symbolic choice's environment, and what says when a value is chosen."""
    if isinstance(choice, Option):
        return choice.env, lambda key: _is_option(choice, key)
    node = getattr(choice, "node", None)
    if node is None or not isinstance(node.shape_env, HyperparameterEnv):
        return None
    if isinstance(choice, torch.SymInt):
        return node.shape_env, lambda key: sympy.Eq(node._expr, key) if _is_int(key) else sympy.false
    if isinstance(choice, torch.SymBool) and isinstance(node.evidence, sympy.core.relational.Relational):
        true = node.evidence if node.hint else negation(node.evidence)
        return node.shape_env, lambda key: true if key else negation(true)
    return None


def _is_option(choice: Option, key: Any) -> sympy.Basic:
    plain = list(choice.options)
    return sympy.Eq(choice.symbol, plain.index(key)) if key in plain else sympy.false


def _is_int(key: Any) -> bool:
    return isinstance(key, int) and not isinstance(key, bool)


def _plain(choice: Any) -> Any:
    """Return a choice as the key of a mapping, fixing it where it is symbolic."""
    if isinstance(choice, Option):
        return choice.fix()
    if isinstance(choice, torch.SymBool):
        return bool(choice)
    return int(choice) if isinstance(choice, torch.SymInt) else choice


def _builder(alternative: Any) -> Callable[[], nn.Module]:
    if isinstance(alternative, nn.Module):
        return lambda: alternative
    if callable(alternative):
        return alternative  # type: ignore[no-any-return]
    raise DeclarationError(
        f"Switch(...): {alternative!r} is no module and builds none; write a module, or a lambda"
    )


def reached(model: nn.Module, gates: Gates) -> Iterator[tuple[torch.Tensor, sympy.Basic]]:
    """Yield the parameters and buffers of a model, each with when a module holds it."""
    if not gates.used:
        return
    found: dict[torch.Tensor, sympy.Basic] = {}
    waiting: list[tuple[nn.Module, sympy.Basic]] = [(model, sympy.true)]
    while waiting:
        module, gate = waiting.pop()
        for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
            found[tensor] = gates.either(found.get(tensor, sympy.false), gate)
        conditions = (
            {id(each): condition for condition, each in module.gated} if isinstance(module, Switch) else {}
        )
        waiting += [
            (child, gates.both(gate, conditions.get(id(child), sympy.true))) for child in module.children()
        ]
    yield from found.items()


def choosing(original: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return a container's `[]` that gives all modules a symbolic key may choose, as a `Switch`."""

    def chosen(container: nn.ModuleList | nn.ModuleDict, key: Any) -> Any:
        if not isinstance(key, (Option, torch.SymInt)):
            return original(container, key)
        modules = dict(container.items() if isinstance(container, nn.ModuleDict) else enumerate(container))
        env, conditions = conditions_of(key, list(modules))
        if env is None:
            return original(container, _plain(key))
        return Switch.among(env, {each: (conditions[each], modules[each]) for each in conditions})

    return chosen
