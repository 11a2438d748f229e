"""Runs all alternatives of a choice in one trace, each as if it were the only one.

Every alternative gets a stand-in for each tensor it takes, and what the alternatives return is joined into
one stand-in. A stand-in owns no memory: where its alternative is chosen it is the tensor it stands for. The
autograd functions do the same with gradients, so that the backward pass, too, is the chosen alternative's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
import torch
from torch import nn
from torch.utils._pytree import tree_flatten, tree_map_only, tree_unflatten

from fxcost.trace.gates import Gates
from fxcost.trace.recorder import Like, Recorder, size_of
from fxcost.trace.symbols import SYMBOLIC, HyperparameterEnv


@dataclass(frozen=True)
class Alternatives:
    """Traces alternatives together.

    Attributes:
        env: Answers questions.
        gates: Joins the conditions of nested choices.
        recorder: Sees what runs.
    """

    env: HyperparameterEnv
    gates: Gates
    recorder: Recorder

    def built(
        self, conditions: Mapping[Any, sympy.Basic], build: Mapping[Any, Callable[[], nn.Module]]
    ) -> dict[Any, tuple[sympy.Basic, nn.Module]]:
        """Build alternatives, each under its condition, by key.

        One that raises where it is not the chosen one is left out; the trace holds where it is not chosen.
        """
        found = {}
        for key, condition in conditions.items():
            try:
                with self.gates.inside(condition):
                    found[key] = (condition, build[key]())
            except Exception:
                if not self._left_out(condition):
                    raise
        return found

    def run(
        self,
        alternatives: Sequence[tuple[sympy.Basic, nn.Module]],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Return the joined result of calling each alternative with the same arguments.

        Where results cannot be joined, the choice is fixed and the chosen one's is returned.
        """
        leaves, structure = tree_flatten((args, dict(kwargs)))
        conditions = [condition for condition, _ in alternatives]
        forks = [
            _Fork.apply(self, conditions, leaf)
            if isinstance(leaf, torch.Tensor)
            else [leaf] * len(conditions)
            for leaf in leaves
        ]
        results, natures, kept = [], [], []
        for (condition, module), *inputs in zip(alternatives, *forks, strict=True):
            own_args, own_kwargs = tree_unflatten(inputs, structure)
            try:
                with self.gates.inside(condition):
                    result = module(*own_args, **own_kwargs)
            except Exception:
                if not self._left_out(condition):
                    raise
                continue
            natures.append(_nature(result, inputs))
            results.append(tree_map_only(torch.Tensor, _unchanged(inputs, leaves), result))
            kept.append(condition)
        if len(set(natures)) == 1:
            return self._joined(kept, results)
        return next(result for condition, result in zip(kept, results, strict=True) if self.fixed(condition))

    def _left_out(self, condition: sympy.Basic) -> bool:
        """Keep whether a failed alternative is the chosen one; if so, the failure is the model's."""
        chosen = self.decided(condition)
        self.env.keep(condition if chosen else self.gates.opposite(condition))
        return not chosen

    def _joined(self, conditions: Sequence[sympy.Basic], results: Sequence[Any]) -> Any:
        flat = [tree_flatten(result) for result in results]
        leaves = [
            _Join.apply(self, conditions, *parts) if isinstance(parts[0], torch.Tensor) else parts[0]
            for parts in zip(*(leaves for leaves, _ in flat), strict=True)
        ]
        return tree_unflatten(leaves, flat[0][1])

    def decided(self, condition: sympy.Basic) -> bool:
        """Tell whether a condition is true at the hint."""
        return bool(self.env.size_hint(condition))

    def fixed(self, condition: sympy.Basic) -> bool:
        """Tell whether a condition is true at the hint, and keep that it is."""
        true = self.decided(condition)
        if true:
            self.env.assume(condition)
        return true

    def chosen(self, conditions: Sequence[sympy.Basic], sizes: Sequence[Any]) -> Any:
        """Return the size whose condition holds; one of the conditions does."""
        expressions = [sympy.sympify(size_of(size)) for size in sizes]
        if len(set(expressions)) == 1:
            return sizes[0]
        pairs = list(zip(expressions, conditions, strict=True))
        expression = sympy.Piecewise(*pairs[:-1], (expressions[-1], True), evaluate=False)
        return torch.SymInt(self.env.node(expression, int, int(self.env.size_hint(expression))))

    def stand_in(self, like: Like, targets: Sequence[tuple[sympy.Basic, torch.Tensor]]) -> torch.Tensor:
        """Return a tensor that is another one's memory wherever a condition says so."""
        return self.recorder.stand_in(
            like,
            [
                (self.gates.both(condition, self.recorder.presence(target)), target)
                for condition, target in targets
            ],
        )

    def merged(self, conditions: Sequence[sympy.Basic], tensors: Sequence[torch.Tensor]) -> Like:
        """Return the shape that alternatives' results have together: each size where its condition holds."""
        shape = [self.chosen(conditions, sizes) for sizes in zip(*(t.shape for t in tensors), strict=True)]
        strides = [
            self.chosen(conditions, sizes) for sizes in zip(*(t.stride() for t in tensors), strict=True)
        ]
        return Like(tuple(shape), tuple(strides), tensors[0].dtype)


