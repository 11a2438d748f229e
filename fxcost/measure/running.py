"""Really runs a factory by its recipe, as a user's own loop would: nothing here is of the tracer's."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils._pytree import tree_leaves, tree_map_only

from fxcost.compilation import Cost
from fxcost.errors import MeasurementError
from fxcost.trace import Inference, Training
from fxcost.trace.recipe import sum_of_output

STEPS = 2
"""After two steps all are alike."""


class Run:
    """A model and its batch on a device, ready to be used by a recipe.

    Args:
        cost: Of the factory; its recipe is run.
        recipe: The recipe, with a value for each of its hyperparameters.
        config: The configuration.
        device: "cpu" or "cuda".

    Raises:
        MeasurementError: One process cannot run the recipe.
    """

    def __init__(
        self, cost: Cost, recipe: Training | Inference, config: Mapping[str, Any], device: str
    ) -> None:
        if isinstance(recipe, Training) and (recipe.parallel is not None or recipe.offload):
            raise MeasurementError("one process runs a step on one device; leave parallel= and offload= out")
        self.recipe, self.device = recipe, device
        self._autocast = recipe.numbers.autocast
        factory: Any = cost.factory
        model = _called(factory.__wrapped__, config)
        layout = {"memory_format": torch.channels_last} if recipe.channels_last else {}
        self.model: nn.Module = model.to(device=device, dtype=recipe.numbers.weights, **layout)
        self.batch = tree_map_only(torch.Tensor, self._prepared, _called(factory.example, config))
        self.loss_of: Callable[[Any], torch.Tensor] = (
            getattr(recipe, "loss", None) or factory.loss or sum_of_output
        )
        self._trainer = _Trainer(self, recipe) if isinstance(recipe, Training) else None

    def step(self) -> None:
        """Use the model once, or train it for one step."""
        with self._backend():
            if self._trainer is None:
                self._use()
            else:
                self._trainer.step()

    def tensors(self) -> list[torch.Tensor]:
        """Return what there is between steps: the model's tensors, the batch, what training keeps."""
        parameters = list(self.model.parameters())
        kept = [parameter.grad for parameter in parameters], self._trainer and self._trainer.lasting()
        leaves = tree_leaves((parameters, list(self.model.buffers()), self.batch, kept))
        return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]

    def _prepared(self, tensor: torch.Tensor) -> torch.Tensor:
        floating = self.recipe.numbers.weights if tensor.is_floating_point() else None
        moved = tensor.to(device=self.device, dtype=floating)
        last = self.recipe.channels_last and moved.ndim == 4
        return moved.to(memory_format=torch.channels_last) if last else moved

    def _backend(self) -> contextlib.AbstractContextManager[Any]:
        if self.recipe.attention is None:
            return contextlib.nullcontext()
        from torch.nn.attention import SDPBackend, sdpa_kernel

        names = {"flash": "FLASH_ATTENTION", "efficient": "EFFICIENT_ATTENTION", "cudnn": "CUDNN_ATTENTION"}
        return sdpa_kernel(getattr(SDPBackend, names.get(self.recipe.attention, "MATH")))

    def cast(self, *, wanted: bool) -> contextlib.AbstractContextManager[Any]:
        """Return autocast, where it is wanted and the recipe has it."""
        if self._autocast is None or not wanted:
            return contextlib.nullcontext()
        return torch.autocast(self.device, self._autocast)

    def call(self) -> Any:
        """Run the model on the batch."""
        if isinstance(self.batch, dict):
            return self.model(**self.batch)
        return self.model(*self.batch) if isinstance(self.batch, tuple) else self.model(self.batch)

    def _use(self) -> None:
        self.model.eval()
        with torch.no_grad(), self.cast(wanted=True):
            self.call()


class _Trainer:
    """What trains a model: its optimizer, and what else there is from step to step."""

    def __init__(self, run: Run, recipe: Training) -> None:
        if recipe.checkpointing is not None:
            recipe.checkpointing.apply(run.model, lambda _: contextlib.nullcontext())
        self.run, self.recipe = run, recipe
        self.optimizer = recipe.build(run.model.parameters())
        # From the usual scale of 65536 on, the first steps may overflow, and are then skipped.
        self.scaler: Any = torch.amp.GradScaler(run.device, init_scale=1.0) if recipe.scales else None
        self.average: Any = None
        if recipe.ema is not None:
            averages: Any = get_ema_multi_avg_fn(recipe.ema)  # type: ignore[no-untyped-call]
            self.average = AveragedModel(run.model, multi_avg_fn=averages)

    def step(self) -> None:
        """Train for one step."""
        recipe, parts = self.recipe, int(self.recipe.accumulation)
        for _ in range(parts):
            with self.run.cast(wanted=recipe.backward_in_autocast):
                with self.run.cast(wanted=not recipe.backward_in_autocast):
                    output = self.run.call()
                    loss: Any = self.run.loss_of(output)
                    if not recipe.keep_output:
                        del output
                    loss = loss if parts == 1 else loss / parts
                (loss if self.scaler is None else self.scaler.scale(loss)).backward()
        self._update()
        if self.average is not None:
            self.average.update_parameters(self.run.model)
        self.optimizer.zero_grad(set_to_none=recipe.set_to_none)

    def lasting(self) -> Any:
        """Return what there is between steps besides the model."""
        scaler = [] if self.scaler is None else [self.scaler._scale, self.scaler._growth_tracker]
        averages = [] if self.average is None else [*self.average.parameters(), *self.average.buffers()]
        return [dict(state) for state in self.optimizer.state.values()], scaler, averages

    def _update(self) -> None:
        recipe = self.recipe
        if self.scaler is not None and (recipe.clip_norm is not None or recipe.clip_value is not None):
            self.scaler.unscale_(self.optimizer)
        _clip(self.run.model, self.optimizer, recipe)
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()


def _clip(model: nn.Module, optimizer: torch.optim.Optimizer, recipe: Training) -> None:
    foreach = any(group.get("foreach") or group.get("fused") for group in optimizer.param_groups)
    if recipe.clip_norm is not None:
        nn.utils.clip_grad_norm_(model.parameters(), float(recipe.clip_norm), foreach=foreach)
    if recipe.clip_value is not None:
        nn.utils.clip_grad_value_(model.parameters(), float(recipe.clip_value), foreach=foreach)


def _called(function: Callable[..., Any], config: Mapping[str, Any]) -> Any:
    """Call a function with those of the hyperparameters that it takes."""
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return function(**config)
    return function(**{each.name: config[each.name] for each in parameters if each.name in config})
