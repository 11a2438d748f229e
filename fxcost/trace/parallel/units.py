"""The weights of one `fully_shard` call: sharded, gathered where they are used, their gradients reduced.

A unit does what `FSDPParamGroup` and `FSDPState` of torch/distributed/fsdp/_fully_shard do to memory, in the
same order: _fsdp_param_group.py, _fsdp_state.py, _fsdp_collectives.py and _fsdp_param.py, whose functions are
named below. What is sharded here is the part of the first GPU, which is never smaller than another one's.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.autograd import Variable
from torch.autograd.grad_mode import _unsafe_preserve_version_counter
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map_only, tree_unflatten

from fxcost.trace.parallel.shards import Shard
from fxcost.trace.recorder import Recorder


class State(enum.Enum):
    """Where in a step a unit is: `TrainingState`."""

    IDLE = enum.auto()
    FORWARD = enum.auto()
    BEFORE_BACKWARD = enum.auto()
    AFTER_BACKWARD = enum.auto()


@dataclass(frozen=True)
class Policy:
    """How units treat their weights.

    Attributes:
        world_size: Over how many GPUs they are sharded.
        gathered: The type of gathered weights, None for that of the shards.
        reduced: The type in which gradients are reduced, None for theirs.
    """

    world_size: Any
    gathered: torch.dtype | None
    reduced: torch.dtype | None


@dataclass
class Shared:
    """What the units of a model share: `FSDPCommContext` and `FSDPStateContext`.

    Attributes:
        policy: How units treat their weights.
        recorder: What records the step.
        units: All of them, each before those inside of it.
        gathered: What the last unit of the forward pass was gathered in.
        reducing: What the last unit of the backward pass is reduced from.
        order: The units in the order in which they were used.
        root: The unit whose forward pass runs all others.
        queued: Whether the end of the backward pass is waited for.
    """

    policy: Policy
    recorder: Recorder
    units: list[Unit] = field(default_factory=list)
    gathered: torch.Tensor | None = None
    reducing: list[torch.Tensor] = field(default_factory=list)
    order: list[Unit] = field(default_factory=list)
    root: Unit | None = None
    queued: bool = False

    def finish_backward(self) -> None:
        """End a backward pass: `_root_post_backward_final_callback`."""
        for unit in self.units:
            if unit.state is not State.AFTER_BACKWARD:
                unit.after_backward()
            unit.state = unit.module_state = State.IDLE
            unit.pending = None
            unit.places.clear()
        self.order.clear()
        self.reducing.clear()
        self.root, self.queued = None, False


class Unit:
    """One module that `fully_shard` was called on.

    Args:
        shared: What it shares with the others.
        module: The module.
        shards: Its weights.
        reshards: Whether it gives gathered weights back after its forward pass.

    Attributes:
        later: The units that it begins to gather in its forward pass.
        earlier: The same in its backward pass; where there are none, that is the one that was used before it.
    """

    def __init__(self, shared: Shared, module: nn.Module, shards: Sequence[Shard], *, reshards: bool) -> None:
        self.shared = shared
        self.shards = shards
        self.reshards = reshards
        self.state = self.module_state = State.IDLE
        self.whole = False
        self.pending: torch.Tensor | None = None
        self.places: list[int] = []
        self.later: Sequence[Unit] = ()
        self.earlier: Sequence[Unit] = ()
        module.register_forward_pre_hook(self._before_forward, prepend=True, with_kwargs=True)
        module.register_forward_hook(self._after_forward)

    def _before_forward(self, _module: nn.Module, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """Gather the weights: `_pre_forward` and `pre_forward`."""
        if self.module_state is State.BEFORE_BACKWARD:  # a checkpointed module runs it again
            self.gather()
            self.use_gathered()
            return self._cast(args), self._cast(kwargs)
        self.module_state = State.FORWARD
        self.shared.root = self.shared.root or self
        args, kwargs = self._cast(args), self._cast(kwargs)
        self.state = State.FORWARD
        self.gather()
        self.use_gathered()
        args, kwargs = self._watched(args, kwargs)
        for unit in self.later:
            unit.gather()
        return args, kwargs

    def _cast(self, tree: Any) -> Any:
        """Return a module's inputs in the weights' type: `_cast_forward_inputs`."""
        to = self.shared.policy.gathered
        if to is None:
            return tree
        return tree_map_only(
            torch.Tensor, lambda leaf: leaf.to(to) if leaf.is_floating_point() else leaf, tree
        )

    def _watched(self, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """Return inputs whose gradients tell that the unit is done: `_register_post_backward_hook`."""
        leaves, spec = tree_flatten((args, kwargs))
        wanted = [
            at for at, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor) and leaf.requires_grad
        ]
        if torch.is_grad_enabled() and wanted:
            watched = AfterBackward.apply(self, *(leaves[at] for at in wanted))
            for at, leaf in zip(wanted, watched, strict=True):
                leaves[at] = leaf
        found: tuple[Any, Any] = tree_unflatten(leaves, spec)
        return found

    def _after_forward(self, _module: nn.Module, _args: Any, output: Any) -> None:
        """Give the gathered weights back: `_post_forward` and `post_forward`."""
        if self.module_state is State.BEFORE_BACKWARD:
            return
        if self.shards:
            self._reshard()
            self.places.append(len(self.shared.order))
            self.shared.order.append(self)
        self.state = State.IDLE
        for leaf in tree_leaves(output):
            if torch.is_grad_enabled() and isinstance(leaf, torch.Tensor) and leaf.requires_grad:
                leaf.register_hook(self._before_backward)  # type: ignore[no-untyped-call]
        self.module_state = State.IDLE
        if self.shared.root is self:
            self.shared.gathered = self.shared.root = None

    def _before_backward(self, _gradient: torch.Tensor) -> None:
        """Gather the weights again, and begin to gather other units': `_pre_backward`."""
        self.module_state = State.BEFORE_BACKWARD
        if not self.shared.queued:
            self.shared.queued = True
            Variable._execution_engine.queue_callback(self.shared.finish_backward)
        if self.shards and self.state is not State.BEFORE_BACKWARD:
            self._gather_again()
        for unit in self.earlier:
            unit.gather()

    def _gather_again(self) -> None:
        """Gather the weights for the backward pass: `pre_backward` and `_backward_prefetch`."""
        self.state = State.BEFORE_BACKWARD
        self.gather()
        self.use_gathered()
        if self.earlier:
            return
        place = self.places.pop() if self.places else 0
        if place > 0:
            self.shared.order[place - 1].gather()

    @torch.no_grad()
    def gather(self) -> None:
        """Begin to gather the weights: `unshard` and `foreach_all_gather`."""
        if not self.shards or self.whole or self.pending is not None:
            return
        policy, sizes = self.shared.policy, [shard.part.numel() for shard in self.shards]
        if policy.world_size == 1:
            self.pending = self.shards[0].part
            return
        parts, total = [shard.part for shard in self.shards], sum(sizes)
        if self.shards[0].casts:
            cast = self._buffer(total, policy.gathered)
            parts = _copied(parts, cast, sizes)
        gathered = self._buffer(total * policy.world_size, parts[0].dtype)
        _copied(parts, gathered, sizes)
        self.pending = gathered

    @torch.no_grad()
    def use_gathered(self) -> None:
        """Let the module have whole weights: `wait_for_unshard` and `foreach_all_gather_copy_out`."""
        if self.pending is None:
            return
        previous = self.shared.gathered  # a variable keeps it until the end
        if self.state is State.FORWARD:
            self.shared.gathered = None
        alone = self.shared.policy.world_size == 1
        if alone:
            for shard in self.shards:
                part = shard.part.to(shard.flat.dtype)
                shard.allocate(self.shared.recorder)
                with _unsafe_preserve_version_counter(shard.flat):
                    shard.flat.copy_(part)
        else:
            for shard in self.shards:
                shard.allocate(self.shared.recorder)
            sizes = [shard.flat.numel() for shard in self.shards]
            flats = [shard.flat for shard in self.shards]
            with _unsafe_preserve_version_counter(tuple(flats)):
                torch._foreach_copy_(flats, _views(self.pending, sizes))
        for shard in self.shards:
            shard.use(shard.whole)
        self.whole = True
        if self.state is State.FORWARD and not alone:
            self.shared.gathered = self.pending
        self.pending = None
        del previous

    def _reshard(self) -> None:
        """Free gathered weights: `reshard`."""
        if not self.whole or (self.state is State.FORWARD and not self.reshards):
            return
        for shard in self.shards:
            shard.use(shard.parameter)
            shard.free(self.shared.recorder)
        self.whole = False

    def _buffer(self, size: Any, dtype: torch.dtype | None) -> torch.Tensor:
        buffer = torch.empty(size, dtype=dtype)
        self.shared.recorder.communicates(buffer)
        return buffer

    def after_backward(self) -> None:
        """Reduce gradients: `post_backward`."""
        self.state = State.AFTER_BACKWARD
        shards, gradients = [], []
        for shard in self.shards:
            if shard.whole.grad is not None:
                shards.append(shard)
                gradients.append(shard.whole.grad.clone() if shard.moves else shard.whole.grad)
                shard.whole.grad = None
        self._reshard()
        if self.shards:
            self.shared.reducing.clear()
        if shards:
            self._reduce(shards, gradients)

    @torch.no_grad()
    def _reduce(self, shards: Sequence[Shard], gradients: list[torch.Tensor]) -> None:
        """Reduce and shard gradients: `foreach_reduce`."""
        policy = self.shared.policy
        alone = policy.world_size == 1
        last = None if alone else gradients[-1]  # a loop's variable keeps it until the end
        sizes = [shard.part.numel() for shard in shards]
        dtype = policy.reduced or gradients[0].dtype
        reducing = self._buffer(sum(sizes) * policy.world_size, dtype)
        _copied(gradients, reducing, [gradient.numel() for gradient in gradients])
        gradients.clear()
        reduced = torch.empty(sum(sizes), dtype=dtype)
        if alone:
            reduced.copy_(reducing)
        reduced = reduced.to(shards[0].part.dtype)
        for shard, view in zip(shards, _views(reduced, sizes), strict=True):
            gradient = view.view(shard.parameter.shape)
            if shard.parameter.grad is None:
                shard.parameter.grad = gradient
            else:
                shard.parameter.grad += gradient
        self.shared.reducing.append(reducing)
        del last


class AfterBackward(torch.autograd.Function):
    """Hands inputs on, and lets a unit reduce its gradients: `RegisterPostBackwardFunction`."""

    @staticmethod
    def forward(ctx: Any, unit: Unit, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the inputs."""
        ctx.unit = unit
        return inputs

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Return the gradients."""
        ctx.unit.after_backward()
        return (None, *gradients)


def _copied(
    sources: Sequence[torch.Tensor], target: torch.Tensor, sizes: Sequence[Any]
) -> list[torch.Tensor]:
    """Copy tensors into a flat one, one after the other; return the places where they are."""
    views = _views(target, sizes)
    torch._foreach_copy_(views, [source.reshape(-1) for source in sources])
    return views


def _views(flat: torch.Tensor, sizes: Sequence[Any]) -> list[torch.Tensor]:
    """Return parts of a flat tensor, one after the other."""
    views, start = [], 0
    for size in sizes:
        views.append(torch.as_strided(flat, (size,), (1,), start))
        start = start + size
    return views
