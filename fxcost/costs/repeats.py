"""Depth in closed form: the timeline of a run whose repeated segments are counted by hyperparameters.

Two traces that differ by one layer show which events the layer adds: runs of events in the forward pass,
mirrored ones in the backward pass, one more entry in each of the optimizer's lists. A run that is put in
again for each further layer makes the timeline at any depth; what is alive during its j-th repetition is
affine in j, so that only the first and the last can be the worst.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import sympy
from torch.utils._sympy.functions import FloorDiv

from fxcost.costs.insertions import Insertion, insertions
from fxcost.costs.timeline import Step, Timeline, highest, masked
from fxcost.expr import Domain, Normaliser, Polynomial, Row
from fxcost.expr.boxes import Search

BOXES = 500
"""Boxes searched for a proof that a row need not be gated."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Steps that follow each other.

    Attributes:
        steps: The steps, once.
        labels: Where each of them happens.
        counter: The hyperparameter that says how often they are repeated, None where they are not.
        copies: How often they are repeated at the base.
    """

    steps: tuple[Step, ...]
    labels: tuple[str, ...]
    counter: str | None = None
    copies: int = 1


@dataclass(frozen=True)
class Repeats:
    """A timeline for all values of some counting hyperparameters.

    Attributes:
        alive: Bytes alive before the run at the base.
        segments: The timeline, in order.
        base: The counters' values at the base.
        step: The counters' steps: one more repetition for each.
        growth: By counter, the bytes that one step adds to those alive before the run.
    """

    alive: Polynomial
    segments: tuple[Segment, ...]
    base: Mapping[str, int]
    step: Mapping[str, int]
    growth: Mapping[str, Polynomial]

    @cached_property
    def least(self) -> Mapping[str, int]:
        """The smallest value of each counter for which no segment is repeated less than never."""
        copies = {name: [s.copies for s in self.segments if s.counter == name] for name in self.base}
        return {
            name: value - self.step[name] * min(copies[name], default=0) for name, value in self.base.items()
        }

    def steps_from_base(self, counter: str, value: int) -> int:
        """Return how many steps a counter's value is above the base."""
        return (value - self.base[counter]) // self.step[counter]

    def count(self, normaliser: Normaliser, counter: str) -> Polynomial:
        """Return how many steps a counter is above the base."""
        symbol = normaliser.domain.symbols[counter]
        if self.step[counter] == 1:
            return normaliser.polynomial(symbol - self.base[counter])
        above = symbol - self.least[counter]
        skipped = self.steps_from_base(counter, self.least[counter])
        return normaliser.polynomial(FloorDiv(above, self.step[counter])) + skipped

    def timeline(self, counters: Mapping[str, int]) -> Iterator[Step]:
        """Yield the timeline's steps where the counters have the values given."""
        for segment in self.segments:
            times = segment.copies
            if segment.counter is not None:
                times += self.steps_from_base(segment.counter, counters[segment.counter])
            yield from segment.steps * times

    def agrees(self, timeline: Timeline, counters: Mapping[str, int]) -> bool:
        """Tell whether a traced timeline is what is said for its counters."""
        alive = self.alive
        for name, growth in self.growth.items():
            alive = alive + growth * self.steps_from_base(name, counters[name])
        return timeline.alive == alive and tuple(self.timeline(counters)) == timeline.steps

    def rows(self, normaliser: Normaliser) -> list[Row]:
        """Return the bytes alive at what may be the worst moments.

        The rows of a segment count 0 where it is not there at all and they could be the largest.
        """
        counts = {name: self.count(normaliser, name) for name in self.base}
        alive = self.alive
        for name, growth in self.growth.items():
            alive = alive + growth * counts[name]
        certain = [Row(alive, "before the run")]
        optional: list[tuple[Segment, list[Row]]] = []
        for segment in self.segments:
            found, after = highest(alive, segment.steps, segment.labels)
            if segment.counter is None:
                certain += found
                alive = after
                continue
            times = counts[segment.counter] + segment.copies
            last = (after - alive) * (times - 1)
            found += [Row(row.polynomial + last, row.label) for row in found if last]
            alive = alive + (after - alive) * times
            if self._never(segment) < self.least[segment.counter]:
                certain += found
            else:
                optional.append((segment, found))
        rows = list(certain)
        for segment, found in optional:
            rows += self._gated(normaliser, segment, found, certain)
        return rows

    def _never(self, segment: Segment) -> int:
        """Return the count at which a segment is not there at all."""
        name = str(segment.counter)
        return self.base[name] - self.step[name] * segment.copies

    def _gated(
        self, normaliser: Normaliser, segment: Segment, rows: list[Row], certain: list[Row]
    ) -> list[Row]:
        """Multiply rows by 0 where their segment is not there, unless others are proved larger anyway."""
        name, never = str(segment.counter), self._never(segment)
        there = sympy.Gt(normaliser.domain.symbols[name], never)
        gate = normaliser.polynomial(sympy.Piecewise((1, there), (0, True), evaluate=False))
        if gate.as_constant == 1:
            return rows
        others = [row.polynomial.at(name, never) for row in certain]
        known = [other for other in others if other is not None]
        return [
            row
            if _covered(row.polynomial.at(name, never), known, normaliser.domain)
            else Row(row.polynomial * gate, row.label)
            for row in rows
        ]


