"""Questions whose answer is known: paths found on the way, refusals, floats, budgets, large spaces."""

from __future__ import annotations

import time
from unittest import mock

import pytest
import sympy
from torch.utils._sympy.functions import FloorDiv, Max, ToFloat, TruncToInt

from fxcost import solve
from fxcost.errors import ConfigError, DeclarationError, EmptySpaceError
from fxcost.expr import FloatMul
from fxcost.solve.pruning import Pruning
from fxcost.space import Choice, Config, Float, Int, Space
from tests.solve.standins import Path, costs

GPT = Space(
    width=Int(64, 8192, step=64),
    heads=Choice(1, 2, 4, 8, 16, 32),
    batch=Int(1, 512),
    seq=Int(128, 4096, step=128),
    depth=Int(1, 96),
).where("width % heads == 0")


def gpt_paths(width, heads, batch, seq, depth):
    parameters = depth * (12 * width**2 + 13 * width) + 50257 * width
    saved = 34 * depth * batch * seq * width + 5 * depth * batch * heads * seq**2
    rows = [16 * parameters + saved + row * batch * seq * width for row in range(12)]
    rows.append(16 * parameters - 4 * width**2 * depth + 4 * batch * seq * 50257)
    return [Path(costs={"memory": rows, "size": [parameters]})]


def halves(width, batch):
    """Three paths, the third refused, and a cost that jumps between the first two."""
    small, odd = width <= 32, sympy.Eq(batch % 2, 1)
    return [
        Path((small, odd), {"memory": [width * batch], "size": [width]}),
        Path((sympy.Not(small), odd), {"memory": [3 * width * batch], "size": [width]}),
        Path((sympy.Not(odd),), refusal="ValueError: batch must be odd, model.py:7"),
    ]


def test_paths_are_traced_until_every_setting_has_one():
    memory, _ = costs(Space(width=Int(1, 64), batch=Int(1, 8)), halves)
    verdict = (memory <= 3 * 64 * 7).prove()
    assert isinstance(verdict, solve.Proved)
    assert verdict.effort.regions == 3
    assert verdict.filtered
    assert memory.regions.traced == 3


def test_only_the_paths_that_matter_are_traced():
    memory, _ = costs(Space(width=Int(1, 64), batch=Int(1, 8)), halves)
    assert (memory <= 32 * 7).prove(width=(1, 32), batch=(1, 7))
    assert memory.regions.traced == 2


def test_what_the_factory_refuses_is_neither_a_counterexample_nor_an_optimum():
    memory, _ = costs(Space(width=Int(1, 64), batch=Int(1, 8)), halves)
    assert (memory <= 3 * 64 * 7).prove()
    best = solve.maximize(memory)
    assert (best.config, best.value) == (Config(width=64, batch=7), 3 * 64 * 7)


def test_a_space_that_the_factory_refuses_is_empty():
    memory, _ = costs(Space(width=Int(1, 64), batch=Int(1, 8)), halves)
    with pytest.raises(EmptySpaceError, match=r"batch must be odd, model\.py:7"):
        (memory <= 1).prove(batch=4)


def test_a_space_whose_conditions_exclude_everything_is_empty():
    memory, _ = costs(Space(width=Int(1, 64), batch=Int(1, 8)).where("width * batch > 600"), halves)
    with pytest.raises(EmptySpaceError, match="conditions exclude"):
        solve.maximize(memory)


def test_an_empty_restriction_is_an_error():
    memory, _ = costs(Space(width=Int(1, 64), batch=Int(1, 8)), halves)
    with pytest.raises(EmptySpaceError, match="width"):
        (memory <= 1).prove(width=(70, 80))
    with pytest.raises(ConfigError, match="did you mean width"):
        (memory <= 1).prove(widht=3)


def test_a_question_traces_a_bounded_number_of_paths():
    def one_each(width):
        return [
            Path((sympy.Eq(width, value),), {"memory": [width], "size": [width]}) for value in range(1, 65)
        ]

    memory, _ = costs(Space(width=Int(1, 64)), one_each)
    verdict = (memory <= 64).prove()
    assert isinstance(verdict, solve.Unknown)
    assert "16 regions were traced" in verdict.reason
    assert "settings such as width=" in verdict.reason
    best = solve.maximize(memory)
    assert not best.proved
    assert best.bound is None
    assert "not proved: 16 regions were traced" in str(best)


def test_tracing_does_not_count_against_the_time_limit():
    memory, _ = costs(Space(width=Int(1, 64), batch=Int(1, 8)), halves)
    at = memory.regions.at
    with mock.patch.object(memory.regions, "at", lambda config: (time.sleep(0.7), at(config))[1]):
        verdict = (memory <= 10**6).prove(time_limit=1.5)
    assert isinstance(verdict, solve.Proved)
    assert verdict.effort.seconds > 2


