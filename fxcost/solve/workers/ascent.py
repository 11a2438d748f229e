"""The best setting by workers: each raises the best score known in some boxes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from fxcost.solve.boxes.goals import CostGoal
from fxcost.solve.boxes.tree import Tree, UndecidedError
from fxcost.solve.budget import Budget
from fxcost.solve.lattice import Box, Boxes, Point
from fxcost.solve.workers import jobs
from fxcost.solve.workers.crew import Crew, Executor, Job, Pending, divided
from fxcost.solve.workers.naming import name_of
from fxcost.solve.workers.plain import boxes_of, boxes_record, question_text

OPENED = 256
"""A box is opened into about so many before workers take them."""

PIECES = 16
"""These are at most so many jobs, and so are the boxes that a job leaves."""


Note: TypeAlias = "Callable[[Boxes], None]"


class Ascent:
    """Raises the best score known to the best in a box.

    Args:
        tree: Decides boxes.
        goal: What is to be large.
        budget: When to stop.
        better: Is told each better point that a worker found, and returns the best score known after it.

    Raises:
        DeclarationError: Workers cannot be told of a condition or a cost.
    """

    def __init__(self, tree: Tree, goal: CostGoal, budget: Budget, better: Callable[[Point], int]) -> None:
        self.tree = tree
        self.goal = goal
        self.budget = budget
        self._better = better
        self._note: Note | None = None
        self._left: tuple[Job, ...] = ()
        self._text = question_text(tree.lattice, tree.asked, goal)
        self._score: int | None = None

    def name(self, box: Box) -> str:
        """Return what tells this search in a box from others."""
        return name_of(self._text, box)

    def best(
        self,
        box: Box,
        score: int | None,
        executor: Executor | None,
        left: Boxes | None = None,
        note: Note | None = None,
    ) -> None:
        """Raise the best score from one known before.

        Args:
            box: Where to search.
            score: The best score known; None for none.
            executor: Runs jobs; None runs them here.
            left: What is left of the box; None for all.
            note: Is told what is left, whenever that has changed.

        Raises:
            OutOfBudgetError: The time is over.
            UndecidedError: A single setting cannot be decided.
        """
        self._score, self._note = score, note
        opened = self._opened(box) if left is None else left
        self._left = tuple(divided(0, opened, PIECES))
        self._told()
        Crew(executor, self._left, self.budget).work(self._begin, self._take)

    def _opened(self, box: Box) -> Boxes:
        """Return a box in some that may hold better settings."""
        boxes = Boxes.of(box)
        while 0 < len(boxes) < OPENED and boxes.sizes().max() > 1:
            possible = self.tree.look(boxes).boxes
            if self._score is not None:
                possible = possible.take(self.goal.bound(possible) > self._score)
            single = possible.sizes() <= 1
            boxes = self.tree.halves(possible.take(np.logical_not(single))).joined(possible.take(single))
        return boxes

    def _begin(self, executor: Executor, job: Job, seconds: float) -> Pending:
        boxes = boxes_record(job.boxes)
        return executor.submit(jobs.climbed, self._text, self.tree.fibre, boxes, seconds, self._score)

    def _take(self, job: Job, answer: Mapping[str, Any]) -> Sequence[Job]:
        if answer["undecided"]:
            raise UndecidedError
        score = answer["score"]
        if score is not None and (self._score is None or score > self._score):
            self._score = self._better(tuple(answer["point"]))
        left = tuple(divided(job.part, boxes_of(answer["left"]), PIECES))
        self._left = tuple(each for each in self._left if each is not job) + left
        self._told()
        return left

    def _told(self) -> None:
        """Tell what is left."""
        if self._note is not None:
            self._note(functools.reduce(Boxes.joined, (job.boxes for job in self._left), self._nothing))

    @property
    def _nothing(self) -> Boxes:
        positions = tuple(np.array([], dtype=np.int64) for _ in self.tree.lattice.names)
        return Boxes(positions, positions)
