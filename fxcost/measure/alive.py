"""How many bytes of tensors are really alive while something runs on a CPU."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def most_alive(run: Callable[[], object], tensors: Iterable[torch.Tensor]) -> int:
    """Return the most bytes of tensor storage alive at once while something runs.

    A storage counts from the operator that returns it until its last reference goes, and once where tensors
    share it. The cycle collector rests meanwhile, as its moment depends on what ran before.

    Args:
        run: What is run.
        tensors: Those that are there before.

    Example:
        >>> weight = torch.zeros(1000)
        >>> most_alive(lambda: (weight + 1).sum(), [weight])
        8004
    """
    gc.collect()
    gc.disable()
    try:
        with _Alive(tensors) as alive:
            run()
    finally:
        gc.enable()
    return int(alive.most)


class _Alive(TorchDispatchMode):
    """Counts the bytes of storages from their first operator to their end."""

    def __init__(self, tensors: Iterable[torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most: int = 0
        self._now = 0
        self._sizes: dict[int, int] = {}
        for tensor in tensors:
            self._count(tensor)

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operator(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self._count(leaf)
        return result

    def _count(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key, nbytes = storage._cdata, storage.nbytes()
        if key not in self._sizes:
            weakref.finalize(storage, self._end, key).atexit = False
        self._now += nbytes - self._sizes.get(key, 0)
        self._sizes[key] = nbytes
        self.most = max(self.most, self._now)

    def _end(self, key: int) -> None:
        self._now -= self._sizes.pop(key)
