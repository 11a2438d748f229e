"""A model whose forward pass is run in parts: from the first of some blocks to the last of them.

The user's own `forward` runs each time. What it does before a part is run with tensors that nobody records,
and blocks there hand on what they get; at the part's first block the received tensor takes the place of that;
and where the part's last block is done, the rest is not run.
"""

from __future__ import annotations

import abc
import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves

from fxcost.errors import FactoryError
from fxcost.trace.kernels import kernel_of

ELSEWHERE = "_fxcost_elsewhere"
"""The attribute of a tensor that another stage has."""

Forward = Callable[..., Any]


class ReachedEnd(BaseException):
    """Ends the user's forward pass where a part's last block is done.

    Args:
        output: What that block hands on.
    """

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


class Run(abc.ABC):
    """One run of a chain's forward pass."""

    @abc.abstractmethod
    def block(self, number: int, forward: Forward, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Return what a block hands on."""


class Chain:
    """A model with blocks of which each gets what the one before hands on.

    Args:
        model: The model.
        blocks: Its blocks, in the order in which they run.
    """

    def __init__(self, model: nn.Module, blocks: Sequence[nn.Module]) -> None:
        self.model = model
        self.blocks = blocks
        self._run: Run | None = None
        for number, block in enumerate(blocks):
            forward = functools.partial(self._block, number, block.forward)
            object.__setattr__(block, "forward", forward)

    def _block(self, number: int, forward: Forward, *args: Any, **kwargs: Any) -> Any:
        if self._run is None:  # a checkpointed module around it runs again
            raise FactoryError("a pipeline: checkpoint blocks or what is in them, not what has blocks in it")
        return self._run.block(number, forward, args, kwargs)

    def run(self, run: Run, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Return what the model returns, or its last block in this run."""
        self._run = run
        try:
            return self.model(*args, **kwargs)
        except ReachedEnd as end:
            return end.output
        finally:
            self._run = None


class Unrecorded(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Runs operators that no stage, or another one, runs: nothing of them is recorded.

    Attributes:
        there: Whether what runs is this stage's: then it is recorded, and may not use what is not.

    Args:
        fake_mode: The trace's.
        watch: Is told each operator's tensors.
    """

    def __init__(
        self, fake_mode: FakeTensorMode, watch: Callable[[Iterable[torch.Tensor]], None] | None = None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.fake_mode = fake_mode
        self.watch = watch
        self.there = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator, recorded or not."""
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        if self.there:
            if any(ELSEWHERE in tensor.__dict__ for tensor in tensors):
                raise FactoryError(
                    f"a pipeline: {func} uses a tensor that the model makes before this stage's blocks and "
                    "does not hand on from block to block; make it in the block that uses it"
                )
            return func(*args, **kwargs)
        if self.watch is not None:
            self.watch(tensors)
        with _disable_current_modes(), self.fake_mode:
            result = (kernel_of(func) or func)(*args, **kwargs)
        given = set(map(id, tensors))  # operators in place return them
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor) and id(leaf) not in given:
                leaf.__dict__[ELSEWHERE] = True
        return result


class Part(Run):
    """The run of one stage: of the blocks from `start` to `stop`.

    Args:
        start: The first block.
        stop: The one after the last.
        last: Whether what follows the blocks is run, too.
        received: What the stage before handed on; None for the first stage.
        unrecorded: Runs what is before.
    """

    def __init__(
        self, start: int, stop: int, received: torch.Tensor | None, unrecorded: Unrecorded, *, last: bool
    ) -> None:
        self.start = start
        self.stop = stop
        self.last = last
        self.received = received
        self.unrecorded = unrecorded
        if received is not None:
            torch.set_grad_enabled(False)
        unrecorded.there = received is None

    def block(self, number: int, forward: Forward, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Run a block if it is the stage's."""
        if number < self.start:
            return args[0]
        if number == self.start and self.received is not None:
            self.unrecorded.there = True
            torch.set_grad_enabled(True)
            args = (self.received, *args[1:])
        output = forward(*args, **kwargs)
        if number == self.stop - 1 and not self.last:
            raise ReachedEnd(output)
        return output


class Survey(Run):
    """A run that finds out where tensors are used and what blocks hand on.

    Attributes:
        handed: What each block hands on.
        used: By storage, where it is used: 2 * k + 1 is in block k, 2 * k before it, after the one before.
        busy: Where there are operators.
    """

    def __init__(self) -> None:
        self.handed: list[torch.Tensor] = []
        self.used: dict[int, set[int]] = defaultdict(set)
        self.busy: set[int] = set()
        self._inside = False

    @property
    def place(self) -> int:
        """Where the run is."""
        return 2 * len(self.handed) + self._inside

    def watch(self, tensors: Iterable[torch.Tensor]) -> None:
        """Note that an operator uses tensors."""
        self.busy.add(self.place)
        for tensor in tensors:
            self.used[tensor.untyped_storage()._cdata].add(self.place)

    def block(self, number: int, forward: Forward, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Run a block; those in a pipeline run once each, in order, on what the one before handed on."""
        if number != len(self.handed) or self._inside:
            raise FactoryError("a pipeline: blocks are to run one after the other, once each, in their order")
        if not args or (self.handed and args[0] is not self.handed[-1]):
            raise FactoryError(
                f"a pipeline: what block {number} gets is not what the block before hands on; each is to "
                "take the other's result as its first argument"
            )
        self._inside = True
        output = forward(*args, **kwargs)
        self._inside = False
        if not isinstance(output, torch.Tensor):
            raise FactoryError(f"a pipeline: blocks hand on one tensor, not {type(output).__name__}")
        self.handed.append(output)
        return output
