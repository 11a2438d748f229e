"""When an operator's results exist, told from when its arguments do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy
import torch
from torch.utils._pytree import tree_leaves

from fxcost.trace.gates import Gates

Presence = Callable[[torch.Tensor], sympy.Basic]
SUM = torch.ops.aten.add.Tensor


@dataclass(frozen=True, slots=True)
class Gated:
    """When a result is memory of its own, when it exists at all, and when it is another tensor.

    Attributes:
        gate: Its memory is allocated where this holds.
        presence: It exists where this holds.
        links: Where a condition holds, it is the tensor given with it.
    """

    gate: sympy.Basic = sympy.true
    presence: sympy.Basic = sympy.true
    links: tuple[tuple[sympy.Basic, torch.Tensor], ...] = ()


EVERYWHERE = Gated()


@dataclass(frozen=True, slots=True)
class OperatorGates:
    """When an operator runs.

    Attributes:
        of_node: When; of an operator on lists, a tuple with when it works on each of their entries.
        results: By position, when the results exist; the first one's holds for all where there is one only.
    """

    of_node: sympy.Basic | tuple[sympy.Basic, ...]
    results: tuple[Gated, ...]

    def of_result(self, position: int) -> Gated:
        """Return when a result exists."""
        return self.results[position] if len(self.results) > 1 else self.results[0]


UNGATED = OperatorGates(sympy.true, (EVERYWHERE,))


@dataclass
class Gating:
    """Finds when operators run; everything is ungated until the first alternative runs."""

    gates: Gates
    _plain: dict[sympy.Basic, OperatorGates] = field(default_factory=dict)

    def of(
        self,
        operator: torch._ops.OpOverload,
        args: Sequence[Any],
        kwargs: Any,
        presence: Presence,
        place: sympy.Basic,
        *,
        sums: bool,
    ) -> OperatorGates:
        """Return when an operator runs.

        Args:
            operator: What runs.
            args: Its arguments.
            kwargs: Its keyword arguments.
            presence: Tells when a tensor exists.
            place: When the code that it belongs to runs.
            sums: Whether all arguments are gradients: two of them are added where both exist.
        """
        if not self.gates.used:
            return UNGATED
        if operator._opname.startswith("_foreach_"):
            return self._of_lists(args, presence, place)
        if sums and operator is SUM:
            return self._of_sum(args[0], args[1], presence)
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        return self._uniform(self._all(place, map(presence, tensors)))

    def _all(self, start: sympy.Basic, conditions: Iterable[sympy.Basic]) -> sympy.Basic:
        for condition in conditions:
            start = self.gates.both(start, condition)
        return start

    def _uniform(self, gate: sympy.Basic) -> OperatorGates:
        if gate not in self._plain:
            self._plain[gate] = OperatorGates(gate, (Gated(gate, gate),))
        return self._plain[gate]

    def _of_lists(self, args: Sequence[Any], presence: Presence, place: sympy.Basic) -> OperatorGates:
        """Return when an operator on lists works on each of their entries."""
        lists = [
            argument
            for argument in args
            if isinstance(argument, (list, tuple))
            and any(isinstance(each, torch.Tensor) for each in argument)
        ]
        gates = tuple(self._all(place, map(presence, entries)) for entries in zip(*lists, strict=True))
        return OperatorGates(gates, tuple(Gated(gate, gate) for gate in gates))

    def _of_sum(self, old: torch.Tensor, new: torch.Tensor, presence: Presence) -> OperatorGates:
        """Return when two gradients are added: where only one of them exists, it is the sum."""
        gates = self.gates
        first, second = presence(old), presence(new)
        both = gates.both(first, second)
        links = (
            (gates.both(first, gates.opposite(second)), old),
            (gates.both(second, gates.opposite(first)), new),
        )
        held = tuple((condition, tensor) for condition, tensor in links if condition is not sympy.false)
        return OperatorGates(both, (Gated(both, gates.either(first, second), held),))
