"""Every answer of the box engine against enumeration in plain Python, over random small systems.

FXCOST_SYSTEMS=10000 looks at more systems than the suite does.
"""

from __future__ import annotations

import functools
import itertools
import math
import os
from collections.abc import Iterator
from random import Random

import pytest

from fxcost.solve.boxes import best, sweep, tree
from fxcost.solve.boxes.best import Climb, Extreme, Goal, Nearest
from fxcost.solve.boxes.goals import CostGoal
from fxcost.solve.boxes.sweep import Frontier, volume
from fxcost.solve.boxes.tree import Tree, trimmed
from fxcost.solve.budget import Budget
from fxcost.solve.facts import Fact
from fxcost.solve.lattice import Box, Boxes
from fxcost.solve.pruning import Conflict, Pruning
from tests.solve.boxes.systems import Compiled, Point, Statement, System, system

SYSTEMS = int(os.environ.get("FXCOST_SYSTEMS", "12"))

QUESTIONS = 3
"""So many questions are asked about each system."""


class Question:
    """Statements about a system in a box, and the points that meet them all."""

    def __init__(self, compiled: Compiled, draw: Random) -> None:
        self.compiled, self.system = compiled, compiled.system
        self.statements = self.system.statements(draw)
        self.box = box_in(self.system, draw) if draw.random() < 0.4 else compiled.lattice.whole
        claims = compiled.claims(self.statements)
        if draw.random() < 0.5:
            claims = [claim.within(self.box) for claim in claims]
        self.facts: list[Fact] = [*compiled.required, *claims]
        self.met = self.meeting(self.statements)

    def meeting(self, statements: list[Statement]) -> set[Point]:
        ends = list(zip(self.box.low, self.box.high, strict=True))
        return {
            point
            for point in self.system.meeting(statements)
            if all(low <= each <= high for each, (low, high) in zip(point, ends, strict=True))
        }

    def trees(self) -> Iterator[Tree]:
        lattice = self.compiled.lattice
        yield from (Tree(lattice, self.facts, fibre) for fibre in range(len(lattice.names)))
        yield Tree.of(lattice, self.box, self.facts, whole=True)
        yield Tree.of(lattice, self.box, self.facts, whole=False)


def box_in(drawn: System, draw: Random) -> Box:
    ends = [sorted(draw.choices(range(len(each)), k=2)) for each in drawn.listed.values()]
    return Box(tuple(low for low, _ in ends), tuple(high for _, high in ends))


@functools.cache
def compiled(seed: int) -> Compiled:
    return Compiled(system(Random(seed)))


def questions(seed: int) -> Iterator[tuple[Question, Random]]:
    draw = Random(f"questions about {seed}")
    for _ in range(QUESTIONS):
        yield Question(compiled(seed), draw), draw


def points(boxes: Boxes) -> Iterator[Point]:
    for low, high in zip(zip(*boxes.low, strict=True), zip(*boxes.high, strict=True), strict=True):
        yield from itertools.product(*(range(first, last + 1) for first, last in zip(low, high, strict=True)))


@pytest.fixture(params=["large", "small"])
def sizes(request, monkeypatch):
    if request.param == "small":
        for module, name, value in [
            (tree, "SMALL", 1),
            (tree, "FEW", 1),
            (tree, "SAMPLE", 2),
            (sweep, "BATCH", 3),
            (sweep, "SMALL", 1),
            (best, "BATCH", 3),
            (best, "PROBED", 1),
        ]:
            monkeypatch.setattr(module, name, value)


@pytest.fixture
def compiled_code(monkeypatch):
    """Compile whatever can be, and look at few fibres at a time."""
    monkeypatch.setattr(sweep, "MANY", -1)
    monkeypatch.setattr(sweep, "TOGETHER", 7)


@pytest.mark.parametrize("seed", range(SYSTEMS))
def test_the_engine_calculates_what_python_does(seed):
    engine = compiled(seed)
    for place, cost in enumerate(engine.costs):
        for point in Random(seed).sample(list(engine.system.points), min(20, len(engine.system.points))):
            assert cost.enclosure.at(point) == engine.system.points[point][place]


