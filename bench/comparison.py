"""What fxcost says of a setting against real CPU runs of it: parameters, FLOP, peak memory to the byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any
from unittest.mock import patch

import click

import fxcost as fc
from fxcost import compilation
from tests.oracles import memory as memory_oracle
from tests.oracles.agreement import RECIPES, real_flops


@dataclass(frozen=True)
class Row:
    """One number of one factory at one configuration: what fxcost says, and what a real run has."""

    factory: str
    recipe: str
    quantity: str
    config: Mapping[str, Any]
    predicted: int
    real: int

    @property
    def equal(self) -> bool:
        return self.predicted == self.real

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"equal": self.equal}


@dataclass(frozen=True)
class Subject:
    """A factory's costs under one recipe, as they are compared.

    Attributes:
        cost: What fxcost says.
        recipe: A key of `RECIPES`.
    """

    cost: fc.Cost
    recipe: str

    def row(self, quantity: str, config: Mapping[str, Any]) -> Row:
        """Return the comparison of one quantity at one configuration."""
        predicted = self.cost.quantities[quantity](**config)
        name = self.cost.factory.__name__  # type: ignore[attr-defined]
        return Row(name, self.recipe, quantity, dict(config), predicted, self.real(quantity, config))

    def real(self, quantity: str, config: Mapping[str, Any]) -> int:
        """Return what a real run has."""
        factory, (training, real_training) = self.cost.factory, RECIPES[self.recipe]
        if quantity == "parameters":
            return memory_oracle.real_parameters(factory, config)
        if quantity == "peak_memory":
            return memory_oracle.real_peak(factory, config, real_training)
        return real_flops(factory, config, trained=training is not None)


def costs(factory: Any, recipe: str) -> Subject:
    """Return a factory's costs under a recipe, to be compared."""
    return Subject(fc.cost(factory, training=RECIPES[recipe][0]), recipe)


def told(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield rows, and write those that differ to stderr."""
    for row in rows:
        if not row.equal:
            progress(f"  differs: {row.as_dict()}")
        yield row


def progress(text: str) -> None:
    click.echo(text, err=True)


def show(figures: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        click.echo(f"{name:28} {value}")


@dataclass
class Witness:
    """Sees at which settings fxcost traces, so that it can be told what it has never looked at."""

    settings: list[Mapping[str, Any]] = field(default_factory=list)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Return a context in which every trace is seen."""
        trace: Callable[..., Any] = compilation.trace

        def seen(subject: Any, domain: Any, config: Any, *rest: Any, **options: Any) -> Any:
            self.settings.append(config)
            return trace(subject, domain, config, *rest, **options)

        with patch.object(compilation, "trace", seen):
            yield

    def is_new(self, config: Mapping[str, Any], names: Iterable[str]) -> bool:
        """Tell whether no trace had all of a configuration's values of some hyperparameters."""
        names = tuple(names)
        here = [config[name] for name in names]
        return bool(names) and all([known[name] for name in names] != here for known in self.settings)


def counted(cost: fc.Cost, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the hyperparameters that count repeats in the known region of a configuration."""
    values = cost.regions.domain.encode(config)
    region = next((region for region in cost.regions.known if region.covers(values)), None)
    verified = region.verified if region is not None else ()
    return tuple(dict.fromkeys(name for point in verified for name in point))
