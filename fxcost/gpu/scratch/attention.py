"""The scratch of attention's kernels: accumulators in fp32, and the rows' sums of gradients.

Flash and memory-efficient attention are PyTorch's own, in aten/src/ATen/native/transformers/cuda of
github.com/pytorch/pytorch, and what they take is read from its source code, named at each function. cuDNN's
plans were measured: the formula was written from 16 calls. Seen on an H100 with torch 2.11.0 and cuDNN 9.19
were 57 calls of flash attention, 228 of memory-efficient and 441 of cuDNN's, drawn at random (widths 16 to
288, 1 to 1000 positions, 4, 8 or 12 heads), half of them with the gradient: all asked for what is here, in
this order, to the byte. For other GPUs, and where flash attention shares keys, PyTorch's compiled code asked
for it over a pretend CUDA.

Not modelled: deterministic algorithms; batches of more than 65 535, whose gradients are made in parts; that
flash attention's gradient copies the output and its gradient where they are not laid out by position first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch

from fxcost.gpu.scratch.kernel import Kernel, Scratch, Tensor

FLOAT = 4
HALF = (torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class _Call:
    """What a call's scratch depends on."""

    kernel: Kernel

    @property
    def query(self) -> Tensor:
        tensor: Tensor = self.kernel.arguments["query"]
        return tensor

    @property
    def key(self) -> Tensor:
        tensor: Tensor = self.kernel.arguments["key"]
        return tensor

    @property
    def value(self) -> Tensor:
        tensor: Tensor = self.kernel.arguments["value"]
        return tensor

    @property
    def batch(self) -> int:
        return self.query.shape[0]

    @property
    def heads(self) -> int:
        return self.query.shape[1]

    @property
    def queries(self) -> int:
        return self.query.shape[2]

    @property
    def keys(self) -> int:
        return self.key.shape[2]

    @property
    def shares_keys(self) -> bool:
        """Whether several heads of the query take the same key: its gradients are made for each head."""
        return bool(self.heads != self.key.shape[1])

    @property
    def drops(self) -> bool:
        return bool(self.kernel.arguments["dropout_p"] != 0)

    @property
    def halves(self) -> bool:
        return self.query.dtype in HALF

    @property
    def capability(self) -> tuple[int, int]:
        return self.kernel.card.device.compute_capability

    @property
    def rows(self) -> int:
        """The bytes of a number in fp32 for each row of the query."""
        return self.batch * self.heads * self.queries * FLOAT


def scratch(kernel: Kernel) -> Iterator[Scratch]:
    """Yield what attention, or its gradient, takes besides its results, in order.

    Args:
        kernel: A call of one of `OPERATORS`.

    >>> from fxcost.gpu import Card
    >>> query = Tensor((32, 12, 197, 64), torch.bfloat16)
    >>> arguments = {"query": query, "key": query, "value": query, "dropout_p": 0.0}
    >>> name = "_scaled_dot_product_cudnn_attention_backward"
    >>> [each.nbytes for each in scratch(Kernel(name, arguments, (query,) * 3, Card.of("h100-sxm")))]
    [19668736]
    """
    yield from (each for each in OPERATORS[kernel.operator](_Call(kernel)) if each.nbytes)


def _up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


FLASH_ROWS = 128
"""Flash attention rounds positions up to a multiple of it."""

SEED = 16
"""Bytes of a state of random numbers, of which there are two for a moment."""


def _flash_width(call: _Call) -> int:
    """Return the width that flash attention accumulates: `head_size_rounded`."""
    width = call.query.shape[3]
    return _up(width, 32 if width <= 128 else 64)