@pytest.mark.parametrize("seed", range(SYSTEMS))
def test_a_sweep_yields_each_feasible_setting_once_whatever_the_fibre(seed, sizes):
    for question, _ in questions(seed):
        for decider in question.trees():
            swept = list(sweep.sweep(decider, Frontier(Boxes.of(question.box)), Budget(60)))
            found = [point for boxes in swept for point in points(boxes)]
            assert len(found) == len(question.met) == sum(map(volume, swept))
            assert set(found) == question.met


@pytest.mark.parametrize("seed", range(0, SYSTEMS, 3))
def test_compiled_code_finds_the_same_settings(seed, compiled_code):
    for question, _ in questions(seed):
        for decider in question.trees():
            swept = list(sweep.bundles(decider, Frontier(Boxes.of(question.box)), Budget(60)))
            found = [point for bundle in swept for point in points(bundle.boxes)]
            assert len(found) == len(question.met) == sum(bundle.size for bundle in swept)
            assert set(found) == question.met


@pytest.mark.parametrize("seed", range(SYSTEMS))
def test_trimming_leaves_every_feasible_setting(seed):
    for question, _ in questions(seed):
        box = trimmed(question.box, question.facts)
        if box is None:
            assert not question.met
            continue
        assert question.met <= set(points(Boxes.of(box)))


def climbed(decider: Tree, goal: Goal, box: Box) -> Point | None:
    found: list[Point] = []

    def better(point: Point) -> int:
        found.append(point)
        return int(goal.bound(Boxes.at(point))[0])

    Climb(decider, goal, Budget(60), better).best(Boxes.of(box), None)
    return found[-1] if found else None


@pytest.mark.parametrize("seed", range(SYSTEMS))
def test_a_climb_ends_at_the_largest_and_at_the_smallest_cost(seed, sizes):
    for question, draw in questions(seed):
        place, sign = draw.randrange(len(question.compiled.costs)), draw.choice([1, -1])
        goal = CostGoal(question.compiled.costs[place], sign)
        point = climbed(draw.choice(list(question.trees())), goal, question.box)
        assert (point is None) == (not question.met)
        if point is not None:
            values = {each: sign * question.system.points[each][place] for each in question.met}
            assert values[point] == max(values.values())


@pytest.mark.parametrize("seed", range(SYSTEMS))
def test_the_nearest_setting_changes_fewest_hyperparameters_and_these_by_fewest_steps(seed, sizes):
    for question, draw in questions(seed):
        at = tuple(draw.randrange(len(each)) for each in question.system.listed.values())
        decider = draw.choice(list(question.trees()))
        point = climbed(decider, Nearest(question.compiled.lattice, at), question.box)
        assert (point is None) == (not question.met)
        if point is not None:
            steps = {
                each: [abs(here - there) for here, there in zip(each, at, strict=True)]
                for each in question.met
            }
            distances = {each: (sum(map(bool, apart)), sum(apart)) for each, apart in steps.items()}
            assert distances[point] == min(distances.values())


@pytest.mark.parametrize("seed", range(SYSTEMS))
def test_a_range_ends_at_the_outermost_feasible_positions(seed):
    for question, draw in questions(seed):
        index, sign = draw.randrange(len(question.system.listed)), draw.choice([1, -1])
        point = climbed(draw.choice(list(question.trees())), Extreme(index, sign), question.box)
        assert (point is None) == (not question.met)
        if point is not None:
            assert sign * point[index] == max(sign * each[index] for each in question.met)


@pytest.mark.parametrize("seed", range(SYSTEMS))
@pytest.mark.parametrize("most", [math.inf, 3])
def test_a_conflict_names_claims_that_no_valid_setting_meets_together(seed, most, sizes):
    for question, _ in questions(seed):
        claims = question.compiled.claims(question.statements)
        facts: list[Fact] = [*question.compiled.required, *claims]
        answer = Pruning(question.compiled.lattice, question.box, Budget(60)).decide(facts, most)
        if isinstance(answer, Conflict):
            named = zip(question.statements, claims, strict=True)
            assert not question.meeting([each for each, claim in named if claim in answer.claims])
        else:
            assert answer in question.met if answer is not None else most == 3
