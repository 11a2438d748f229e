"""Hyperparameters as symbols and numbers, and back."""

from __future__ import annotations

import random

import numpy as np
import pytest

from fxcost.errors import ConfigError
from fxcost.expr import Domain
from fxcost.space import Bool, Choice, Config, Float, Int, Space

SPACE = Space(
    width=Int(64, 256, step=64),
    shift=Int(-3, 5, step=4),
    heads=Choice(8, 2, 4),
    ratio=Choice(0.5, 4, 0.29),
    act=Choice("relu", None, 3, True),
    bias=Bool(),
    rate=Float(0.0, 0.5),
)
DOMAIN = Domain(SPACE)


def test_symbols_say_what_is_known_of_their_values() -> None:
    symbols = DOMAIN.symbols
    assert symbols["width"].is_integer
    assert symbols["width"].is_positive
    assert symbols["shift"].is_integer
    assert symbols["shift"].is_nonnegative is None
    assert symbols["act"].is_integer
    assert symbols["act"].is_nonnegative
    assert symbols["ratio"].is_integer is None
    assert symbols["ratio"].is_real
    assert symbols["rate"].is_real
    assert symbols["rate"].is_nonnegative


def test_values_are_listed_ascending() -> None:
    assert DOMAIN.values("width").tolist() == [64, 128, 192, 256]
    assert DOMAIN.values("shift").tolist() == [-3, 1, 5]
    assert DOMAIN.values("heads").tolist() == [2, 4, 8]
    assert DOMAIN.values("ratio").tolist() == [0.29, 0.5, 4.0]
    assert DOMAIN.values("act").tolist() == [0, 1, 2, 3]
    assert DOMAIN.values("bias").tolist() == [0, 1]
    assert DOMAIN.values("rate") is None
    assert DOMAIN.bounds("rate") == (0.0, 0.5)


def test_a_long_range_is_not_listed_and_one_past_int64_holds_python_ints() -> None:
    domain = Domain(Space(seed=Int(0, 10**12), big=Int(2**63, 2**63 + 1)))
    assert domain.values("seed") is None
    assert domain.bounds("seed") == (0, 10**12)
    assert domain.values("big").dtype == object


def test_encoding_and_decoding_are_inverse_and_keep_types() -> None:
    rng = random.Random(0)
    for _ in range(200):
        config = SPACE.sample(rng)
        again = DOMAIN.decode(DOMAIN.encode(config))
        assert again == config
        assert [type(value) for value in again.values()] == [type(value) for value in config.values()]


def test_a_bool_is_no_number_and_equal_options_of_other_types_are_told_apart() -> None:
    domain = Domain(Space(flag=Choice(True, "1", None)))
    assert domain.encode(Config(flag=True)) == {"flag": 0}
    with pytest.raises(ConfigError, match="flag=1 is none of"):
        domain.encode(Config(flag=1))


def test_numpy_values_of_an_axis_are_exact() -> None:
    assert DOMAIN.values("width").dtype == np.int64
    assert DOMAIN.values("ratio").dtype == np.float64
