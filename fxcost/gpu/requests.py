"""What a configuration asks of the allocator, from a cold start over its first two steps.

Weights go to the GPU first, in the order in which `Module.to` moves them, then what else is alive before a
step and is no state, then the batch. In the first step gradients that are kept come alive where the backward
pass begins, and the optimizer's state where its step begins; from then on all steps are alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fxcost.allocator import Events, Frame, Kind, Span
from fxcost.allocator.sizes import BLOCK
from fxcost.costs import Sizes
from fxcost.expr.functions import Number
from fxcost.gpu.card import Workspace
from fxcost.gpu.scratch import Scratch
from fxcost.program import Event, Phase, Program, Role, Weight

STEPS = 2
"""After two all steps ask for the same."""

FIRST = (Role.PARAMETER, Role.BUFFER)
SCRATCH = -(2**31)
"""What stands for scratch memory among storages."""

LATE = {Role.GRADIENT: Phase.BACKWARD, Role.OPTIMIZER_STATE: Phase.STEP}


@dataclass(frozen=True)
class Requests:
    """A configuration's requests.

    Attributes:
        program: What makes them.
        events: The requests.
        storages: By event, the program's storage; below 0 for a workspace, the first one's being -1, and for
            scratch memory.
        spans: The phases, by event.
    """

    program: Program
    events: Events
    storages: npt.NDArray[np.int64]
    spans: tuple[Span, ...]

    @cached_property
    def live(self) -> int:
        """The most bytes of tensors alive."""
        return self._peak(self.events.sizes, self.storages >= 0)

    @cached_property
    def rounded(self) -> int:
        """The same, each storage rounded up as the allocator does it."""
        return self._peak(-(-self.events.sizes // BLOCK) * BLOCK, self.storages >= 0)

    @cached_property
    def asked(self) -> int:
        """The most bytes asked for and not given back, of tensors, workspaces and scratch; not rounded."""
        return self._peak_of_all(self.events.sizes)

    @cached_property
    def with_workspaces(self) -> int:
        """The most bytes of tensors and of what libraries keep, each rounded up as the allocator does it."""
        return self._peak(-(-self.events.sizes // BLOCK) * BLOCK, self.storages != SCRATCH)

    @cached_property
    def with_scratch(self) -> int:
        """The same, together with what kernels take for the time of a call."""
        return self._peak_of_all(-(-self.events.sizes // BLOCK) * BLOCK)

    def by_role(self) -> dict[str, npt.NDArray[np.int64]]:
        """Return the bytes alive after each event, by what they hold; what is never there is left out."""
        roles = np.array([self._role(storage) for storage in self.storages.tolist()])
        changes = self._changes(self.events.sizes)
        return {
            name: np.cumsum(np.where(roles == name, changes, 0)) for name in dict.fromkeys(roles.tolist())
        }

    def _role(self, storage: int) -> str:
        return str(self.program.storages[storage].role) if storage >= 0 else "workspace"

    def _peak(self, sizes: npt.NDArray[np.int64], counted: npt.NDArray[np.bool_]) -> int:
        return int(np.cumsum(np.where(counted, self._changes(sizes), 0)).max(initial=0))

    def _peak_of_all(self, sizes: npt.NDArray[np.int64]) -> int:
        tried = np.where(self.events.kinds == Kind.ATTEMPT, sizes, 0)
        return int((np.cumsum(self._changes(sizes)) + tried).max(initial=0))

    def _changes(self, sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return by how many bytes each event changes what is alive."""
        born = self.events.kinds == Kind.ALLOCATE
        of_id = np.zeros(int(self.events.ids.max(initial=0)) + 1, np.int64)  # an attempt's stays 0
        of_id[self.events.ids[born]] = sizes[born]
        return np.where(born, 1, -1) * of_id[self.events.ids]

    @cached_property
    def frames(self) -> Mapping[int, Sequence[Frame]]:
        """The user's line of each event that has one."""
        found = {}
        for event, storage in enumerate(self.storages.tolist()):
            source = self.program.storages[storage].source if storage >= 0 else None
            if source is not None:
                found[event] = [Frame(source.file, source.line, source.function)]
        return found


def requests(
    sizes: Sizes,
    values: Mapping[str, Number],
    workspaces: Sequence[Workspace] = (),
    scratch: Mapping[str, Sequence[Scratch]] | None = None,
) -> Requests:
    """Return what a configuration asks for.

    Args:
        sizes: Its program's, traced alone.
        values: The configuration, encoded by the domain.
        workspaces: What libraries keep.
        scratch: By operator's node, what its kernels take for the time of the call.
    """
    writer = _Writer(sizes.program, workspaces, scratch or {})
    needed = dict.fromkeys((*sizes.program.alive, *(event.storage for event in sizes.program.events)))
    writer.sizes |= {storage: sizes.nbytes(storage).evaluate(values) for storage in needed}
    start = writer.start()
    spans = [Span("start", 0, start - 1)] if start else []
    for step in range(STEPS):
        if step:
            writer.restore()
        for phase, events in _phases(sizes.program):
            begin = len(writer.rows)
            if not step:
                writer.allocate(s for s in sizes.program.alive if LATE.get(writer.role(s)) == phase)
                writer.keep(phase)
            for event in events:
                writer.add(event.storage, allocates=event.allocates)
                writer.borrow(event)
            if len(writer.rows) > begin:
                spans.append(Span(f"step {step + 1}: {phase}", begin, len(writer.rows) - 1))
    return writer.finished(tuple(spans))


