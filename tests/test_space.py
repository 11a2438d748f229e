from __future__ import annotations

import copy
import itertools
import math
import pickle
import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fxcost.errors import ConfigError, DeclarationError, EmptySpaceError
from fxcost.space import AnyDomain, Bool, Choice, Config, Float, Int, Space

GPT = Space(
    width=Int(64, 4096, step=64),
    heads=Choice(4, 8, 16),
    batch=Int(1, 512),
    lr=Float(1e-5, 1e-1, log=True),
    norm=Choice("layer", "rms", None),
    bias=Bool(),
)
SMALL = GPT.restrict(width=(64, 512), batch=(1, 4), lr=0.001)

domains = st.one_of(
    st.tuples(st.integers(-5, 10), st.integers(0, 6), st.integers(1, 3)).map(
        lambda drawn: Int(drawn[0], drawn[0] + drawn[1], step=drawn[2])
    ),
    st.lists(st.integers(-5, 10), min_size=1, max_size=4, unique=True).map(lambda options: Choice(*options)),
    st.just(Bool()),
)
CONDITIONS = ("a % 2 == b % 2", "a + b >= c", "c != 3", "a <= b or c > d", "d * a == b", "a > 0", "b < 4")


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    space = Space({name: draw(domains) for name in "abcd"})
    return space.where(*draw(st.lists(st.sampled_from(CONDITIONS), max_size=3, unique=True)))


def brute_force(space: Space) -> list[dict[str, object]]:
    """List the configurations the slow way."""
    grid = itertools.product(*(list(domain.values) for domain in space.domains.values()))
    configs = [dict(zip(space.names, values, strict=True)) for values in grid]
    return [config for config in configs if all(eval(each.text, {}, config) for each in space.conditions)]


@given(space=spaces())
def test_iterating_yields_every_configuration_once_and_in_order(space: Space) -> None:
    expected = brute_force(space)
    assert [dict(config) for config in space] == expected
    assert len(space) == len(expected)
    assert space.size == math.prod(domain.size for domain in space.domains.values())


@given(space=spaces())
def test_in_tells_exactly_the_configurations(space: Space) -> None:
    expected = brute_force(space)
    free = Space(space.domains)
    assert [dict(config) for config in free if config in space] == expected


@given(space=spaces(), seed=st.integers(0, 10**6))
def test_a_draw_satisfies_the_conditions_or_there_is_none(space: Space, seed: int) -> None:
    expected = brute_force(space)
    if not expected:
        with pytest.raises(EmptySpaceError, match=r"no setting of .* satisfies"):
            space.sample(random.Random(seed))
        return
    drawn = space.sample(random.Random(seed))
    assert dict(drawn) in expected
    assert space.sample(random.Random(seed)) == drawn


@given(space=spaces(), data=st.data())
def test_restricting_keeps_exactly_the_configurations_within(space: Space, data: st.DataObject) -> None:
    numeric = [name for name in "abcd" if not isinstance(space[name], Bool)]
    assume(numeric)
    name = data.draw(st.sampled_from(numeric))
    low, high = sorted((data.draw(st.integers(-6, 12)), data.draw(st.integers(-6, 12))))
    inside = [config for config in brute_force(space) if low <= config[name] <= high]  # type: ignore[operator]
    if not any(low <= value <= high for value in space[name].values):  # type: ignore[operator]
        with pytest.raises(EmptySpaceError):
            space.restrict(**{name: (low, high)})
        return
    assert [dict(config) for config in space.restrict(**{name: (low, high)})] == inside


def test_draws_are_even_over_the_configurations() -> None:
    space = Space(width=Int(1, 6), heads=Int(1, 3), depth=Int(1, 2)).where("width % heads == 0")
    rng = random.Random(0)
    counts = Counter(space.sample(rng) for _ in range(11_000))
    assert set(counts) == set(space)
    assert len(counts) == 22
    assert max(counts.values()) < 1.4 * min(counts.values())


def test_a_needle_in_a_haystack_is_found_by_search() -> None:
    space = Space(width=Int(1, 50_000), heads=Choice(4, 8)).where("width == 23_456", "heads != width")
    assert space.sample(random.Random(0))["width"] == 23_456


