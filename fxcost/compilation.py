"""`fc.cost`: a decorated factory becomes its costs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch

from fxcost.cache.store import remember
from fxcost.costs import DEFINITIONS, Region, Regions, gpus, hyperparameter
from fxcost.costs.possible import possible_values
from fxcost.devices import Device
from fxcost.errors import ConfigError, DeclarationError, InvalidConfigError
from fxcost.expr import Domain, conditions
from fxcost.factory import ModelFactory
from fxcost.gpu import Card, GpuMemory, Largest, gpu_memory, largest
from fxcost.graphs import factory_of
from fxcost.program import Program
from fxcost.quantity import Quantity
from fxcost.solve import Partition, partition
from fxcost.solve.budget import DEFAULT_SECONDS, Progress
from fxcost.solve.partition import REGIONS
from fxcost.space import AnyDomain, Config, Space
from fxcost.space.spelling import assignments_text
from fxcost.trace import (
    Gpu,
    Inference,
    LossFunction,
    Subject,
    Together,
    Training,
    builds_all_options,
    chosen,
    further_hints,
    generic_hint,
    trace,
    with_recipe,
)


class Cost:
    """The costs of a factory under one recipe, over the whole of its space.

    Attributes:
        factory: The decorated factory.
        training: The recipe, None for one inference under `no_grad`.
        inference: How that inference is run.
        card: The GPU, and the torch, whose choices of operators and types were traced; None for the CPU's.
        regions: The paths of the factory traced so far.
        cache: Whether they are read from disk and written there.
        parameters, trainable_parameters, buffers, weight_bytes, flops, pointwise_flops, traffic, bytes_read,
            bytes_written, activations, peak_memory: The quantities; each says what it `counts`.
    """

    parameters: Quantity
    trainable_parameters: Quantity
    buffers: Quantity
    weight_bytes: Quantity
    flops: Quantity
    pointwise_flops: Quantity
    traffic: Quantity
    bytes_read: Quantity
    bytes_written: Quantity
    activations: Quantity
    peak_memory: Quantity

    def __init__(
        self,
        factory: ModelFactory,
        training: Training | None,
        regions: Regions,
        inference: Inference | None = None,
        card: Card | None = None,
        *,
        cache: bool = True,
    ) -> None:
        self.factory = factory
        self.training = training
        self.inference = inference
        self.card = card
        self.regions = regions
        self.cache = cache
        self.quantities = {definition.name: Quantity(definition, regions) for definition in DEFINITIONS}
        self.__dict__.update(self.quantities)

    @property
    def space(self) -> Space:
        """The hyperparameters' space."""
        return self.regions.space

    @property
    def gpu(self) -> Device | None:
        """The GPU whose choices of operators and types were traced, None for the CPU's."""
        return None if self.card is None else self.card.device

    @property
    def device(self) -> str:
        """Whose choices of operators and types were traced: a GPU's name, or "cpu"."""
        return "cpu" if self.gpu is None else self.gpu.name

    @cached_property
    def first(self) -> Region:
        """The region that was traced first; formulas are printed for it."""
        return self.regions.first()

    def hyperparameter(self, name: str) -> Quantity:
        """Return an integer hyperparameter as a quantity: `fc.maximize(cost.hyperparameter("batch"), fits)`.

        Raises:
            ConfigError: There is none of this name, or its values are not integers.
        """
        axis = self.regions.domain.axes.get(name)
        if axis is None or not axis.integral or axis.options is not None:
            numbers = [
                axis.name for axis in self.regions.domain.axes.values() if axis.integral and not axis.options
            ]
            raise ConfigError(
                f"{name} is no hyperparameter with integer values; those are {', '.join(numbers)}"
            )
        return Quantity(hyperparameter(name), self.regions)

    @cached_property
    def gpus(self) -> Quantity:
        """How many GPUs train the model: `fc.minimize(cost.gpus, cost.peak_memory <= "24 GiB")`."""
        parallel = None if self.training is None else self.training.parallel
        return Quantity(gpus(() if parallel is None else parallel.factors), self.regions)

    @property
    def conditions(self) -> list[str]:
        """What must hold in the first region, in Python's syntax with the line that asked.

        What the space implies is left out.
        """
        domain = self.regions.domain
        return [
            f"{conditions.readable(question.condition, domain)}  [{question.kind}, {question.source}]"
            for question in self.first.questions
        ]

    def gpu_memory(self, device: str | Device | Card | None = None, **config: Any) -> GpuMemory:
        """Return what a configuration takes on a GPU: alive, needed, reserved, shown by nvidia-smi.

        Operators and types are those that were traced: of a GPU with `fc.cost(..., device=...)`, else those
        that the CPU chooses.

        Args:
            device: The GPU; a `fc.Card` says its software and the allocator's settings, too. None is the one
                whose choices were traced.
            **config: Every hyperparameter by name.

        Raises:
            UnknownDeviceError: No GPU has that name, or none is named at all.
            ConfigError: A hyperparameter is missing, unknown or outside the space.
            InvalidConfigError: The factory itself refuses the configuration.

        Example:
            >>> import torch, fxcost as fc
            >>> @fc.model(width=fc.Int(8, 4096), example=lambda width: torch.zeros(512, width))
            ... def net(width):
            ...     return torch.nn.Linear(width, width)
            >>> cost = fc.cost(net, device="rtx-4090")
            >>> print(cost.gpu_memory(width=2048))  # doctest: +NORMALIZE_WHITESPACE
             16.01 MiB  parameter              exact
              4.00 MiB  batch                  exact
              4.00 MiB  temporary              exact
              8.12 MiB  cuBLAS workspace       source code
              5.87 MiB  cached and fragmented  replayed
            426.00 MiB  CUDA context           forecast
            464.00 MiB  shown by nvidia-smi    forecast
            fits on rtx-4090: 38.00 MiB needed, 23.57 GiB usable, margin 5%
        """
        checked = self.space.config(**config)
        region = self.regions.at(checked)
        if region.refusal is not None:
            raise InvalidConfigError(f"{checked}: the factory refuses it: {region.refusal}")
        values, sizes = self.regions.domain.encode(checked), self.regions.sizes_at(checked)
        recipe = chosen(self.training or self.inference or Inference(), checked)
        card, gpus, last = self.card_of(device), int(self.gpus(**checked)), recipe.channels_last
        stages = (
            gpu_memory(stage, values, checked, card, traced=self.card, channels_last=last, gpus=gpus)
            for stage in sizes.stages()
        )
        return max(stages, key=lambda memory: memory.capacity.enough)

    def largest_on(self, device: str | Device | Card | None, name: str, **config: Any) -> Largest:
        """Return the largest value of an integer hyperparameter with which a step fits on a GPU.

        Values that the space's conditions or the factory rule out with the others are left out.

        Args:
            device: As in `gpu_memory`.
            name: The hyperparameter.
            **config: Every other one by name.

        Raises:
            UnknownDeviceError: No GPU has that name, or none is named at all.
            ConfigError: `name` has no integer values, or a hyperparameter is missing, unknown or outside.
            InvalidConfigError: No value is possible with the others.

        Example:
            >>> import torch, fxcost as fc
            >>> @fc.model(batch=fc.Int(1, 4096), example=lambda batch: torch.zeros(batch, 2**20))
            ... def net():
            ...     return torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Flatten())
            >>> print(fc.cost(net, device="rtx-4090").largest_on(None, "batch"))
            batch=2873 is the largest that fits
              batch=2874 is too close to call
              from batch=3018 on, tensors alone take more than there is
              11 values replayed, taken for monotone
        """
        values = self.values_of(name, **config)
        card = self.card_of(device)
        alive = [0] * len(values)
        if card.runs_as(self.card):  # another device's operators say nothing for certain
            alive = self.peak_memory.many(**{name: values}, **config).tolist()
        return largest(
            name, values, alive, card.usable, lambda value: self.gpu_memory(card, **{name: value}, **config)
        )

    def values_of(self, name: str, **config: Any) -> list[int]:
        """Return the values of an integer hyperparameter that are possible with the others as they are.

        Args:
            name: The hyperparameter.
            **config: Every other one by name.

        Raises:
            ConfigError: `name` has no integer values, or a hyperparameter is missing, unknown or outside.
            InvalidConfigError: No value is possible with the others.

        Example:
            >>> import torch, fxcost as fc
            >>> space = fc.Space(width=fc.Int(8, 64, step=8), heads=fc.Choice(3, 4))
            >>> space = space.where("width % heads == 0")
            >>> @fc.model(space=space, example=lambda width: torch.zeros(2, width))
            ... def net(width, heads):
            ...     return torch.nn.Linear(width, heads)
            >>> fc.cost(net).values_of("width", heads=3)
            [24, 48]
        """
        self.hyperparameter(name)
        values = [value for value in self.space[name].values if isinstance(value, int)]
        possible = possible_values(self.regions, name, values, config)
        if not possible:
            raise InvalidConfigError(f"no {name} is possible with {assignments_text(config)}")
        return possible

    def card_of(self, device: str | Device | Card | None) -> Card:
        """Return the card that is asked about: where none is named, the one that was traced.

        Raises:
            UnknownDeviceError: No GPU has that name, or none is named at all.
        """
        return Card.of(device or self.card or self.device)

    def partition(
        self,
        *,
        regions: int = REGIONS,
        time_limit: float = DEFAULT_SECONDS,
        progress: Progress | None = None,
        **restriction: object,
    ) -> Partition:
        """Divide the space into pieces with one closed form each, with a proof that no setting is left out.

        Args:
            regions: At most so many regions are traced that were not known before.
            time_limit: Seconds of search; tracing and comparing closed forms are not counted.
            progress: Is told what happens, in a few words at a time.
            **restriction: Hyperparameters to fix, or to bound by a pair, as in `Space.restrict`.

        Raises:
            EmptySpaceError: The restriction or the space's conditions leave no setting.
            FactoryError: The factory raises whatever the setting is.

        Example:
            >>> import torch, fxcost as fc
            >>> @fc.model(width=fc.Int(8, 64), example=lambda: torch.zeros(2, 4))
            ... def net(width):
            ...     return torch.nn.Linear(4, width, bias=width > 32)
            >>> cost = fc.cost(net)
            >>> print(cost.partition().of(cost.parameters))
            if width > 32: 5*width
            else: 4*width
        """
        quantities = tuple(self.quantities.values())
        return partition(quantities, regions=regions, time_limit=time_limit, progress=progress, **restriction)

    def __str__(self) -> str:
        lines = [f"{name} = {quantity}" for name, quantity in self.quantities.items()]
        return "\n".join([*lines, *(f"where {condition}" for condition in self.conditions)])

    def __repr__(self) -> str:
        use = "inference" if self.training is None else "a training step"
        return f"<cost of {use} of {self.factory!r}>"


