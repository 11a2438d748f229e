"""How a model is used: one inference, or one training step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from fxcost.errors import DeclarationError, FactoryError
from fxcost.trace.checkpointing import Checkpointing, Policy
from fxcost.trace.declared import OPEN, check_count, leaves_open
from fxcost.trace.parallel.declaration import SHARDED, Parallel
from fxcost.trace.precision import Precision, precision_of

BACKENDS = ("flash", "efficient", "cudnn", "math")
LossFunction = Callable[[Any], torch.Tensor]


@dataclass(frozen=True)
class Inference:
    """One use of a model that is not trained: `model.eval()` under `no_grad`.

    A domain may stand for a value, as in `Training`.

    Args:
        precision: As in `Training`; without a gradient there is nothing to scale.
        channels_last: As in `Training`.
        attention: As in `Training`.

    Example:
        >>> Inference(precision="bf16-true").numbers.weights
        torch.bfloat16
    """

    precision: str = "fp32"
    channels_last: bool = False
    attention: str | None = None

    def __post_init__(self) -> None:
        if leaves_open(self):
            return
        precision_of(self.precision, "Inference")
        _check_attention(self.attention, "Inference")

    @property
    def numbers(self) -> Precision:
        """What the precision's name means."""
        return precision_of(self.precision, "Inference")