def test_unlinked_hyperparameters_are_drawn_apart() -> None:
    names = [f"p{index}" for index in range(12)]
    space = Space({name: Int(0, 99) for name in names}).where(*(f"{name} == 7" for name in names))
    assert set(space.sample(random.Random(0)).values()) == {7}
    assert len(space) == 1


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (
            GPT.where("width > 5000"),
            'no setting of width=Int(64, 4096, step=64) satisfies "width > 5000"; '
            "loosen a condition or widen a domain",
        ),
        (
            GPT.where("width < heads", "heads < 5"),
            "no setting of width=Int(64, 4096, step=64), heads=Choice(4, 8, 16) satisfies "
            '"width < heads" and "heads < 5"; loosen a condition or widen a domain',
        ),
        (
            GPT.where("lr > 1"),
            'found no setting of lr=Float(1e-05, 0.1, log=True) that satisfies "lr > 1" in 1,000 draws and '
            "a search that gave up; narrow the domains to where one is",
        ),
        (
            Space(x=Int(1, 10**9), y=Int(1, 10**9)).where("x * y == 1_000_000_007 * 998_244_353"),
            "found no setting of x=Int(1, 1000000000), y=Int(1, 1000000000) that satisfies "
            '"x * y == 1_000_000_007 * 998_244_353" in 1,000 draws and a search that gave up; '
            "narrow the domains to where one is",
        ),
    ],
)
def test_an_empty_space_is_shown_with_what_to_do(space: Space, message: str) -> None:
    with pytest.raises(EmptySpaceError) as caught:
        space.sample(random.Random(0))
    assert str(caught.value) == message


def test_a_space_prints_as_declared() -> None:
    assert repr(GPT.where("width % heads == 0")) == (
        "Space(width=Int(64, 4096, step=64), heads=Choice(4, 8, 16), batch=Int(1, 512), "
        "lr=Float(1e-05, 0.1, log=True), norm=Choice('layer', 'rms', None), bias=Bool())"
        ".where('width % heads == 0')"
    )


def test_a_space_is_a_value() -> None:
    space = GPT.where("width % heads == 0")
    assert pickle.loads(pickle.dumps(space)) == space == copy.deepcopy(space)
    assert hash(copy.deepcopy(space)) == hash(space)
    assert space != GPT
    assert Space(a=Int(1, 2), b=Int(1, 2)) != Space(b=Int(1, 2), a=Int(1, 2))
    assert GPT.conditions == ()
    with pytest.raises(TypeError):
        space.domains["width"] = Int(1, 2)  # type: ignore[index]


def test_a_space_without_hyperparameters_has_one_configuration() -> None:
    assert list(Space()) == [Config()]
    assert Space().sample(random.Random(0)) == Config()
    assert Space().config() in Space()


def test_a_free_float_makes_a_space_infinite_and_unlistable() -> None:
    assert GPT.size == math.inf
    assert SMALL.size == 8 * 3 * 4 * 1 * 3 * 2 == len(SMALL) == len(list(SMALL))
    for listing in (list, len):
        with pytest.raises(DeclarationError, match=r"lr=Float\(.*\) cannot be listed; .* restrict lr to one"):
            listing(GPT)


def test_a_config_is_an_immutable_mapping() -> None:
    config = SMALL.config(width=64, heads=8, batch=1, lr=0.001, norm=None, bias=True)
    assert repr(config) == "Config(width=64, heads=8, batch=1, lr=0.001, norm=None, bias=True)"
    assert config == dict(config)
    assert {config: 1}[config.replace(width=128).replace(width=64)] == 1
    assert hash(Config(a=1, b=2)) == hash(Config(b=2, a=1))
    assert pickle.loads(pickle.dumps(config)) == config == copy.deepcopy(config)
    assert config.get("depth") is None
    with pytest.raises(TypeError):
        config["width"] = 3  # type: ignore[index]
    with pytest.raises(KeyError, match="'depth' is not set by Config"):
        config["depth"]
    with pytest.raises(ConfigError, match="sets no widht; did you mean width"):
        config.replace(widht=3)


def test_a_config_is_checked_all_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        GPT.config(width=100, head=3, batch=0, lr=1, norm="batch", bias=True)
    assert str(caught.value).splitlines() == [
        "head: unknown; did you mean heads?",
        "width: 100 is not in Int(64, 4096, step=64); nearest: 64 and 128",
        "heads: missing; write heads= one of Choice(4, 8, 16)",
        "batch: 0 is not in Int(1, 512); nearest: 1",
        "lr: 1 is not in Float(1e-05, 0.1, log=True)",
        "norm: 'batch' is not in Choice('layer', 'rms', None)",
    ]