def cost(  # noqa: PLR0913 - a graph brings what @fc.model declares
    factory: ModelFactory | torch.export.ExportedProgram | torch.fx.GraphModule,
    example: Any = None,
    *,
    training: Training | None = None,
    inference: Inference | None = None,
    space: Space | Mapping[str, AnyDomain] | None = None,
    loss: LossFunction | None = None,
    device: str | Device | Card = "cpu",
    cache: bool = True,
) -> Cost:
    """Trace a decorated factory, or a graph from elsewhere, and return its costs in closed form.

    An exported program's dynamic sizes become hyperparameters: named as its `torch.export.Dim`s are, else as
    its symbols, with the program's bounds as domains. Real weights stay as they are.

    Args:
        factory: Decorated with `@fc.model`; or a `torch.export` program; or a `torch.fx` graph module.
        example: Of a graph module: a callable from hyperparameters to its inputs, as in
            `@fc.model(example=...)`, or inputs whose sizes are fixed.
        training: The recipe of a training step; the second of two identical steps is what is counted. None is
            `model.eval()(batch)` under `no_grad`.
        inference: How that inference is run; None is in fp32.
        space: Of a graph: the domains of `example`'s arguments; of a program: those of dynamic sizes that it
            leaves unbounded, or narrower ones.
        loss: Of a graph: from its output to a scalar tensor, as in `@fc.model(loss=...)`.
        device: Whose choices of operators and types are traced: `"cpu"`, or a GPU of `fxcost devices`. GPUs
            of one compute capability choose alike.
        cache: Whether what an earlier process found is read from disk, and what is found is written there.

    Raises:
        DeclarationError: `factory` is none of the three; its example, space or loss is missing, wrong, or
            declared twice.
        FactoryError: The factory, its example or its model raised for every configuration tried.
        DataDependentError: The model asks for a tensor's data.
        UnknownDeviceError: `device` is neither "cpu" nor a GPU of the catalogue.

    Example:
        >>> import torch, fxcost as fc
        >>> @fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 32), example=lambda batch: torch.zeros(batch, 4))
        ... def net(width):
        ...     return torch.nn.Linear(4, width)
        >>> cost = fc.cost(net)
        >>> print(cost.parameters)
        5*width
        >>> cost.flops(width=10, batch=2)
        160
    """
    if not isinstance(factory, ModelFactory):
        factory = factory_of(factory, example, space, loss)
    elif (example, space, loss) != (None, None, None):
        raise DeclarationError(
            f"fc.cost({factory!r}): @fc.model has declared its example, space and loss; leave them out here"
        )
    if training is not None and inference is not None:
        raise DeclarationError("fc.cost: a model is trained or used; give training= or inference=, not both")
    card = None if device == "cpu" else Card.of(device)
    gpu = None if card is None else Gpu(card.device.compute_capability, card.release)
    subject = Subject(
        factory=factory.__wrapped__,  # type: ignore[attr-defined]
        factory_names=factory.factory_names,
        example=factory.example,
        example_names=factory.example_names,
        loss=factory.loss,
        training=training,
        dynamic=factory.dynamic,
        inference=inference or Inference(),
        gpu=gpu,
    )
    whole = with_recipe(factory.space, training if training is not None else inference)
    domain = Domain(whole)
    answered: set[str] = set()

    def regions_of(space: Space) -> Regions:
        declared = Domain(space)

        def traced(config: Config, counters: Mapping[str, int], together: Together) -> Program:
            program = trace(subject, declared, config, counters, together=together)
            answered.update(program.dynamic)
            return program

        return Regions(space, traced, regions_of)

    regions = regions_of(whole)
    if cache and not factory.dynamic:  # what no line asks for is found out by tracing
        remember(regions, subject, "cpu" if gpu is None else str(gpu))
    hints = generic_hint(whole)
    if not regions.known:  # where the factory refuses an option, its models would be on several paths
        best = next((hint for hint in hints if builds_all_options(subject, domain, hint)), hints[0])
        hints = (best, *(hint for hint in hints if hint != best))
    regions.open((*hints, *further_hints(whole, training)))
    for hint in hints:
        if all(answered.issuperset(declared.names) for declared in factory.dynamic):
            break
        regions.at(hint)
    factory.check_answered(answered)
    return Cost(factory, training, regions, inference, card, cache=cache)