@dataclass(frozen=True)
class Training:
    """One step of training: forward, loss, backward, optimizer step, gradients set to None.

    A domain such as `fc.Choice("fp32", "bf16-mixed")` may stand for a value: then that is a hyperparameter,
    named as the argument is.

    Args:
        optimizer: A `torch.optim` class, or a callable from parameters to an optimizer. Where it leaves
            `foreach` open, foreach is used, as CUDA does. `fc.EightBit` holds what those of bitsandbytes do.
        options: Keyword arguments for the optimizer, such as `{"lr": 0.1, "momentum": 0.9}`.
        precision: `"fp32"`; `"tf32"`, which stores what fp32 does; `"fp16-mixed"` and `"bf16-mixed"`:
            autocast around the forward pass and the loss, and for fp16 a `GradScaler`; `"fp16-true"` and
            `"bf16-true"`: the model and floating inputs converted.
        accumulation: Micro-batches in a step, each as large as the example; their gradients are added up.
        set_to_none: As in `optimizer.zero_grad(set_to_none=...)`: if not, gradients stay allocated.
        clip_norm: The `max_norm` of `clip_grad_norm_`, with `foreach` as the optimizer has it.
        clip_value: The `clip_value` of `clip_grad_value_`, likewise.
        ema: The decay of an `AveragedModel` that keeps a moving average of the weights.
        checkpoint: Which modules run again in the backward pass: a `Checkpointing`, or its `modules`.
        channels_last: Whether weights and inputs of 4 dimensions are laid out with channels last.
        attention: The only backend that `scaled_dot_product_attention` may take: `"flash"`, `"efficient"`,
            `"cudnn"` or `"math"`, as under `torch.nn.attention.sdpa_kernel`; None leaves the choice to torch.
        scaler: Whether a `GradScaler` scales the loss; None leaves it to the precision.
        backward_in_autocast: Whether the backward pass is inside of autocast, too, whose casts of weights
            live until its end.
        offload: Whether the optimizer's states are in the host's memory and it steps there: the device has
            neither them nor the step's temporaries.
        keep_output: Whether the loop has the model's output in a variable, as in `output = model(batch)`: it
            lives until that of the next micro-batch takes its place, or else until the step is over. If not,
            it lives as long as the loss needs it. Of a pipeline: `return_outputs` of its schedule's `step`.
        loss: From the model's output to a scalar tensor; None is that of `@fc.model(loss=...)`.
        parallel: How the step is divided among GPUs; None is one GPU.

    Example:
        >>> Training(torch.optim.SGD, options={"momentum": 0.9}, precision="bf16-mixed").numbers.autocast
        torch.bfloat16
    """

    optimizer: Callable[..., torch.optim.Optimizer]
    options: Mapping[str, Any] = field(default_factory=dict)
    precision: str = "fp32"
    accumulation: int = field(default=1, metadata={OPEN: True})
    set_to_none: bool = True
    clip_norm: float | None = None
    clip_value: float | None = None
    ema: float | None = None
    checkpoint: Checkpointing | Policy | None = None
    channels_last: bool = False
    attention: str | None = None
    scaler: bool | None = None
    backward_in_autocast: bool = False
    offload: bool = False
    keep_output: bool = False
    loss: LossFunction | None = None
    parallel: Parallel | None = None

    def __post_init__(self) -> None:
        if not callable(self.optimizer):
            raise DeclarationError(
                f"Training(optimizer={self.optimizer!r}): an optimizer class or a callable is needed; "
                "write Training(optimizer=torch.optim.AdamW)"
            )
        if leaves_open(self):
            return
        numbers = precision_of(self.precision, "Training")
        _check_attention(self.attention, "Training")
        check_count(self.accumulation, "Training(accumulation=")
        if self.clip_norm is not None and self.clip_value is not None:
            raise DeclarationError("Training: clip gradients by clip_norm= or by clip_value=, not both")
        if self.ema is not None and not 0 <= self.ema <= 1:
            raise DeclarationError(f"Training(ema={self.ema}): the decay is between 0 and 1, such as 0.999")
        if self.backward_in_autocast and numbers.autocast is None:
            raise DeclarationError(
                f'Training(backward_in_autocast=True): "{self.precision}" has no autocast; '
                'write precision="fp16-mixed" or "bf16-mixed"'
            )
        if self.offload and self.scales:
            raise DeclarationError(
                "Training(offload=True): a GradScaler steps on the device; write scaler=False, or a type "
                "that needs none"
            )
        if self.parallel is not None and self.parallel.zero in SHARDED:
            self._check_sharded()
        if self.parallel is not None and self.parallel.pipelined:
            self._check_pipelined()
        if not (self.checkpoint is None or isinstance(self.checkpoint, Checkpointing)):
            Checkpointing(self.checkpoint)

    def _check_sharded(self) -> None:
        """Refuse what is not modelled together with `fully_shard`."""
        given = {
            "set_to_none=False": not self.set_to_none,
            "ema": self.ema is not None,
            "a GradScaler": self.scales,
            "channels_last": self.channels_last,
            "offload": self.offload,
        }
        for name in (name for name, there in given.items() if there):
            raise DeclarationError(
                f"Training: {name} is not modelled with fully_shard; leave it out, or zero=2 and 3"
            )

    def _check_pipelined(self) -> None:
        """Refuse what is not modelled together with a pipeline."""
        given = {
            "accumulation": self.accumulation != 1,
            "ema": self.ema is not None,
            "a GradScaler": self.scales,
            "offload": self.offload,
        }
        for name in (name for name, there in given.items() if there):
            raise DeclarationError(f"Training: {name} is not modelled with a pipeline; leave it out, or pp")

    @property
    def conditions(self) -> tuple[str, ...]:
        """What must hold of its hyperparameters, in the words of `Space.where`."""
        return () if self.parallel is None else self.parallel.conditions

    @property
    def numbers(self) -> Precision:
        """What the precision's name means."""
        return precision_of(self.precision, "Training")

    @property
    def checkpointing(self) -> Checkpointing | None:
        """Which modules are checkpointed."""
        if self.checkpoint is None or isinstance(self.checkpoint, Checkpointing):
            return self.checkpoint
        return Checkpointing(self.checkpoint)

    @property
    def scales(self) -> bool:
        """Whether a GradScaler scales the loss."""
        return self.numbers.scaled if self.scaler is None else self.scaler

    def build(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """Return the optimizer of some parameters."""
        optimizer = self.optimizer(parameters, **self.options)
        if isinstance(optimizer, torch.optim.LBFGS):
            raise FactoryError("torch.optim.LBFGS evaluates the model several times a step, as data decides")
        for group in optimizer.param_groups:
            if "foreach" in group and group["foreach"] is None and not group.get("fused"):
                group["foreach"] = True
        return optimizer


def _check_attention(backend: str | None, who: str) -> None:
    if backend is not None and backend not in BACKENDS:
        known = ", ".join(f'"{each}"' for each in BACKENDS)
        raise DeclarationError(f"{who}(attention={backend!r}): write one of {known}, or leave it out")


def sum_of_output(output: Any) -> torch.Tensor:
    """Return the default loss: the sum of the model's (or its `.logits`) float output.

    Example:
        >>> sum_of_output(torch.ones(2, 3))
        tensor(6.)
    """
    output = getattr(output, "logits", output)
    if isinstance(output, torch.Tensor) and output.is_floating_point():
        return output.sum()
    raise FactoryError(
        f"the model returns {type(output).__name__}, not a float tensor nor an object with `.logits`: "
        "say what the loss is with @fc.model(..., loss=lambda output: ...), or, of a graph, "
        "with fc.cost(..., loss=...)"
    )
