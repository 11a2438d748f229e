"""A named quantity of a model, in closed form over all settings of its hyperparameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import sympy

from fxcost import units
from fxcost.costs import (
    Contribution,
    Definition,
    Region,
    Regions,
    alive_at_peak,
    grouped,
    largest,
)
from fxcost.costs.possible import inside_of
from fxcost.errors import ConfigError, InvalidConfigError
from fxcost.expr import Axis, Expression, Polynomial
from fxcost.solve import Sensitivity
from fxcost.solve.sensitivities import sensitivity
from fxcost.solve.totals import Summand

if TYPE_CHECKING:
    from torch import Tensor


class Quantity(Summand):
    """A cost: called with every hyperparameter by name, it is an exact int.

    Where a configuration lies outside the paths traced so far, the factory is traced there first.
    """

    def __init__(self, definition: Definition, regions: Regions) -> None:
        self.definition = definition
        self.regions = regions

    @property
    def name(self) -> str:
        """What it is called, as in `cost.peak_memory`."""
        return self.definition.name

    @property
    def unit(self) -> units.Unit:
        """The unit of its values."""
        return self.definition.unit

    @property
    def counts(self) -> str:
        """What is counted, in a sentence."""
        return self.definition.counts

    def among(self, regions: Regions) -> Quantity:
        """Return the same quantity of other regions of the factory."""
        return Quantity(self.definition, regions)

    def expression(self, region: Region) -> Expression:
        """Return the closed form within a region that the factory does not refuse."""
        new = self.definition not in region.expressions
        expression = region.expression(self.definition)
        if new:
            self.regions.changed()
        return expression

    def __call__(self, **config: Any) -> int:
        """Return the exact value at a configuration.

        Raises:
            ConfigError: A hyperparameter is missing, unknown or outside the space.
            InvalidConfigError: The factory itself refuses the configuration.
        """
        region, values = self._located(config)
        return self.expression(region).evaluate(values)

    def many(self, **arrays: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return exact values over arrays of hyperparameters that broadcast against each other.

        Values are int64, or Python ints where int64 could overflow.

        Raises:
            ConfigError: A hyperparameter is missing, unknown or outside the space.
            InvalidConfigError: The factory refuses one of the configurations.
        """
        self._check_names("many", arrays)
        given = {name: np.asarray(array) for name, array in arrays.items()}
        shape = np.broadcast_shapes(*(array.shape for array in given.values()))
        encoded = {name: self.regions.domain.axes[name].encode_many(array) for name, array in given.items()}
        spread = {name: np.broadcast_to(array, shape) for name, array in given.items()}

        def at(index: int) -> dict[str, Any]:
            return {name: array.flat[index : index + 1].tolist()[0] for name, array in spread.items()}

        parts: list[tuple[npt.NDArray[Any], npt.NDArray[Any]]] = []
        for inside, expression in self._expressions(encoded, shape, at):
            if inside.all():
                return expression.evaluate_many(encoded)
            chosen = {name: np.broadcast_to(array, shape)[inside] for name, array in encoded.items()}
            parts.append((inside, expression.evaluate_many(chosen)))
        exact = any(values.dtype == object for _, values in parts)
        result = np.empty(shape, dtype=object if exact else np.int64)
        for inside, values in parts:
            result[inside] = values
        return result

    def torch(self, **values: Tensor | npt.ArrayLike) -> Tensor:
        """Return values over tensors of hyperparameters that broadcast against each other: differentiable.

        In float64; see `Expression.torch` for gradients and errors. Between the settings of the space, the
        closed form is that of the nearest setting. What is no number is given by its options.

        Raises:
            ConfigError: A hyperparameter is missing, unknown or NaN, or no setting of the space is near.
            InvalidConfigError: The factory refuses one of the nearest settings.
        """
        import torch

        self._check_names("torch", values)
        domain = self.regions.domain
        tensors = {name: _tensor(domain.axes[name], value) for name, value in values.items()}
        encoded = {name: domain.axes[name].nearest(_numbers(name, each)) for name, each in tensors.items()}
        shape = np.broadcast_shapes(*(array.shape for array in encoded.values()))
        spread = {name: np.broadcast_to(array, shape) for name, array in encoded.items()}

        def at(index: int) -> Mapping[str, Any]:
            return domain.decode({name: array.flat[index].item() for name, array in spread.items()})

        device = next((each.device for each in values.values() if isinstance(each, torch.Tensor)), None)
        result = torch.zeros(shape, dtype=torch.float64, device=device)
        for inside, expression in self._expressions(encoded, shape, at):
            mask = torch.as_tensor(inside, device=device)
            chosen = {name: tensor.to(device).expand(shape)[mask] for name, tensor in tensors.items()}
            result = result.masked_scatter(mask, expression.torch(chosen))
        return result

    def _check_names(self, method: str, given: Mapping[str, Any]) -> None:
        names = self.regions.space.names
        if set(given) != set(names):
            raise ConfigError(f"{self.name}.{method} takes {', '.join(names)}; got {', '.join(given)}")

    def _expressions(
        self,
        encoded: Mapping[str, npt.NDArray[Any]],
        shape: tuple[int, ...],
        at: Callable[[int], Mapping[str, Any]],
    ) -> Iterator[tuple[npt.NDArray[np.bool_], Expression]]:
        """Yield where each region's closed form applies, until that is everywhere.

        Args:
            encoded: The values, as numbers.
            shape: What they broadcast to.
            at: Returns the configuration at an index.
        """
        left = np.ones(shape, dtype=bool)
        while left.any():
            region, _ = self._located(at(int(np.argmax(left))))
            inside = left & inside_of(region, encoded)
            yield inside, self.expression(region)
            left &= ~inside

    def _located(self, config: Mapping[str, Any]) -> tuple[Region, Mapping[str, Any]]:
        checked = self.regions.space.config(**config)
        region = self.regions.at(checked)
        if region.refusal is not None:
            raise InvalidConfigError(f"{checked}: the factory refuses it: {region.refusal}")
        return region, self.regions.domain.encode(checked)

    def by(self, key: str, **config: Any) -> dict[str, int]:
        """Return the value at a configuration, split.

        Args:
            key: "module", "operator", "phase", "source" (the user's line), "kind" (what a storage holds, a
                weight's dtype) or "term" (of the closed form). The peak's parts are the storages alive at
                the worst moment.
            config: Every hyperparameter by name.
        """
        region, values = self._located(config)
        if key == "term":
            binding = self.expression(region).binding(values).polynomial
            summands = (Polynomial({monomial: factor}) for monomial, factor in binding.terms.items())
            parts = {str(summand): summand for summand in summands}
        else:
            parts = grouped(self._contributions(config), key)
        return {name: part.evaluate(values) for name, part in parts.items()}

    def terms(self, count: int = 5, **config: Any) -> list[tuple[Contribution, int]]:
        """Return the places that add most at a configuration, largest first."""
        _, values = self._located(config)
        return largest(self._contributions(config), values, count)

    def basis(self, **config: Any) -> str:
        """Return what the value at a configuration rests on.

        "exact", "verified at ..." or "enumerated at ...": see `Region.basis`.
        """
        region, _ = self._located(config)
        return region.basis

    def binding(self, **config: Any) -> str:
        """Return which row of a maximum is the largest at a configuration; for the peak, a program point."""
        region, values = self._located(config)
        return self.expression(region).binding(values).label

    def sensitivity(self, **config: Any) -> Sensitivity:
        """Return how the value changes with each hyperparameter, next to a configuration and far from it.

        The changes to the next smaller and the next larger value are exact. The elasticity between these,
        d log(cost) / d log(value), is measured, an estimate. The growth is the degree of the closed form's
        row that is largest in the end, or unknown where a row is no polynomial in the hyperparameter.

        Args:
            **config: Every hyperparameter by name.

        Raises:
            ConfigError: A hyperparameter is missing, unknown or outside the space.
            InvalidConfigError: The factory itself refuses the configuration.

        Example:
            >>> import torch, fxcost as fc
            >>> space = fc.Space(width=fc.Int(8, 64, step=8), batch=fc.Int(2, 32))
            >>> @fc.model(space=space, example=lambda batch, width: torch.zeros(batch, width))
            ... def net(width):
            ...     return torch.nn.Linear(width, width)
            >>> print(fc.cost(net).parameters.sensitivity(width=16, batch=2))
            parameters is 272 at width=16, batch=2
              width=16: 8: -200, 24: +328; elasticity 1.93, measured; grows as width**2
              batch=2: 3: 0; elasticity 0.00, measured; does not grow
        """
        return sensitivity(self, config)

    def dropped(self, **config: Any) -> Mapping[str, int]:
        """Return how many rows of a maximum were proved never to be needed at a configuration, and why.

        That holds throughout its region. For the peak, a row is what is alive at one point of the program.

        Args:
            **config: Every hyperparameter by name.

        Raises:
            ConfigError: A hyperparameter is missing, unknown or outside the space.
            InvalidConfigError: The factory itself refuses the configuration.

        Example:
            >>> import torch, fxcost as fc
            >>> space = fc.Space(width=fc.Int(8, 64, step=8), batch=fc.Int(2, 32))
            >>> @fc.model(space=space, example=lambda batch, width: torch.zeros(batch, width))
            ... def net(width):
            ...     return torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.ReLU())
            >>> fc.cost(net).peak_memory.dropped(width=16, batch=2)
            {'coefficients at most those of another row': 1}
        """
        region, _ = self._located(config)
        return dict(self.expression(region).dropped)

    def _contributions(self, config: Mapping[str, Any]) -> list[Contribution]:
        checked = self.regions.space.config(**config)
        sizes = self.regions.sizes_at(checked)
        if self.definition.contributions is None:
            return alive_at_peak(sizes, self.regions.domain.encode(checked))
        return self.definition.contributions(sizes)

    def sympy(self) -> sympy.Expr:
        """Return the closed form in the first region traced."""
        return self.expression(self.regions.first()).sympy()

    def __str__(self) -> str:
        return str(self.expression(self.regions.first()))

    def __repr__(self) -> str:
        return f"{self.name} [{self.unit.symbol}] = {self}"

    def _repr_latex_(self) -> str:
        return f"${self.expression(self.regions.first()).latex()}$"


def _tensor(axis: Axis, value: Any) -> Tensor:
    """Return a hyperparameter's values as numbers."""
    import torch

    if isinstance(value, torch.Tensor):
        return value
    return torch.as_tensor(axis.encode_many(np.asarray(value)))


def _numbers(name: str, tensor: Tensor) -> npt.NDArray[Any]:
    numbers = tensor.detach().cpu().numpy()
    if np.isnan(numbers).any():
        raise ConfigError(f"{name} is NaN at some point")
    return numbers