def _nature(result: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:
    """Return what alternatives' results must have in common to be joined: all but sizes and strides.

    That an output has a gradient, and for which of the inputs, decides what is kept for the backward pass.
    """
    leaves, structure = tree_flatten(result)
    forks = {
        each.grad_fn: place
        for place, each in enumerate(inputs)
        if isinstance(each, torch.Tensor) and each.grad_fn is not None
    }
    return repr(structure), *(_nature_of_leaf(leaf, forks) for leaf in leaves)


def _nature_of_leaf(leaf: Any, forks: Mapping[Any, int]) -> tuple[Any, ...]:
    if isinstance(leaf, torch.Tensor):
        return leaf.dtype, leaf.ndim, leaf.requires_grad, _reached(leaf.grad_fn, forks)
    if isinstance(leaf, SYMBOLIC):
        return type(leaf), leaf.node._expr
    return type(leaf), repr(leaf)


def _reached(start: Any, forks: Mapping[Any, int]) -> frozenset[int]:
    """Return the places of the inputs for which a gradient goes on from a node."""
    waiting, seen, found = [start], set(), set()
    while waiting:
        node = waiting.pop()
        if node in forks:
            found.add(forks[node])
        elif node is not None and node not in seen:
            seen.add(node)
            waiting += [following for following, _ in node.next_functions]
    return frozenset(found)


def _unchanged(inputs: Sequence[Any], originals: Sequence[Any]) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return what replaces an input that an alternative hands on as it is by the tensor it stands for.

    Its gradient then goes to where that of the original goes, at the same moment.
    """

    def original(tensor: torch.Tensor) -> torch.Tensor:
        for stand_in, leaf in zip(inputs, originals, strict=True):
            if tensor is stand_in and tensor._version == 0:
                return leaf  # type: ignore[no-any-return]
        return tensor

    return original


class _Fork(torch.autograd.Function):
    """One tensor as a stand-in for each alternative; backward, one gradient of theirs."""

    @staticmethod
    def forward(ctx: Any, alternatives: Alternatives, conditions: list[Any], tensor: torch.Tensor) -> Any:
        ctx.alternatives = alternatives
        ctx.like = Like.of(tensor)
        ctx.set_materialize_grads(False)
        return tuple(alternatives.stand_in(ctx.like, [(condition, tensor)]) for condition in conditions)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor | None) -> Any:
        given = [(sympy.true, gradient) for gradient in gradients if gradient is not None]
        if not given:
            return None, None, None
        return None, None, ctx.alternatives.stand_in(Like.of(given[0][1]), given)


class _Join(torch.autograd.Function):
    """What the alternatives return as one stand-in; backward, its gradient for each of them."""

    @staticmethod
    def forward(ctx: Any, alternatives: Alternatives, conditions: list[Any], *tensors: torch.Tensor) -> Any:
        ctx.alternatives, ctx.conditions = alternatives, conditions
        ctx.likes = [Like.of(tensor) for tensor in tensors]
        ctx.set_materialize_grads(False)
        targets = list(zip(conditions, tensors, strict=True))
        return alternatives.stand_in(alternatives.merged(conditions, tensors), targets)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor | None) -> Any:
        if gradient is None:
            return None, None, *(None for _ in ctx.likes)
        return (
            None,
            None,
            *(
                ctx.alternatives.stand_in(like, [(condition, gradient)]) if needed else None
                for condition, like, needed in zip(
                    ctx.conditions, ctx.likes, ctx.needs_input_grad[2:], strict=True
                )
            ),
        )