def _flash(call: _Call) -> Iterator[Scratch]:
    """Yield what flash attention takes: `set_params_splitkv` of flash_attn/flash_api.cpp.

    Where queries are few, keys are shared among blocks of threads, whose parts are added up. A single query
    of several heads that share keys is taken for as many queries of one head.
    """
    batch, heads, queries = call.batch, call.heads, call.queries
    if call.drops:
        yield Scratch(SEED)
        return
    if queries == 1 and call.shares_keys:
        heads = call.key.shape[1]
        queries = call.heads // heads
    width = call.query.shape[3]
    block = 256 if width <= 64 else 128 if width <= 128 else 64
    blocks = batch * heads * -(-queries // 64)
    parts = _parts(blocks, 2 * call.kernel.multiprocessors, -(-call.keys // block))
    if parts > 1:
        sums = parts * batch * heads * queries * FLOAT
        yield Scratch(sums)
        yield Scratch(sums * _flash_width(call))


FULL = 0.8
"""Where so much of the multiprocessors has a block, keys are not shared."""

NEARLY_BEST = 0.85
MOST_PARTS = 128


def _parts(blocks: int, multiprocessors: int, keys: int) -> int:
    """Return among how many blocks of threads keys are shared: `num_splits_heuristic`.

    Args:
        blocks: Of threads, where they are not.
        multiprocessors: Twice as many as there are.
        keys: How many blocks of keys there are.
    """
    if blocks >= FULL * multiprocessors:
        return 1
    waves = {
        parts: blocks * parts / multiprocessors
        for parts in range(1, min(MOST_PARTS, multiprocessors, keys) + 1)
        if parts == 1 or -(-keys // parts) != -(-keys // (parts - 1))
    }
    busy = {parts: number / math.ceil(number) for parts, number in waves.items()}
    best = max(busy.values())
    return min(parts for parts, part in busy.items() if part >= NEARLY_BEST * best)


def _flash_backward(call: _Call) -> Iterator[Scratch]:
    """Yield what its gradient takes: `mha_bwd` of flash_attn/flash_api.cpp."""
    rows = call.batch * call.heads * _up(call.queries, FLASH_ROWS) * FLOAT
    yield Scratch(rows)
    yield Scratch(rows * _flash_width(call))
    if call.shares_keys:
        count = call.batch * call.heads * call.keys * call.query.shape[3]
        yield from 2 * (Scratch(count * call.query.dtype.itemsize),)


KEPT_WIDTH = 128
"""Memory-efficient attention has wider outputs in memory between its steps, narrower ones in registers."""


def _efficient(call: _Call) -> Iterator[Scratch]:
    """Yield what memory-efficient attention takes: `output_accum` of attention.cu."""
    if call.halves and max(call.query.shape[3], call.value.shape[3]) > KEPT_WIDTH:
        yield Scratch(call.rows * call.value.shape[3])


@dataclass(frozen=True, slots=True)
class _Tiles:
    """A kernel of the gradient.

    Attributes:
        queries: How many it takes at once.
        keys: How many it takes at once.
        kept: Whether the gradients of keys and values stay in registers.
    """

    queries: int
    keys: int
    kept: bool


def _tiles(call: _Call) -> _Tiles:
    """Return the first kernel of mem_eff_attention/kernels/cutlassB.h that fits.

    Some tiles of 128 queries need more shared memory than GPUs of capability 8.6, 8.9 and 12 have: which, the
    compiled code of torch 2.11 answered when it was told of 64 KiB (7.5), 96 (7.0), 99 (8.6, 12.0), 164 (8.0)
    and 227 (9.0).
    """
    width, capability = max(call.query.shape[3], call.value.shape[3]), call.capability
    roomy = capability[0] in {9, 10} or capability == (8, 0)
    if width <= 64 or capability < (7, 0):
        return _Tiles(64, 64, call.halves and width <= 64)
    if not call.halves:
        return _Tiles(128 if roomy else 64, 64, False)
    if width > KEPT_WIDTH or capability < (8, 0):
        return _Tiles(128, 64, width <= KEPT_WIDTH)
    if capability in {(8, 6), (8, 9)} and width <= 96 and not call.drops:
        return _Tiles(128, 64, True)
    return _Tiles(128, 128, True) if roomy else _Tiles(64, 64, False)


def _efficient_backward(call: _Call) -> Iterator[Scratch]:
    """Yield what its gradient takes: `_efficient_attention_backward` of attention_backward.cu.

    The rows' sums come first; `kKernelComputesDelta` of mem_eff_attention/kernel_backward.h tells whether the
    kernel makes them.
    """
    tiles = _tiles(call)
    volta = (7, 0) <= call.capability < (7, 5)
    if call.halves and (tiles.kept or not volta):
        yield Scratch(call.rows)
    else:
        yield from _sums(call)
    yield Scratch(_workspace(call, tiles))


def _sums(call: _Call) -> Iterator[Scratch]:
    """Yield what other operators take for the rows' sums: products in fp32, summed, then laid out by head."""
    product = Scratch(call.rows * call.value.shape[3], brief=True)
    yield from (3 if call.halves else 1) * (product,)
    if call.heads > 1 and call.queries > 1:
        yield Scratch(call.rows, brief=True)
    yield Scratch(call.rows)


LOCK = 16
"""Bytes before each tile of the query's gradient."""

BUSY = 256
MOST_SHARED = 200


def _workspace(call: _Call, tiles: _Tiles) -> int:
    """Return `workspace_size` of mem_eff_attention/kernel_backward.h."""
    blocks, width = call.batch * call.heads, call.query.shape[3]
    shared = call.capability >= (7, 0)
    if not (shared or call.halves):
        return 0
    parts = -(-call.keys // tiles.keys)
    if blocks >= BUSY and call.keys <= 2 * tiles.keys:
        parts = 1
    keys = 0
    if call.halves and not tiles.kept:
        parts = max(1, min(parts, MOST_SHARED // blocks)) if shared else 1
        widths = _up(width, tiles.queries) + _up(call.value.shape[3], tiles.queries)
        keys = parts * tiles.keys * widths * FLOAT
    count = -(-call.queries // tiles.queries) * -(-width // tiles.keys)
    return blocks * (keys + count * (tiles.queries * tiles.keys * FLOAT + LOCK))


CUDNN = 256
"""Bytes of cuDNN's workspace besides tensors."""

ALIGNED = 128
"""Bytes that tensors in it take a multiple of."""


def _cudnn(call: _Call) -> Iterator[Scratch]:
    """Yield what cuDNN takes: measured."""
    if call.queries > 1:
        yield Scratch(CUDNN)


def _cudnn_backward(call: _Call) -> Iterator[Scratch]:
    """Yield what its gradient takes, measured: the query's gradient in fp32, rows' sums, keys' by head."""
    nbytes = CUDNN + call.rows * call.query.shape[3] + call.rows
    if call.shares_keys:
        each = call.batch * call.heads * call.keys * call.query.dtype.itemsize
        nbytes += sum(_up(each * tensor.shape[3], ALIGNED) for tensor in (call.key, call.value))
    yield Scratch(nbytes)


OPERATORS: Mapping[str, Callable[[_Call], Iterator[Scratch]]] = MappingProxyType(
    {
        "_scaled_dot_product_flash_attention": _flash,
        "_scaled_dot_product_flash_attention_backward": _flash_backward,
        "_scaled_dot_product_efficient_attention": _efficient,
        "_scaled_dot_product_efficient_attention_backward": _efficient_backward,
        "_scaled_dot_product_cudnn_attention": _cudnn,
        "_scaled_dot_product_cudnn_attention_backward": _cudnn_backward,
    }
)
