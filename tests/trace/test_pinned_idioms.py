"""Idioms that need a number's value: a question that names the user's line, and a region of its own."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import logging
import math
import warnings

import pytest
import torch
from torch import nn

import fxcost as fc
from fxcost.errors import FactoryError
from fxcost.expr import evaluate
from fxcost.program import QuestionKind
from tests.oracles import memory
from tests.trace.idioms import SEQUENCE, Wrapped, pictures, states, tokens, two_layers, vectors
from tests.trace.replay import ADAMW, at, traced

IDIOMS = []


def pinned(*names, example=vectors, **domains):
    """Declare a factory that needs the values of `names`, and count it among the idioms."""

    def bind(factory):
        space = {"width": fc.Int(8, 64, step=8), "batch": fc.Int(2, 15)} | domains
        bound = fc.model(example=example, **space)(factory)
        IDIOMS.append(pytest.param(bound, names, id=factory.__name__))
        return bound

    return bind


@pinned("width")
def names_of_modules(width):
    model = nn.Sequential()
    model.add_module(f"layer{width}", nn.Linear(width, 3))
    return model


@pinned("width")
def texts_of_numbers(width):
    return nn.Linear(width, len(str(width)) + len(f"{width:04d}") + len(f"{width / 4:.2f}"))


@pinned("width")
def keys_of_dictionaries(width):
    sizes = {width: 3, 2 * width: 4}
    return nn.Linear(width, sizes[width] + sizes.get(24, 1))


@pinned("ratio", ratio=fc.Choice(0.5, 1.25, 2.0))
def texts_of_fractions(width, ratio):
    return two_layers(width, len(str(ratio)) + len(f"{2 * ratio:.0f}") + len("%s" % (ratio / 4)))


@pinned("ratio", ratio=fc.Choice(0.5, 1.25, 2.0))
def keys_that_are_fractions(width, ratio):
    return two_layers(width, {0.5: 3, 1.25: 5}.get(ratio, 4) + (ratio in {2.0, 3.0}))


@pinned("ratio", ratio=fc.Choice(0.5, 1.25, 2.0))
def parts_of_fractions(width, ratio):
    return two_layers(width, ratio.as_integer_ratio()[1] + int(math.modf(ratio)[1]))


@pinned("rank", rank=fc.Choice(16, 32))
def tables_by_size(width, rank):
    return two_layers(width, {16: 3, 32: 5}[rank] + (rank in {16, 64}))


@functools.cache
def remembered(width):
    return 2 * width


@pinned("width")
def cached_functions(width):
    return two_layers(width, remembered(width))


@pinned("place", place=fc.Choice(0, 1, 2))
def places_in_lists(width, place):
    return two_layers(width, [4, 5, 9][place] + len(list(range(9))[place:]))


@pinned("depth", depth=fc.Int(1, 4))
def ranges(width, depth):
    return nn.Sequential(*(nn.Linear(width, width + 1 - 1) for _ in range(depth)))


@pinned("depth", depth=fc.Int(1, 4))
def repeated_lists(width, depth):
    sizes = [width] * depth + [3]
    return nn.Sequential(*(nn.Linear(before, after) for before, after in itertools.pairwise(sizes)))


@pinned("depth", depth=fc.Int(2, 5))
def stochastic_depth(width, depth):
    rates = [rate.item() for rate in torch.linspace(0, 0.5, depth)]
    blocks = (nn.Sequential(nn.Linear(width, width), nn.Dropout(p) if p else nn.Identity()) for p in rates)
    return nn.Sequential(*blocks)


@pinned("rate", rate=fc.Choice(0.0, 0.25, 0.5))
def rates_of_stochastic_depth(width, rate):
    rates = [rate.item() for rate in torch.linspace(0, rate, 3)]
    return nn.Sequential(nn.Linear(width, 3), *(nn.Dropout(p) for p in rates if p > 0))


@pinned("width")
def values_read_from_tensors(width):
    sizes = torch.tensor([width * 1.5, 3.0])
    sizes[1] = width / 4
    return two_layers(width, int(sizes.sum().item()))


@pinned("width")
def comparisons_in_tensors(width):
    return two_layers(width, 3 if (torch.ones(2) * width > 20).all() else 5)


@pinned("width")
def other_mathematics(width):
    return two_layers(width, int(math.cbrt(width) * 3) + math.comb(width, 2) + width.bit_length())


@pinned("width")
def sizes_of_shapes(width):
    return two_layers(width, torch.Size((width, 3)).numel())


@pinned("kernel", example=pictures, kernel=fc.Choice(2, 3), resolution=fc.Int(8, 24))
def windows_of_pooling(width, kernel):
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.MaxPool2d(kernel))


@pinned("parts", "width", example=states, parts=fc.Choice(2, 4), **SEQUENCE)
def numbers_of_chunks(width, parts):
    return Wrapped(lambda self, x: sum(self.linear(x).chunk(parts, -1)), linear=nn.Linear(width, width))


@dataclasses.dataclass(frozen=True)
class Settings:
    """A configuration as a hyperparameter."""

    hidden: int = 32
    ratio: float = 2.0


@pinned("settings", settings=fc.Choice(Settings(), Settings(48, 1.5), Settings(ratio=3.0)))
def configurations_to_choose_from(width, settings):
    return two_layers(width, int(settings.hidden * settings.ratio))


NAMED = {"narrow": {"n_embd": 32, "n_head": 2}, "wide": {"n_embd": 48, "n_head": 4}}


def settings_named(name):
    return NAMED["wide"] if name == "wide" else NAMED["narrow"]


@pinned("settings", example=tokens, settings=fc.Choice("narrow", "wide"), **SEQUENCE)
def transformers_configurations_by_name(width, settings):
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=width, n_layer=1, n_positions=64, **settings_named(settings))
    return GPT2LMHeadModel(config)


@pytest.mark.parametrize(("factory", "names"), IDIOMS)
def test_a_value_that_is_needed_is_asked_for_at_the_users_line(factory, names):
    program = traced(factory)
    questions = [q for q in program.questions if q.kind is QuestionKind.SPECIALISATION]
    assert {str(symbol) for q in questions for symbol in q.condition.free_symbols} == set(names)
    code = factory.__wrapped__.__code__
    lines = range(code.co_firstlineno, code.co_firstlineno + 8)
    for question in questions:
        source = question.source
        assert names[0] in ("settings", "kernel") or (source.file == __file__ and source.line in lines)


@pytest.mark.parametrize(("factory", "names"), IDIOMS)
def test_other_values_are_right_because_they_are_traced_anew(factory, names):
    cost = fc.cost(factory, training=ADAMW)
    configs = list(factory.space)
    for config in (configs[0], configs[len(configs) // 2 + 1], configs[-1]):
        assert cost.parameters(**config) == memory.real_parameters(factory, config), config
        assert cost.peak_memory(**config) == memory.real_peak(factory, config, memory.ADAMW), config
    assert len({tuple(config[name] for name in names) for config in configs}) > 1


def refusing(width, rank):
    if width % rank:
        message = f"width {width} is no multiple of {rank}"
        raise ValueError(message)
    if width > 40:
        raise ValueError("width " + str(width) + f" is above {40 + rank - rank:d}")
    assert width != 24, f"not {width}"
    return nn.Linear(width, 3)


@pytest.mark.parametrize(
    ("setting", "message"),
    [((32, 3), "width 32 is no multiple of 3"), ((48, 4), "width 48 is above 40"), ((24, 4), "not 24")],
)
def test_the_message_of_an_error_has_the_numbers_and_asks_nothing(setting, message):
    factory = fc.model(width=fc.Int(8, 64), rank=fc.Int(1, 8), batch=fc.Int(2, 15), example=vectors)(refusing)
    width, rank = setting
    with pytest.raises(FactoryError, match=message) as caught:
        traced(factory, width=width, rank=rank, batch=5)
    assert {question.kind for question in caught.value.questions} == {QuestionKind.MODEL}


def logging_much(width):
    print(f"width {width}", width)  # noqa: T201
    logging.getLogger(__name__).info(f"hidden {2 * width:d}")  # noqa: G004
    logging.getLogger(__name__).warning("width is %s", width)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.warn("width is " + str(width), stacklevel=1)
    return nn.Linear(width, 3)


def test_what_is_only_logged_asks_nothing(capsys):
    factory = fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 15), example=vectors)(logging_much)
    program = traced(factory, width=24, batch=5)
    assert "width 24" in capsys.readouterr().out
    assert not [q for q in program.questions if q.kind is QuestionKind.SPECIALISATION]


class Asserting(nn.Linear):
    def forward(self, states):
        torch._assert(states.dim() == 2, f"rows of numbers, not {states.shape}")
        torch._assert(states.shape[1] == self.in_features, f"Expected {self.in_features}")
        return super().forward(states)


def test_the_message_of_an_assertion_asks_nothing():
    factory = fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 15), example=vectors)(
        lambda width: Asserting(width, 3)
    )
    program = traced(factory, width=24, batch=5)
    assert not [q for q in program.questions if q.kind is QuestionKind.SPECIALISATION]


def test_the_same_factory_is_one_region_where_it_does_not_refuse():
    factory = fc.model(width=fc.Int(8, 64), rank=fc.Int(1, 8), batch=fc.Int(2, 15), example=vectors)(refusing)
    program = traced(factory, width=32, rank=4, batch=5)
    other = at(factory, program, factory.space.config(width=40, rank=8, batch=2))
    assert other.holds()
    assert evaluate(program.weights[0].shape[1], other.values) == 40