def _covered(row: Polynomial | None, others: Sequence[Polynomial], domain: Domain) -> bool:
    """Tell whether a row is proved to be nowhere above all of some others."""
    if row is None:
        return False
    return Search([row, *others], domain).covers(0, range(1, 1 + len(others)), BOXES)


def repeats(
    base: Timeline,
    counters: Mapping[str, int],
    steps: Mapping[str, int],
    lengthened: Mapping[str, Timeline],
) -> Repeats | None:
    """Return what the neighbours of a timeline show about all counts; None where they show nothing.

    Args:
        base: The timeline where the counters have the values given.
        counters: Those values.
        steps: By counter, how much larger it is in its neighbour.
        lengthened: By counter, that neighbour.
    """
    code = _Code()
    short = code.of(base.steps)
    runs: list[_Run] = []
    for name, timeline in lengthened.items():
        found = insertions(short, code.of(timeline.steps))
        if found is None:
            return None
        runs += _runs(name, short.tolist(), found, timeline)
    segments = _segments(base, code, sorted(runs, key=lambda run: run.stop))
    if segments is None:
        return None
    growth = {name: timeline.alive - base.alive for name, timeline in lengthened.items()}
    return Repeats(base.alive, segments, dict(counters), dict(steps), growth)


class _Code:
    """Numbers steps: equal ones alike."""

    def __init__(self) -> None:
        self._numbers: dict[Step, int] = {}

    def of(self, steps: Sequence[Step]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        numbers = [self._numbers.setdefault(step, len(self._numbers)) for step in steps]
        return np.array(numbers, dtype=np.int64)

    def steps(self, numbers: Sequence[int]) -> tuple[Step, ...]:
        known = list(self._numbers)
        return tuple(known[number] for number in numbers)


@dataclass(frozen=True, slots=True)
class _Run:
    """Elements that one more of a counter inserts, and the copies of them around, from `start` to `stop`."""

    counter: str
    start: int
    stop: int
    elements: tuple[int, ...]
    labels: tuple[str, ...]

    @classmethod
    def of(cls, counter: str, short: Sequence[int], insertion: Insertion, labels: tuple[str, ...]) -> _Run:
        elements, start, stop = insertion.elements, insertion.position, insertion.position
        length = len(elements)
        while start >= length and tuple(short[start - length : start]) == elements:
            start -= length
        while tuple(short[stop : stop + length]) == elements:
            stop += length
        return cls(counter, start, stop, elements, labels)

    def after(self, position: int) -> _Run:
        """Return the run with only those copies that start at a position or later."""
        if self.start >= position:
            return self
        copies = max(0, self.stop - position) // len(self.elements)
        return replace(self, start=self.stop - copies * len(self.elements))

    @property
    def copies(self) -> int:
        return (self.stop - self.start) // len(self.elements)


def _runs(counter: str, short: Sequence[int], found: Sequence[Insertion], longer: Timeline) -> list[_Run]:
    runs, shift = [], 0
    for insertion in found:
        first = insertion.position + shift
        shift += len(insertion.elements)
        labels = tuple(map(masked, longer.labels[first : insertion.position + shift]))
        runs += _divided(counter, short, insertion, labels)
    return runs


def _divided(counter: str, short: Sequence[int], insertion: Insertion, labels: tuple[str, ...]) -> list[_Run]:
    """Return an insertion as one run, or as two that meet where it has no copy next to it.

    What is allocated layer by layer, then released layer by layer is `a a b b`, which one more layer
    makes `a a a b b b`: not one `a b` more, but an `a` and a `b`.
    """
    whole = _Run.of(counter, short, insertion, labels)
    if whole.copies:
        return [whole]
    for cut in range(1, len(insertion.elements)):
        first = replace(insertion, elements=insertion.elements[:cut])
        second = replace(insertion, elements=insertion.elements[cut:])
        halves = [_Run.of(counter, short, first, labels[:cut]), _Run.of(counter, short, second, labels[cut:])]
        if all(half.copies for half in halves):
            return halves
    return [whole]


def _segments(base: Timeline, code: _Code, runs: Sequence[_Run]) -> tuple[Segment, ...] | None:
    """Cut the base where runs are repeated; None where a run is inserted into copies of another."""
    segments: list[Segment] = []
    position = 0
    for whole in runs:
        run = whole.after(position)
        if run.start < position:
            return None
        if run.start > position:
            segments.append(_plain(base, position, run.start))
        segments.append(Segment(code.steps(run.elements), run.labels, run.counter, run.copies))
        position = run.stop
    if position < len(base.steps):
        segments.append(_plain(base, position, len(base.steps)))
    return tuple(segments)


def _plain(base: Timeline, start: int, stop: int) -> Segment:
    return Segment(base.steps[start:stop], base.labels[start:stop])
