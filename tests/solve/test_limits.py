"""Limits: how they are written, read, combined and turned down."""

from __future__ import annotations

from fractions import Fraction

import pytest

from fxcost import solve
from fxcost.errors import DeclarationError, UnitError, UnknownVerdictError
from fxcost.space import Int, Space
from tests.solve.standins import Path, costs

SPACE = Space(width=Int(1, 64), batch=Int(1, 8))


def quantities(space=SPACE):
    return costs(
        space, lambda width, batch: [Path(costs={"memory": [2**20 * width * batch], "size": [width]})]
    )


def test_a_limit_reads_as_it_was_written():
    memory, size = quantities()
    assert str(memory <= "24 GiB") == "memory <= 24 GiB"
    assert str(~(memory <= "24 GiB")) == "memory > 24 GiB"
    assert str((memory < 2**30) & (size >= "1 k")) == "memory < 1.00 GiB & size >= 1 k"
    assert str(((memory < 2**30) | (size > 3)) & (size < 9)) == "(memory < 1.00 GiB | size > 3) & size < 9"
    assert str(~((memory < 2**30) & (size > 3))) == "memory >= 1.00 GiB | size <= 3"


@pytest.mark.parametrize("bound", ["24", "24 G", "24 FLOP", "-1 B", float("nan"), None, -3])
def test_a_bound_in_a_wrong_unit_is_refused(bound):
    memory, _ = quantities()
    with pytest.raises(UnitError):
        memory <= bound  # noqa: B015


def test_quantities_of_different_units_are_not_compared():
    memory, size = quantities()
    with pytest.raises(UnitError, match="memory <= size: bytes are compared with counts"):
        memory <= size  # noqa: B015


def test_quantities_of_different_spaces_are_not_compared():
    memory, _ = quantities()
    other, _ = quantities(Space(width=Int(1, 9), batch=Int(1, 9)))
    with pytest.raises(DeclarationError, match="one space"):
        (memory <= other).prove()


def test_a_limit_holds_at_a_setting_or_does_not():
    memory, size = quantities()
    limit = (memory <= "8 MiB") & ~(size >= 8)
    assert limit.holds(width=4, batch=2)
    assert not limit.holds(width=8, batch=1)
    assert not limit.holds(width=7, batch=2)


def test_a_fraction_of_a_unit_is_compared_exactly():
    _, size = quantities()
    assert [(size <= Fraction(7, 2)).holds(width=width, batch=1) for width in (3, 4)] == [True, False]
    assert [(size < 3.5).holds(width=width, batch=1) for width in (3, 4)] == [True, False]
    assert [(size >= 3.5).holds(width=width, batch=1) for width in (3, 4)] == [False, True]
    assert [(size > 3).holds(width=width, batch=1) for width in (3, 4)] == [False, True]


def test_a_limit_is_true_where_it_is_proved_and_false_where_it_is_refuted():
    memory, _ = quantities()
    assert memory <= "512 MiB"
    assert not memory <= "511 MiB"


def test_an_unknown_verdict_has_no_truth_value():
    memory, _ = quantities()
    verdict = (memory <= "24 GiB").prove(time_limit=1e-9)
    assert isinstance(verdict, solve.Unknown)
    with pytest.raises(UnknownVerdictError, match="time limit"):
        bool(verdict)


def test_a_quantity_is_compared_with_another_of_its_unit():
    def paths(width, batch):
        return [Path(costs={"memory": [2**21 * width * batch + batch - 5], "size": [width]})]

    memory, _ = quantities()
    twice, _ = costs(SPACE, paths)
    assert isinstance((memory <= twice).prove(batch=(1, 8)), solve.Proved)
    refuted = (twice <= memory).prove()
    assert isinstance(refuted, solve.Refuted)
    assert str(refuted).startswith("memory is 2.00 MiB, limit <= 1.00 MiB, at width=1, batch=1")
