"""The models of all options of a `Choice` between classes or functions, traced together as one `Switch`.

What model code asks of a class (`block.expansion`, `block is Bottleneck`) it is answered by that class
itself: each option's model is built from it, under the condition that it is the one chosen. So are the
models of all texts by which model code looks something up.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import sympy
from torch import nn

from fxcost.errors import FactoryError
from fxcost.expr.domain import Domain
from fxcost.space import Config
from fxcost.trace.switch import Switch
from fxcost.trace.symbols import HyperparameterEnv

MOST_MODELS = 4
"""So many are traced together at most; what would make more is fixed at the option chosen."""

Places: TypeAlias = "tuple[int, ...]"
"""The positions of options, one for each hyperparameter that chooses."""


class OptionRefusedError(BaseException):
    """The factory refuses some options; no model code is to catch this."""

    def __init__(self, places: Places) -> None:
        super().__init__(f"the factory refuses the options at {places}")
        self.places = places


class LookedUpError(BaseException):
    """Something is looked up by a hyperparameter; no model code is to catch this."""

    def __init__(self, name: str) -> None:
        super().__init__(f"something is looked up by {name}")
        self.name = name


@dataclass(frozen=True)
class Models:
    """Which options' models are traced together.

    Attributes:
        domain: The hyperparameters.
        free: Those that the factory takes and the example does not, none where nothing is traced together.
        names: Those of which the models of all options are.
        refused: The options that the factory refuses where it is traced.
    """

    domain: Domain
    free: tuple[str, ...]
    names: tuple[str, ...] = ()
    refused: frozenset[Places] = frozenset()

    @classmethod
    def of_code(cls, domain: Domain, free: Iterable[str]) -> Models:
        """Return the models of all options that are classes or functions, as many as are traced together.

        Example:
            >>> from fxcost.space import Choice, Space
            >>> space = Space(act=Choice(nn.ReLU, nn.GELU), size=Choice(4, 8), norm=Choice(None, nn.SELU))
            >>> Models.of_code(Domain(space), space.names).names
            ('act', 'norm')
        """
        models = cls(domain, tuple(free))
        for name in models.free:
            if any(map(callable, domain.axes[name].options or ())) and models.can_have(name):
                models = models.with_options_of(name)
        return models

    def can_have(self, name: str) -> bool:
        """Tell whether the models of one more hyperparameter's options can be traced together, too."""
        sizes = [len(self.domain.axes[each].options or ()) for each in (*self.names, name)]
        return name in self.free and name not in self.names and math.prod(sizes) <= MOST_MODELS

    def with_options_of(self, name: str) -> Models:
        """Return these, together with the models of one more hyperparameter's options."""
        return Models(self.domain, self.free, (*self.names, name))

    def without(self, places: Places) -> Models:
        """Return these without the model of some options."""
        return replace(self, refused=self.refused | {places})

    def build(
        self, env: HyperparameterEnv, hint: Config, factory: Callable[[Mapping[str, Any]], Any]
    ) -> nn.Module:
        """Return the `Switch` between the models, or the model where it is the only one.

        Args:
            env: The environment of the trace.
            hint: Where it is traced.
            factory: Returns the model of some options.

        Raises:
            FactoryError: The factory returns something else.
            OptionRefusedError: It refuses some options.
        """
        chosen = {name: hint[name] for name in self.names}
        taken = next(places for places in self._all() if self._options(places) == chosen)
        left = [places for places in self._all() if places not in self.refused]
        if taken in self.refused or len(left) == 1:
            for name, place in zip(self.names, taken, strict=True):
                env.assume(sympy.Eq(self.domain.symbols[name], place, evaluate=False))
            return checked(factory(chosen))
        gates = env.alternatives.gates
        conditions = {places: gates.known(self._condition(places)) for places in self._all()}
        gates.excluded = gates.any_of(conditions[places] for places in self.refused)
        env.keep(gates.opposite(gates.excluded))
        models = {}
        for places in left:
            options = self._options(places)
            name = ", ".join(getattr(option, "__name__", str(option)) for option in options.values())
            try:
                with gates.inside(conditions[places]):
                    models[name] = conditions[places], checked(factory(options))
            except Exception as error:
                raise OptionRefusedError(places) from error
        return Switch.among(env, models)

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


def checked(model: Any) -> nn.Module:
    """Return what a factory returned, a module.

    Raises:
        FactoryError: It is something else.
    """
    if isinstance(model, nn.Module):
        return model
    raise FactoryError(f"the factory returned {type(model).__name__}, not a torch.nn.Module")
