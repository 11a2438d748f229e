"""The key changes with whatever a cost follows from; what cannot be seen has no key."""

from __future__ import annotations

import itertools
import types

import pytest
import torch

import fxcost as fc
from fxcost.cache.key import key_of
from fxcost.trace import Subject

PLAIN = (
    "import torch\nSIZE = 3\nclass Wide(torch.nn.Linear):\n    pass\n"
    "def build(width): return Wide(width, SIZE)\n"
)


def example(width):
    return torch.zeros(2, width)


def key(factory, training=None, space=None, device="cpu"):
    subject = Subject(factory, ("width",), example, ("width",), None, training)
    return key_of(subject, space or fc.Space(width=fc.Int(1, 9)), device)


def test_the_same_declaration_has_the_same_key(imported):
    module = imported(PLAIN)
    assert key(module.build) == key(module.build) is not None


def test_what_is_declared_is_in_the_key(imported):
    module = imported(PLAIN)
    between = fc.Space(width=fc.Int(1, 9), heads=fc.Int(1, 2))
    keys = [
        key(module.build),
        key(module.Wide),
        key(module.build, fc.Training(torch.optim.SGD)),
        key(module.build, fc.Training(torch.optim.SGD, options={"momentum": 0.9})),
        key(module.build, fc.Training(torch.optim.AdamW)),
        key(module.build, space=fc.Space(width=fc.Int(1, 10))),
        key(module.build, space=fc.Space(width=fc.Choice(1, 9))),
        key(module.build, space=fc.Space(width=fc.Choice(torch.nn.ReLU, torch.nn.GELU))),
        key(module.build, space=fc.Space(width=fc.Choice(torch.nn.GELU, torch.nn.ReLU))),
        key(module.build, space=between),
        key(module.build, space=between.where("width % heads == 0")),
        key(module.build, space=between.where(lambda width, heads: width > heads)),
        key(module.build, space=between.where(lambda width, heads: width < heads)),
        key(module.build, device="other"),
    ]
    assert None not in keys
    assert len(set(keys)) == len(keys)


def test_what_modules_say_and_hold_is_in_the_key(imported, monkeypatch):
    module = imported(PLAIN)
    keys = [key(module.build)]
    monkeypatch.setattr(module, "SIZE", 4)
    keys.append(key(module.build))
    monkeypatch.setattr(module.Wide, "forward", lambda self, x: x, raising=False)
    keys.append(key(module.build))
    rewritten = imported(PLAIN.replace("3", "4"), module.__name__)
    keys.append(key(rewritten.build))
    torch.set_default_dtype(torch.float64)
    try:
        keys.append(key(rewritten.build))
    finally:
        torch.set_default_dtype(torch.float32)
    assert len(set(keys)) == len(keys)


def test_modules_that_hold_too_much_have_no_key(imported, monkeypatch):
    module = imported(f"{PLAIN}MANY = list(range(200_000))\ndef other(): return MANY\n")
    assert key(module.build) is not None
    monkeypatch.setattr("fxcost.cache.fingerprint.MOST", 200_000)
    assert key(module.build) is None


def test_values_that_no_code_reads_are_not_in_the_key(imported):
    module = imported(PLAIN + "started_of_no_interest = 1\n")
    before = key(module.build)
    vars(module)["started_of_no_interest"] = 2
    assert key(module.build) == before


def test_lambdas_of_one_line_have_keys_of_their_own(imported):
    module = imported(PLAIN + "both = [lambda width: build(width), lambda width: build(width + 1)]\n")
    assert key(module.both[0]) != key(module.both[1])


def closing_over(imported, value):
    module = imported(PLAIN + "def close(value):\n    return lambda width: build(value)\n")
    return key(module.close(value))


def test_closures_are_in_the_key(imported):
    held = [
        1,
        2,
        "1",
        (1,),
        [1],
        {1: 1},
        {1},
        None,
        torch.float16,
        torch.nn.ReLU,
        torch.nn.ReLU(),
        torch.relu,
    ]
    module = imported(PLAIN + "def close(value):\n    return lambda width: build(value)\n")
    keys = [key(module.close(value)) for value in held]
    assert None not in keys
    assert all(one != other for one, other in itertools.combinations(keys, 2))


@pytest.mark.parametrize(
    "unseen",
    [torch.zeros(3), torch.nn.Linear(2, 3), iter([1]), open],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_seen_has_no_key(imported, unseen):
    expected = unseen is open
    assert (closing_over(imported, unseen) is not None) is expected


def test_what_has_no_source_has_no_key():
    names = {}
    exec("def build(width): return None", names)
    assert key(names["build"]) is None
    assert key(types.FunctionType(example.__code__, {"__name__": "__main__"})) is None
