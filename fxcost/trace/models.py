"""The models of all options of a `Choice` between classes or functions, traced together as one `Switch`.

What model code asks of a class (`block.expansion`, `block is Bottleneck`) it is answered by that class
itself: each option's model is built from it, under the condition that it is the one chosen.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import sympy
from torch import nn

from fxcost.errors import FactoryError
from fxcost.expr.domain import Domain
from fxcost.trace.switch import Switch
from fxcost.trace.symbols import HyperparameterEnv

MOST_MODELS = 8
"""So many are traced together at most; what would make more is fixed at the option chosen."""

Places: TypeAlias = "tuple[int, ...]"
"""The positions of options, one for each hyperparameter that chooses."""


class OptionRefusedError(BaseException):
    """The factory refuses other options than the chosen ones; no model code is to catch this."""

    def __init__(self, places: Places) -> None:
        super().__init__(f"the factory refuses the options at {places}")
        self.places = places


@dataclass(frozen=True)
class Models:
    """Builds the models of all options.

    Attributes:
        domain: The hyperparameters.
        names: Those that choose between classes or functions.
        refused: The options that the factory refuses where it is traced.
    """

    domain: Domain
    names: tuple[str, ...]
    refused: frozenset[Places] = frozenset()

    def build(
        self, env: HyperparameterEnv, chosen: Mapping[str, Any], factory: Callable[[Mapping[str, Any]], Any]
    ) -> nn.Module:
        """Return the `Switch` between the models, or the model where it is the only one.

        Args:
            env: The environment of the trace.
            chosen: The options that the trace is of, by name.
            factory: Returns the model of some options.

        Raises:
            FactoryError: The factory returns something else.
            OptionRefusedError: It refuses other options than those chosen.
        """
        gates = env.alternatives.gates
        conditions = {places: gates.known(self._condition(places)) for places in self._all()}
        left = {places: each for places, each in conditions.items() if places not in self.refused}
        if len(left) == 1:
            for name, place in zip(self.names, *left, strict=True):
                env.assume(sympy.Eq(self.domain.symbols[name], place, evaluate=False))
            return checked(factory(chosen))
        gates.excluded = gates.any_of(conditions[places] for places in self.refused)
        env.keep(gates.opposite(gates.excluded))
        built: dict[str, tuple[sympy.Basic, nn.Module]] = {}
        for places, condition in left.items():
            options = self._options(places)
            try:
                with gates.inside(condition):
                    model = checked(factory(options))
            except Exception as error:
                if options == chosen:
                    raise
                raise OptionRefusedError(places) from error
            built[", ".join(getattr(each, "__name__", str(each)) for each in options.values())] = (
                condition,
                model,
            )
        return Switch.among(env, built)

    def _all(self) -> Iterable[Places]:
        return itertools.product(*(range(len(self.domain.axes[name].options or ())) for name in self.names))

    def _options(self, places: Places) -> dict[str, Any]:
        return {
            name: (self.domain.axes[name].options or ())[place]
            for name, place in zip(self.names, places, strict=True)
        }

    def _condition(self, places: Places) -> sympy.Basic:
        symbols = [self.domain.symbols[name] for name in self.names]
        return sympy.And(*map(sympy.Eq, symbols, places))


def choices_of_code(domain: Domain, names: Iterable[str]) -> tuple[str, ...]:
    """Return which hyperparameters choose between classes or functions, as many as are traced together.

    Example:
        >>> from fxcost.space import Choice, Space
        >>> space = Space(act=Choice(nn.ReLU, nn.GELU), width=Choice(4, 8), norm=Choice(None, nn.LayerNorm))
        >>> choices_of_code(Domain(space), space.names)
        ('act', 'norm')
    """
    found: list[str] = []
    models = 1
    for name in names:
        options = domain.axes[name].options or ()
        if any(map(callable, options)) and models * len(options) <= MOST_MODELS:
            found.append(name)
            models *= len(options)
    return tuple(found)


def checked(model: Any) -> nn.Module:
    """Return what a factory returned, a module.

    Raises:
        FactoryError: It is something else.
    """
    if isinstance(model, nn.Module):
        return model
    raise FactoryError(f"the factory returned {type(model).__name__}, not a torch.nn.Module")