def _phases(program: Program) -> Iterator[tuple[Phase, list[Event]]]:
    """Yield the events of each phase in turn; a phase without any is there, too."""
    order = [Phase.FORWARD, Phase.BACKWARD, Phase.STEP]
    found: dict[Phase, list[Event]] = {phase: [] for phase in order}
    reached = 0
    for event in program.events:
        reached = max(reached, order.index(event.phase)) if event.phase in order else reached
        found[order[reached]].append(event)
    yield from found.items()


def _moved(weights: Iterable[Weight]) -> Iterator[int]:
    """Yield storages as `Module._apply` reaches them: of each its children's, parameters, buffers."""
    children: dict[str, dict[str, None]] = {}
    own: dict[str, list[Weight]] = {}
    for weight in weights:
        module, _, _ = weight.name.rpartition(".")
        own.setdefault(module, []).append(weight)
        while module:
            outer, _, _ = module.rpartition(".")
            children.setdefault(outer, {})[module] = None
            module = outer

    def reached(module: str) -> Iterator[int]:
        for child in children.get(module, ()):
            yield from reached(child)
        yield from (each.storage for each in sorted(own.get(module, ()), key=lambda each: each.buffer))

    yield from dict.fromkeys(reached(""))


class _Writer:
    """Writes requests, one after the other."""

    def __init__(
        self, program: Program, workspaces: Sequence[Workspace], scratch: Mapping[str, Sequence[Scratch]]
    ) -> None:
        self.program = program
        self.scratch = scratch
        self.results = Counter(event.node for event in program.events if event.allocates)
        self.made = Counter[str]()
        self.kept = {-1 - at: each for at, each in enumerate(workspaces)}
        self.sizes = {key: each.nbytes for key, each in self.kept.items()}
        self.rows: list[tuple[int, int, int]] = []
        self.storages: list[int] = []
        self.ids: dict[int, int] = {}
        self.count = 0
        self.alive = frozenset(program.alive)

    def role(self, storage: int) -> Role:
        return self.program.storages[storage].role

    def start(self) -> int:
        """Write what is alive before the first step; return how many events that took."""
        alive = [storage for storage in self.program.alive if self.role(storage) not in LATE]
        rank = dict.fromkeys(FIRST, 0) | {Role.BATCH: 2}
        moved = {storage: at for at, storage in enumerate(_moved(self.program.weights))}
        order = {each: (rank.get(self.role(each), 1), moved.get(each, len(moved)), each) for each in alive}
        self.allocate(sorted(alive, key=order.__getitem__))
        return len(self.rows)

    def allocate(self, storages: Iterable[int]) -> None:
        for storage in storages:
            self.add(storage, allocates=True)

    def restore(self) -> None:
        """Free what a step left alive, such as its loss, and allocate what it freed."""
        for storage in [each for each in self.ids if each >= 0 and each not in self.alive]:
            self.add(storage, allocates=False)
        self.allocate(storage for storage in self.program.alive if storage not in self.ids)

    def add(self, storage: int, *, allocates: bool) -> None:
        if allocates:
            self.ids[storage] = self.count
            self.count += 1
            self._write(storage, Kind.ALLOCATE, self.ids[storage], self.sizes[storage])
        else:
            self._write(storage, Kind.FREE, self.ids.pop(storage), 0)

    def keep(self, phase: Phase) -> None:
        """Write the workspaces of a phase that are first used by operators without a new result."""
        self._keep(
            key for key, each in self.kept.items() if (each.phase, self.results[each.node]) == (phase, 0)
        )

    def _keep(self, workspaces: Iterable[int]) -> None:
        found = list(workspaces)
        self.allocate(found)
        for key in found:
            del self.kept[key]

    def borrow(self, event: Event) -> None:
        """Write what an operator takes for the time of its call, once the result before it is there."""
        if not event.allocates:
            return
        at = self.made[event.node] % self.results[event.node]
        self.made[event.node] += 1
        last = self.results[event.node] - 1
        if at == last:
            self._keep(key for key, each in self.kept.items() if each.node == event.node)
        taken = [
            each
            for each in self.scratch.get(event.node, ())
            if min(last, last if each.after is None else each.after) == at
        ]
        needed: list[int] = []
        brief: list[int] = []
        for each in taken:
            self._write(SCRATCH, Kind.ALLOCATE if each.needed else Kind.ATTEMPT, self.count, each.nbytes)
            if each.needed:
                (brief if each.brief else needed).append(self.count)
            self.count += 1
            while brief and not each.brief:
                self._write(SCRATCH, Kind.FREE, brief.pop(), 0)
        for key in (*brief, *reversed(needed)):
            self._write(SCRATCH, Kind.FREE, key, 0)

    def _write(self, storage: int, kind: Kind, key: int, nbytes: int) -> None:
        self.rows.append((kind, key, nbytes))
        self.storages.append(storage)

    def finished(self, spans: tuple[Span, ...]) -> Requests:
        kinds, ids, sizes = np.array(self.rows, np.int64).reshape(-1, 3).T.copy()
        return Requests(self.program, Events(kinds, ids, sizes), np.array(self.storages, np.int64), spans)
