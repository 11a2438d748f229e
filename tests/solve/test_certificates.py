"""Proofs looked at again: every one of a random factory is checked, and what is wrong is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fxcost import solve
from fxcost.errors import DeclarationError, ExpressionError
from fxcost.solve.budget import Budget
from fxcost.solve.certificates import certified
from fxcost.solve.covers import Cover
from fxcost.solve.lattice import Box, Boxes
from fxcost.solve.problems import Problem
from fxcost.space import Float, Int, Space
from tests.solve.random_factories import factories
from tests.solve.standins import Path, costs
from tests.solve.test_brute_force import question
from tests.solve.test_questions import GPT, gpt_paths, halves

UNTOLD = "tell|no fact excludes|not closed again"
"""Why a proof is not checked: some random functions have no bounds."""


@given(factories(), st.data())
@settings(max_examples=60)
def test_every_proof_is_checked_and_nothing_else(factory, data):
    (memory, _), limit, truth, restriction, expected = question(data, factory)
    assume(expected)
    for answer in (
        limit.prove(**restriction),
        limit.find(**restriction),
        solve.maximize(memory, limit, **restriction),
    ):
        if isinstance(answer, solve.Refuted | solve.Found):
            continue
        certificate = answer.check()
        if not certificate:
            assert any(word in certificate.reason for word in UNTOLD.split("|"))
    if any(truth(*pair) for pair in expected.values()):
        assert not certified(Problem(limit, restriction), limit, Budget(10))


def test_a_gpt_that_always_fits_is_checked():
    memory, _ = costs(GPT, gpt_paths)
    certificate = (memory <= "1 PiB").prove().check()
    assert certificate
    assert sum(certificate.checked.values()) == certificate.boxes
    assert certificate.digest == (memory <= "1 PiB").prove().check().digest
    assert certificate.as_dict()["reason"] is None


def test_an_optimum_is_checked_on_every_path():
    memory, size = costs(Space(width=Int(1, 64), batch=Int(1, 8)), halves)
    best = solve.maximize(memory, size <= 40)
    assert best.check()
    with pytest.raises(ExpressionError, match="exact evaluation says otherwise"):
        replace(best, value=best.value + 1).check()
    assert not solve.maximize(memory, size <= 40, batch=(1, 3)).check(time_limit=1e-6)


def test_a_space_without_hyperparameters_and_one_of_floats_are_checked():
    memory, _ = costs(Space(), lambda: [Path(costs={"memory": [7], "size": [1]})])
    assert (memory <= 7).prove().check()
    assert not certified(Problem(memory <= 7), memory <= 7, Budget(10))
    space = Space(rate=Float(0.0, 1e9), width=Int(1, 64))
    memory, _ = costs(space, lambda rate, width: [Path(costs={"memory": [width**2], "size": [width]})])
    assert (memory <= 64**2).prove().check()
    assert solve.maximize(memory, memory <= 1000).check()


def test_a_verdict_without_its_question_cannot_be_checked():
    memory, _ = costs(Space(width=Int(1, 64), batch=Int(1, 8)), halves)
    verdict = replace((memory <= 3 * 64 * 7).prove(), problem=None)
    with pytest.raises(DeclarationError, match="checked is what a question returned"):
        verdict.check()


@pytest.mark.parametrize(
    ("low", "high", "complete"),
    [
        ([[0, 5], [0, 0]], [[4, 9], [3, 3]], True),
        ([[0, 5], [0, 0]], [[4, 9], [3, 2]], False),
        ([[0, 4], [0, 0]], [[4, 9], [3, 3]], False),
        ([[0, 6], [0, 0]], [[4, 9], [3, 3]], False),
        ([[0, 5, 5], [0, 0, 2]], [[4, 9, 9], [3, 1, 3]], True),
        ([[0], [0]], [[9], [4]], False),
    ],
)
def test_a_cover_that_leaves_a_setting_is_not_complete(low, high, complete):
    boxes = Boxes(tuple(map(np.array, low)), tuple(map(np.array, high)))
    assert Cover(Box((0, 0), (9, 3)), ((None, boxes),)).complete is complete