def test_conditions_in_floats_are_kept_as_python_calculates():
    def paths(width):
        share = TruncToInt(FloatMul(sympy.Float(0.29), ToFloat(width)))
        return [
            Path((share <= 28,), {"memory": [100 * share], "size": [width]}),
            Path((sympy.Not(share <= 28),), {"memory": [share], "size": [width]}),
        ]

    memory, size = costs(Space(width=Int(90, 110)), paths)
    assert (memory <= 2800).prove()
    assert solve.maximize(size, memory >= 2800).value == 100


def test_a_free_float_is_searched_by_arithmetic():
    def paths(width, rate):
        low = rate < 0.5
        return [
            Path((low,), {"memory": [width], "size": [width]}),
            Path((sympy.Not(low),), {"memory": [3 * width], "size": [width]}),
        ]

    memory, _ = costs(Space(width=Int(1, 1000), rate=Float(0.0, 1.0)), paths)
    assert (memory <= 3000).prove()
    refuted = (memory <= 2999).prove()
    assert refuted.counterexample["width"] == 1000
    assert refuted.counterexample["rate"] >= 0.5
    assert (memory <= 1000).prove(rate=(0.0, 0.25))


def test_z3_alone_agrees_with_branch_and_prune():
    space = Space(width=Int(1, 40), heads=Choice(2, 3, 4), batch=Int(1, 6)).where("width % heads == 0")

    def paths(width, heads, batch):
        head = FloorDiv(width, heads)
        rows = [batch * Max(7, head) + head, 5 * width - batch]
        return [Path(costs={"memory": rows, "size": [width * batch]})]

    memory, size = costs(space, paths)
    limit = (memory <= 100) & (size >= 37)
    answers = solve.maximize(size, memory <= 60), solve.minimize(memory, size >= 50), limit.find(batch=(1, 2))
    with mock.patch.object(Pruning, "decide", return_value=None):
        assert solve.maximize(size, memory <= 60).value == answers[0].value
        assert solve.minimize(memory, size >= 50).value == answers[1].value
        assert bool(limit.find(batch=(1, 2))) is bool(answers[2])
        assert (memory <= 199).prove()
        assert not (memory <= 198).prove()


def test_a_time_limit_is_kept_and_the_best_setting_is_told():
    space = Space(**{name: Int(1, 2000) for name in "abcdef"})

    def paths(a, b, c, d, e, f):
        return [Path(costs={"memory": [a * b * c - d * e * f + a * d], "size": [a * e * c - b * f * d]})]

    memory, size = costs(space, paths)
    started = time.perf_counter()
    best = solve.maximize(size, memory <= 12345, memory >= 12345, time_limit=1.0)
    assert time.perf_counter() - started < 4
    if isinstance(best, solve.Optimum) and not best.proved:
        assert best.value <= (best.bound or best.value)
        assert "time limit of 1 s" in str(best)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "10", True])
def test_a_time_limit_is_a_number_of_seconds(seconds):
    memory, _ = costs(Space(width=Int(1, 64), batch=Int(1, 8)), halves)
    with pytest.raises(DeclarationError, match="write a number of seconds above 0"):
        (memory <= 1).prove(time_limit=seconds)


def test_progress_is_told():
    memory, _ = costs(Space(width=Int(1, 64), batch=Int(1, 8)), halves)
    told: list[str] = []
    solve.maximize(memory, progress=told.append)
    assert any(line.startswith("tracing another path, at width=") for line in told)
    assert any("largest memory" in line and "so far" in line for line in told)


def test_values_beyond_64_bits_are_exact():
    def paths(width):
        return [Path(costs={"memory": [width**5 * 2**40 + 1], "size": [width]})]

    memory, size = costs(Space(width=Int(1, 10**6)), paths)
    bound = 999_999**5 * 2**40 + 1
    assert solve.maximize(size, memory <= bound).value == 999_999
    assert solve.maximize(size, memory < bound).value == 999_998
    assert (memory <= 10**30 * 2**40 + 1).prove()


def test_a_space_of_ten_billion_settings_is_answered_in_seconds():
    memory, size = costs(GPT, gpt_paths, known=1)
    assert GPT.size > 10**9
    fits = memory <= "24 GiB"
    assert not fits.prove()
    assert (fits | (size >= 1)).prove()
    best = solve.maximize(size, fits, time_limit=60)
    assert best.proved
    assert fits.holds(**best.config)
    assert ((size <= best.value) | ~fits).prove(time_limit=60)
    refuted = ((size < best.value) | ~fits).prove(time_limit=60)
    assert refuted.values["size"] == best.value


def test_a_space_without_hyperparameters_has_one_setting():
    memory, size = costs(Space(), lambda: [Path(costs={"memory": [5], "size": [7]})])
    assert (memory <= 10).prove()
    assert not (memory <= 4).prove()
    assert solve.find(memory <= 10, size >= 7)
    assert not solve.find(memory <= 10, size >= 8)
    assert solve.maximize(size, memory <= 10).value == 7
    assert not solve.maximize(size, memory <= 4)
    with pytest.raises(DeclarationError, match="no hyperparameters"):
        solve.feasible(memory <= 10)
