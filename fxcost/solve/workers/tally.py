"""A count by workers, which another process may go on with."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxcost.errors import DeclarationError
from fxcost.solve.boxes.sweep import volume
from fxcost.solve.boxes.tree import UndecidedError
from fxcost.solve.budget import Budget, OutOfBudgetError
from fxcost.solve.lattice import Boxes
from fxcost.solve.parts import UNDECIDED, Part
from fxcost.solve.workers import jobs
from fxcost.solve.workers.crew import Crew, Executor, Job, Pending, divided
from fxcost.solve.workers.naming import name_of
from fxcost.solve.workers.plain import boxes_of, boxes_record, question_text
from fxcost.solve.workers.saved import save, saved

OPENED = 512
"""A part is opened into about so many boxes before workers take them."""

PIECES = 16
"""These are at most so many jobs, and so are the boxes that a job leaves."""

SAVED_EVERY = 5.0
"""Seconds between two times that the frontier is written."""


@dataclass(frozen=True)
class State:
    """What a count knows.

    Attributes:
        found: The number of settings found.
        left: Where others may be.
    """

    found: int
    left: tuple[Job, ...]


class Tally:
    """Counts the settings of parts of a space.

    Args:
        statement: What is counted.
        parts: The parts.
        budget: When to stop.
        resume: The file that holds the frontier; None for none.

    Raises:
        DeclarationError: Workers cannot be told of a part, or the file holds something else, or cannot be
            read or written.
    """

    def __init__(self, statement: str, parts: Sequence[Part], budget: Budget, resume: Path | None) -> None:
        self.statement = statement
        self.budget = budget
        self.resume = resume
        self._parts = parts
        self._texts = [question_text(part.tree.lattice, part.tree.asked) for part in parts]
        self._names = [name_of(text, part.box) for text, part in zip(self._texts, parts, strict=True)]
        self._state = self._saved() or self._begun()
        self._stuck = False
        self._written = time.monotonic()
        self._save()

    @property
    def found(self) -> int:
        """The number of settings found so far."""
        return self._state.found

    @property
    def left(self) -> int:
        """The number of settings that were not decided."""
        return sum(volume(job.boxes) for job in self._state.left)

    def count(self, executor: Executor | None) -> None:
        """Count what is left; what is known when this raises stays known.

        Raises:
            OutOfBudgetError: The time is over, or a setting cannot be decided.
            DeclarationError: The file cannot be written.
        """
        try:
            Crew(executor, self._state.left, self.budget).work(self._begin, self._take)
        finally:
            self._save()
        if self._stuck:
            raise OutOfBudgetError(UNDECIDED)

    def _saved(self) -> State | None:
        """Return what a file says, None where there is none."""
        content = None if self.resume is None else saved(self.resume)
        if content is None:
            return None
        if sorted(content.get("parts", ())) != sorted(self._names):
            raise DeclarationError(
                f"resume={str(self.resume)!r}: it is about another question ({content.get('statement')}), or "
                "another version of the model; name another file, or delete this one"
            )
        boxes = [boxes_of(content["parts"][name]) for name in self._names]
        jobs_left = (job for place, each in enumerate(boxes) for job in divided(place, each, PIECES))
        return State(content["found"], tuple(jobs_left))

    def _begun(self) -> State:
        """Return all parts, each in a few boxes, with what is decided of them."""
        found, left = 0, list[Job]()
        for place, part in enumerate(self._parts):
            here, boxes = self._opened(part)
            found += here
            left += divided(place, boxes, PIECES)
        return State(found, tuple(left))

    def _opened(self, part: Part) -> tuple[int, Boxes]:
        found, boxes = 0, Boxes.of(part.box)
        while 0 < len(boxes) < OPENED:
            looked = part.tree.look(boxes)
            open_ = looked.boxes.take(~looked.inside)
            try:
                boxes = part.tree.halves(open_)
            except UndecidedError:
                return found, boxes
            found += volume(looked.boxes.take(looked.inside))
        return found, boxes

    def _begin(self, executor: Executor, job: Job, seconds: float) -> Pending:
        fibre, boxes = self._parts[job.part].tree.fibre, boxes_record(job.boxes)
        return executor.submit(jobs.counted, self._texts[job.part], fibre, boxes, seconds)

    def _take(self, job: Job, answer: Mapping[str, Any]) -> Sequence[Job]:
        """Take a worker's answer: an interruption finds all of it taken, or nothing."""
        left = tuple(divided(job.part, boxes_of(answer["left"]), PIECES))
        others = tuple(each for each in self._state.left if each is not job)
        self._state = State(self._state.found + answer["found"], others + left)
        if time.monotonic() - self._written > SAVED_EVERY:
            self._save()
        self.budget.tell(f"{self.statement}: {self.found:,} settings so far")
        self._stuck = self._stuck or answer["undecided"]
        return () if answer["undecided"] else left

    def _save(self) -> None:
        if self.resume is None:
            return
        nothing = [Boxes.of(part.box).take(slice(0)) for part in self._parts]
        for job in self._state.left:
            nothing[job.part] = nothing[job.part].joined(job.boxes)
        parts = {name: boxes_record(boxes) for name, boxes in zip(self._names, nothing, strict=True)}
        save(self.resume, {"statement": self.statement, "found": self.found, "parts": parts})
        self._written = time.monotonic()
