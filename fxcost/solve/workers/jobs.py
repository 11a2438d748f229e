"""What a worker does: it gets a question as text and some boxes, and returns plain data.

Each job ends after some seconds, and returns the boxes that it did not come to.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from fxcost.solve.boxes.best import Climb
from fxcost.solve.boxes.sweep import MANY, Frontier, bundles
from fxcost.solve.boxes.tree import Tree, UndecidedError
from fxcost.solve.budget import Budget, OutOfBudgetError
from fxcost.solve.lattice import Boxes, Point
from fxcost.solve.workers.plain import Question, boxes_of, boxes_record


def counted(text: str, fibre: int, boxes: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Return how many settings in boxes satisfy a question: `found`, without those in the boxes `left`."""
    (_, tree), frontier = _decider(text, fibre), Frontier(boxes_of(boxes))
    found, undecided = 0, False
    try:
        for bundle in bundles(tree, frontier, Budget(seconds), looked_at=MANY + 1):
            found += bundle.size
    except OutOfBudgetError:
        undecided = False
    except UndecidedError:
        undecided = True
    return {"found": found, "left": boxes_record(frontier.boxes), "undecided": undecided}


def climbed(
    text: str, fibre: int, boxes: Mapping[str, Any], seconds: float, score: int | None
) -> dict[str, Any]:
    """Return the best setting in boxes: `score` and `point`, None where none is better than a score known.

    It may not be the best of those in the boxes `left`.
    """
    question, tree = _decider(text, fibre)
    goal = question.goal
    if goal is None:
        raise ValueError("the question does not say what is to be large")
    best: tuple[int, Point] | None = None

    def better(point: Point) -> int:
        nonlocal best
        best = int(goal.bound(Boxes.at(point))[0]), point
        return best[0]

    whole, undecided = boxes_of(boxes), False
    climb = Climb(tree, goal, Budget(seconds), better)
    try:
        climb.best(whole, score)
    except OutOfBudgetError:
        undecided = False
    except UndecidedError:
        undecided = True
    left = whole if climb.left is None else climb.left
    return {
        "score": best and best[0],
        "point": best and list(best[1]),
        "left": boxes_record(left),
        "undecided": undecided,
    }


@functools.lru_cache(maxsize=8)
def _decider(text: str, fibre: int) -> tuple[Question, Tree]:
    """Return what is read of a text, once for all boxes of a question that a worker gets."""
    question = Question.of(text)
    return question, question.tree(fibre)