def test_a_config_satisfies_the_conditions() -> None:
    space = Space(width=Int(1, 16), heads=Int(1, 4), depth=Int(1, 2)).where("width % heads == 0")
    assert space.config(width=16, heads=4, depth=1) in space
    assert Config(width=16, heads=3, depth=1) not in space
    assert Config(width=16, heads=4) not in space
    with pytest.raises(ConfigError) as caught:
        space.config(width=16, heads=3, depth=1)
    assert str(caught.value) == 'width=16, heads=3: the condition "width % heads == 0" does not hold'


def test_restricting_fixes_values_and_bounds_pairs() -> None:
    space = GPT.restrict(width=(100, 500), heads=(5, 20), batch=8, lr=(0.01, 1), norm=None, bias=False)
    assert dict(space.domains) == {
        "width": Int(128, 448, step=64),
        "heads": Choice(8, 16),
        "batch": Int(8, 8),
        "lr": Float(0.01, 0.1, log=True),
        "norm": Choice(None),
        "bias": Bool(False),
    }
    assert GPT.where("width % heads == 0").restrict(heads=8).conditions[0].text == "width % heads == 0"
    assert GPT.restrict(width=(512, math.inf))["width"] == Int(512, 4096, step=64)


def test_a_pair_that_is_an_option_is_a_value() -> None:
    space = Space(kernel=Choice((3, 3), (5, 5)))
    assert space.restrict(kernel=(3, 3)) == Space(kernel=Choice((3, 3)))


@pytest.mark.parametrize(
    ("restrict", "error", "message"),
    [
        (
            {"width": 100},
            ConfigError,
            "width: 100 is not in Int(64, 4096, step=64); nearest: 64 and 128",
        ),
        (
            {"width": (65, 100)},
            EmptySpaceError,
            "width: (65, 100) holds no value of Int(64, 4096, step=64); write wider bounds",
        ),
        ({"width": (128, 64)}, EmptySpaceError, "width: (128, 64): low is above high; write (64, 128)"),
        ({"norm": (1, 2)}, DeclarationError, None),
        ({"widht": 64}, ConfigError, "the space has no widht; did you mean width?"),
        ({"bias": 1}, ConfigError, "bias: 1 is not in Bool()"),
    ],
)
def test_a_wrong_restriction_names_the_declaration(
    restrict: dict[str, object], error: type[Exception], message: str | None
) -> None:
    with pytest.raises(error) as caught:
        GPT.restrict(**restrict)
    assert type(caught.value) is error
    assert str(caught.value) == message or message is None


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: Space(width=512), "width=512 is no domain; write width=Choice(512)"),  # type: ignore[arg-type]
        (lambda: Space(width=(64, 512)), "width=(64, 512) is no domain; write width=Int(64, 512)"),  # type: ignore[arg-type]
        (lambda: Space(width=[64, 128]), "width=[64, 128] is no domain; write width=Choice(64, 128)"),  # type: ignore[arg-type]
        (lambda: Space(x=range(1, 9, 2)), "x=range(1, 9, 2) is no domain; write x=Int(1, 7, step=2)"),  # type: ignore[arg-type]
        (lambda: Space(width=Int), "width=Int is no domain; write width=Int(...)"),  # type: ignore[arg-type]
        (lambda: Space(norm="rms"), "norm='rms' is no domain; write norm=Choice('rms')"),  # type: ignore[arg-type]
        (lambda: Space({"a b": Int(1, 2)}), "'a b' names no hyperparameter; write a Python name"),
        (lambda: Space({"if": Int(1, 2)}), "'if' names no hyperparameter; write a Python name"),
        (lambda: Space({3: Int(1, 2)}), "3 names no hyperparameter; write a Python name"),  # type: ignore[dict-item]
        (lambda: GPT["wdth"], "the space has no wdth; did you mean width?"),
        (lambda: "width" in GPT, "'width' is no configuration; for a name, write `in space.names`"),
    ],
)  # fmt: skip
def test_a_wrong_space_is_shown_with_what_to_write(declare: Callable[[], object], message: str) -> None:
    with pytest.raises((DeclarationError, ConfigError)) as caught:
        declare()
    assert str(caught.value) == message


@given(domain=domains)
def test_a_space_holds_its_domains_by_name(domain: AnyDomain) -> None:
    space = Space({"first": domain}, second=Int(1, 2))
    assert space.names == ("first", "second")
    assert space["first"] == space.domains["first"] == domain
