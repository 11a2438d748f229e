"""Proofs that can be looked at again: boxes that leave no setting, each checked by something else."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fxcost.solve.boxes.tree import UndecidedError
from fxcost.solve.budget import Budget, OutOfBudgetError
from fxcost.solve.cells import Ground
from fxcost.solve.covers import Cover, cover
from fxcost.solve.facts import Fact
from fxcost.solve.lattice import Box
from fxcost.solve.limits import Limit
from fxcost.solve.problems import Problem
from fxcost.solve.rechecking import Rechecker


@dataclass(frozen=True)
class Certificate:
    """What a second look at a proof found.

    Attributes:
        statement: What was proved: that no setting satisfies it.
        boxes: So many boxes leave no setting.
        checked: How many of them were closed again, by "evaluation" and by "z3".
        reason: Why it is not complete; None where it is.
        digest: Of the boxes, their ends and the facts that close them: SHA-256.

    >>> print(Certificate("parameters > 3", 12, {"evaluation": 10, "z3": 2}, None, "4f5a"))
    no setting satisfies parameters > 3: checked, 12 boxes: 10 by evaluation, 2 by z3
    """

    statement: str
    boxes: int
    checked: dict[str, int]
    reason: str | None
    digest: str

    def __bool__(self) -> bool:
        return self.reason is None

    def __str__(self) -> str:
        by = ", ".join(f"{count:,} by {how}" for how, count in self.checked.items())
        verdict = "checked" if self.reason is None else f"not checked, {self.reason}"
        return f"no setting satisfies {self.statement}: {verdict}, {self.boxes:,} boxes: {by or 'none'}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "statement": self.statement,
            "boxes": self.boxes,
            "checked": dict(self.checked),
            "reason": self.reason,
            "digest": self.digest,
        }


def certified(problem: Problem, limit: Limit, budget: Budget) -> Certificate:
    """Prove once more that a limit holds at no setting, by boxes that are each checked on their own.

    That includes that every setting has a known path.

    Args:
        problem: What was asked.
        limit: What holds nowhere.
        budget: What may be spent.
    """
    ground = Ground(problem.quantities, problem.restriction, budget)
    rechecker = Rechecker(ground.lattice, ground.normaliser)
    checked, digest, boxes = Counter[str](), hashlib.sha256(), 0
    reason = None
    try:
        for facts in _sides(ground, limit):
            made = cover(ground.lattice, ground.box, facts, budget)
            boxes += len(made)
            _digest(digest, made, facts)
            checked.update(_recheck(made, rechecker, budget))
    except UndecidedError as error:
        reason = str(error) or "bounds do not tell"
    except OutOfBudgetError as error:
        reason = str(error)
    left = checked.pop("", 0)
    if reason is None and left:
        reason = f"{left:,} boxes were not closed again"
    return Certificate(str(limit), boxes, dict(checked), reason, digest.hexdigest())


def _sides(ground: Ground, limit: Limit) -> Iterator[Sequence[Fact]]:
    """Yield what holds together nowhere: on each path, and outside of all paths of a factory."""
    for cell in ground.known_cells():
        yield cell.facts(limit)
    for regions in ground.regions:
        yield [*ground.declared, *map(ground.outside, regions.known)]


def _recheck(made: Cover, rechecker: Rechecker, budget: Budget) -> Iterator[str]:
    """Yield how each box was closed again: "" where it was not."""
    if not made.complete:
        raise UndecidedError("the boxes leave a setting")
    for fact, boxes in made.closed:
        for place in range(len(boxes)):
            budget.left()
            low, high = (tuple(each[place].item() for each in ends) for ends in (boxes.low, boxes.high))
            yield rechecker.closes(fact, Box(low, high)) or ""


def _digest(digest: Any, made: Cover, facts: Sequence[Fact]) -> None:
    for fact, boxes in made.closed:
        ends = [each.tolist() for each in (*boxes.low, *boxes.high)]
        digest.update(repr((facts.index(fact), ends)).encode())
