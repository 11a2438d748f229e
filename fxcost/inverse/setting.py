"""One setting of a factory, to be traced by other recipes, on other devices, with another value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fxcost.compilation import Cost
from fxcost.compilation import cost as cost_of
from fxcost.gpu import Card, GpuMemory
from fxcost.space import Config
from fxcost.trace import Inference, Training
from fxcost.trace.declared import chosen


@dataclass(frozen=True)
class Setting:
    """A factory with all its hyperparameters set, and those of its recipe.

    Attributes:
        cost: The factory's costs.
        config: The factory's own hyperparameters.
        training: The recipe, with a value for each of its hyperparameters.
        inference: Likewise.
    """

    cost: Cost
    config: Config
    training: Training | None
    inference: Inference | None

    @classmethod
    def of(cls, cost: Cost, config: Mapping[str, Any]) -> Setting:
        """Return a setting.

        Raises:
            ConfigError: A hyperparameter is missing, unknown or outside the space.
        """
        asked = cost.space.config(**config)
        own = Config({name: asked[name] for name in cost.factory.space.names})
        training = cost.training and chosen(cost.training, asked)
        return cls(cost, own, training, cost.inference and chosen(cost.inference, asked))

    def traced(
        self, card: Card, training: Training | None = None, within: Mapping[str, Any] | None = None
    ) -> Cost:
        """Return the costs on a card, of this setting alone.

        Args:
            card: Whose operators and types are traced.
            training: The recipe; None is the setting's own.
            within: What is left of the factory's hyperparameters, as `Space.restrict` takes it; None is the
                setting.

        Raises:
            FxcostError: As in `fc.cost`.

        Example:
            >>> import torch, fxcost as fc
            >>> sizes = {"width": fc.Int(8, 64), "batch": fc.Int(2, 32)}
            >>> @fc.model(space=sizes, example=lambda batch: torch.zeros(batch, 4))
            ... def net(width):
            ...     return torch.nn.Linear(4, width)
            >>> setting = Setting.of(fc.cost(net), {"width": 8, "batch": 4})
            >>> print(setting.traced(Card.of("rtx-4090"), fc.Training(torch.optim.SGD), {"width": 8}).flops)
            128*batch
        """
        return cost_of(
            self.cost.factory.within(**(self.config if within is None else within)),
            training=training or self.training,
            inference=self.inference,
            device=card,
            cache=self.cost.cache,
        )

    def memory(self, card: Card, training: Training | None = None, **other: Any) -> GpuMemory:
        """Return what the setting takes on a card.

        Args:
            card: The card, with its own operators and types.
            training: The recipe; None is the setting's own.
            **other: Values of hyperparameters that are to be other ones.

        Raises:
            FxcostError: As in `fc.cost`.
        """
        config = {**self.config, **other}
        return self.traced(card, training, config).gpu_memory(card, **config)
