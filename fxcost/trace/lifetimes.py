"""Which memory is alive when, where tensors of alternatives stand for each other's memory.

A trace of all alternatives makes a stand-in tensor wherever an alternative takes its input or hands on its
output. Where that alternative is the chosen one, the stand-in *is* another tensor's memory, and keeps it
alive as long as it lives itself. So memory has several holders, each under a condition, and is split into
pieces: each piece is what is freed when one of the holders goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import sympy

from fxcost.program import Event
from fxcost.trace.gates import Gates


@dataclass(frozen=True, slots=True)
class Link:
    """Where `condition` holds, a storage is the one numbered `target`."""

    condition: sympy.Basic
    target: int


@dataclass(frozen=True, slots=True)
class Existence:
    """When a recorded storage is memory of its own, and when it is another's."""

    gate: sympy.Basic = sympy.true
    links: tuple[Link, ...] = ()


@dataclass
class Lifetimes:
    """Memory piece by piece.

    Attributes:
        gates: By piece, when it exists. The first pieces are the recorded storages; further ones of the same
            storage follow after them.
        storage: By piece, the storage it belongs to.
        events: Allocations and releases of pieces.
        kept: The pieces alive at the mark that were not when the run started.
        alive: The pieces alive when the run starts.
    """

    gates: list[sympy.Basic]
    storage: list[int]
    events: list[Event] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    alive: list[int] = field(default_factory=list)


def lifetimes(
    existences: Sequence[Existence], alive: Iterable[int], events: Sequence[Event], mark: int, gates: Gates
) -> Lifetimes:
    """Split storages into pieces, each with one lifetime.

    Args:
        existences: Of every recorded storage.
        alive: The storages that live when the run starts.
        events: Their allocations and releases.
        mark: The number of events after which `kept` is taken.
        gates: Joins conditions.

    Example:
        Storage 1 is made by an alternative of storage 0's; 2 stands for 0 within another one.

        >>> from fxcost.expr import Domain
        >>> from fxcost.program import Phase
        >>> from fxcost.space import Choice, Space
        >>> domain = Domain(Space(act=Choice("relu", "gelu")))
        >>> first, second = (sympy.Eq(domain.symbols["act"], index) for index in range(2))
        >>> existences = [Existence(), Existence(first), Existence(sympy.false, (Link(second, 0),))]
        >>> order = [(0, True), (1, True), (2, True), (0, False), (1, False), (2, False)]
        >>> run = [Event(storage, allocates, Phase.FORWARD, "") for storage, allocates in order]
        >>> split = lifetimes(existences, [], run, 6, Gates(domain))
        >>> [(event.storage, event.allocates) for event in split.events]
        [(0, True), (3, True), (1, True), (0, False), (1, False), (3, False)]
        >>> split.gates[0], split.gates[3]  # "gelu" is option 1
        (Ne(act, 1), Eq(act, 1))
    """
    return _Sweep(existences, gates).run(list(alive), events, mark)


class _Sweep:
    """Follows the holders of every storage through the events."""

    def __init__(self, existences: Sequence[Existence], gates: Gates) -> None:
        self.existences = existences
        self.joined = gates
        self.roots = self._roots()
        self.result = Lifetimes([e.gate for e in existences], list(range(len(existences))))
        self._holding: dict[int, dict[int, sympy.Basic]] = {}
        self._freed: dict[int, list[int]] = {}
        self._pieces: dict[int, list[int]] = {}

    def _roots(self) -> list[Mapping[int, sympy.Basic]]:
        """Return which memory each storage holds, and when."""
        roots: list[Mapping[int, sympy.Basic]] = []
        for index, existence in enumerate(self.existences):
            held: dict[int, sympy.Basic] = {}
            if existence.gate is not sympy.false:
                held[index] = existence.gate
            for link in existence.links:
                for root, condition in roots[link.target].items():
                    both = self.joined.both(link.condition, condition)
                    if both is not sympy.false:
                        held[root] = self.joined.either(held.get(root, sympy.false), both)
            roots.append(held)
        return roots

    def run(self, alive: list[int], events: Sequence[Event], mark: int) -> Lifetimes:
        for storage in alive:
            self._born(storage)
        for number, event in enumerate(events):
            if event.allocates:
                self._born(event.storage)
            else:
                self._died(number, event.storage)
        for root in self._holding:
            self._piece(root, self._held(root))
        self._write(alive, events, mark)
        return self.result

    def _born(self, storage: int) -> None:
        for root, condition in self.roots[storage].items():
            self._holding.setdefault(root, {})[storage] = condition

    def _held(self, root: int) -> sympy.Basic:
        return self.joined.any_of(iter(self._holding[root].values()))

    def _died(self, number: int, storage: int) -> None:
        for root in self.roots[storage]:
            before = self._held(root)
            del self._holding[root][storage]
            lost = self.joined.both(before, self.joined.opposite(self._held(root)))
            piece = self._piece(root, lost)
            if piece is not None:
                self._freed.setdefault(number, []).append(piece)

    def _piece(self, root: int, gate: sympy.Basic) -> int | None:
        """Make a storage's next piece, the first one in its own place."""
        if gate is sympy.false:
            return None
        pieces = self._pieces.setdefault(root, [])
        piece = len(self.result.gates) if pieces else root
        pieces.append(piece)
        if piece == root:
            self.result.gates[root] = gate
        else:
            self.result.gates.append(gate)
            self.result.storage.append(root)
        return piece

    def _write(self, alive: list[int], events: Sequence[Event], mark: int) -> None:
        result = self.result
        result.alive = [piece for storage in alive for piece in self._pieces.get(storage, ())]
        now = dict.fromkeys(result.alive)
        for number, event in enumerate(events):
            if number == mark:
                result.kept = list(now)
            changed = self._pieces.get(event.storage, ()) if event.allocates else self._freed.get(number, ())
            for piece in changed:
                result.events.append(Event(piece, event.allocates, event.phase, event.node))
                if event.allocates:
                    now[piece] = None
                else:
                    del now[piece]
        if mark >= len(events):
            result.kept = list(now)
        started = set(result.alive)
        result.kept = [piece for piece in result.kept if piece not in started]
