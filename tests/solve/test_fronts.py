"""The Pareto front of two quantities, against brute force."""

from __future__ import annotations

import random

import pytest

from fxcost import solve
from fxcost.errors import DeclarationError
from fxcost.space import Choice, Int, Space
from tests.solve.standins import Path, costs

SPACE = Space(width=Int(1, 12), depth=Int(1, 6), act=Choice("relu", "glu"))


def random_costs(seed):
    draw = random.Random(seed)
    a, b, c, d = (draw.randint(1, 9) for _ in range(4))

    def paths(width, depth, act):
        return [
            Path(
                costs={
                    "memory": [a * width * depth, b * width + c * act * depth + 20],
                    "size": [200 + width * (depth + act) + d * depth - (width - depth) ** 2],
                }
            )
        ]

    return costs(SPACE, paths)


def settings():
    return [
        {"width": width, "depth": depth, "act": act}
        for width in range(1, 13)
        for depth in range(1, 7)
        for act in ("relu", "glu")
    ]


def unbeaten(pairs):
    """Return the pairs that no other one beats: the first is to be large, the second small."""
    beats = lambda one, other: one != other and one[0] >= other[0] and one[1] <= other[1]  # noqa: E731
    return sorted({pair for pair in pairs if not any(beats(other, pair) for other in pairs)}, reverse=True)


@pytest.mark.parametrize("seed", range(2))
def test_a_front_of_three_quantities_is_all_that_nothing_beats(seed):
    memory, size = random_costs(seed)

    def paths(width, depth, act):
        return [Path(costs={"memory": [(width - 5) ** 2 + act], "size": [depth * act + width, 9]})]

    third = costs(SPACE, paths)[0]
    third.name = "time"
    paths_of = memory.regions.hidden[0].costs
    paths_of["time"] = third.regions.hidden[0].costs["memory"]
    third.regions = memory.regions
    limit = memory <= 36 + 4 * seed
    front = solve.pareto(limit, maximize=size, minimize=(memory, third), time_limit=60)
    kept = [each for each in settings() if limit.holds(**each)]
    triples = {(size(**each), -memory(**each), -third(**each)) for each in kept}
    beats = lambda one, other: one != other and all(x >= y for x, y in zip(one, other, strict=True))  # noqa: E731
    assert front.complete
    found = [(point.values["size"], -point.values["memory"], -point.values["time"]) for point in front]
    assert len(found) == len(set(found))
    assert set(found) == {each for each in triples if not any(beats(other, each) for other in triples)}


@pytest.mark.parametrize("seed", range(6))
def test_a_front_is_all_that_nothing_beats(seed):
    memory, size = random_costs(seed)
    limit = memory <= 90 + 10 * seed
    front = solve.pareto(limit, maximize=size, minimize=memory)
    values = [(size(**each), memory(**each)) for each in settings() if limit.holds(**each)]
    assert front.complete
    assert [(point.values["size"], point.values["memory"]) for point in front] == unbeaten(values)
    for point in front:
        assert (size(**point.config), memory(**point.config)) == tuple(point.values.values())


@pytest.mark.parametrize("engine", ["z3+boxes", "z3", "cpsat"])
def test_every_engine_finds_the_same_front(engine):
    if engine == "cpsat":
        pytest.importorskip("ortools", reason="ortools is not installed")
    memory, size = random_costs(3)
    fronts = [
        solve.pareto(memory <= 60, maximize=size, minimize=memory, engine=each) for each in ("boxes", engine)
    ]
    assert all(front.complete for front in fronts)
    first, second = ([point.values for point in front] for front in fronts)
    assert first == second
    assert engine in fronts[1].effort.engines


def test_two_quantities_may_both_be_small():
    memory, size = random_costs(1)
    front = solve.pareto(minimize=(memory, size))
    values = [(-memory(**each), size(**each)) for each in settings()]
    assert [(-point.values["memory"], point.values["size"]) for point in front] == unbeaten(values)


def test_a_front_that_is_cut_off_says_so():
    memory, size = random_costs(0)
    front = solve.pareto(maximize=size, minimize=memory, points=2)
    assert len(front) == 2
    assert not front.complete
    assert "2 points were asked for" in str(front)
    assert front.as_dict()["reason"] == front.reason


def test_limits_that_nothing_keeps_leave_an_empty_front():
    memory, size = random_costs(0)
    front = solve.pareto(memory <= 0, maximize=size, minimize=memory)
    assert front.complete
    assert len(front) == 0


@pytest.mark.parametrize("question", [{}, {"points": 0}, {"maximize": True}])
def test_it_takes_two_quantities_and_a_number_of_points(question):
    memory, size = random_costs(0)
    given = {"maximize": size} if question.pop("maximize", False) else {}
    if "points" in question:
        given = {"maximize": size, "minimize": memory}
    with pytest.raises(DeclarationError, match="pareto"):
        solve.pareto(**given, **question)
