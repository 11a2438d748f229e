"""Small factories with choices of modules, in the ways that choices are written."""

from __future__ import annotations

import torch
from torch import nn

import fxcost as fc

SWITCHES = {}
SIZES = {"width": fc.Choice(8, 16), "batch": fc.Int(2, 6)}


def vectors(batch, width):
    return torch.zeros(batch, width)


def switching(example=vectors, **domains):
    """Declare a factory with a width, a batch and choices, and count it among the switches."""

    def declare(function):
        factory = fc.model(example=example, **SIZES | domains)(function)
        SWITCHES[function.__name__] = factory
        return factory

    return declare


OPTIONS = fc.Choice("none", "linear", "mlp", "relu")


def options(width):
    return {
        "none": nn.Identity,
        "linear": lambda: nn.Linear(width, width),
        "mlp": lambda: nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)),
        "relu": nn.ReLU,
    }


class Added(nn.Module):
    """A residual branch."""

    def __init__(self, branch):
        super().__init__()
        self.branch = branch

    def forward(self, x):
        return x + self.branch(x)


class Called(nn.Module):
    """Modules and the function that calls them."""

    def __init__(self, forward, **modules):
        super().__init__()
        self.function = forward
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, *inputs):
        return self.function(self, *inputs)


@switching(first=OPTIONS, second=OPTIONS)
def of_texts(first, second, width):
    branches = (Added(fc.Switch(each, options(width))) for each in (first, second))
    return nn.Sequential(nn.Linear(width, width), *branches, nn.Linear(width, 5))


@switching(count=fc.Int(0, 2))
def of_integers(count, width):
    layer = nn.Linear(width, width)
    return nn.Sequential(fc.Switch(count, [nn.Identity, nn.Tanh, lambda: layer]), nn.Linear(width, width))


@switching(factor=fc.Choice(4, 1, 6))
def of_integers_by_key(factor, width):
    layers = {each: (lambda each=each: nn.Linear(width, each * width)) for each in (1, 4, 6)}
    return nn.Sequential(nn.Linear(width, width), fc.Switch(factor, layers), nn.Sigmoid())


@switching(depth=fc.Int(1, 5))
def up_to_a_depth(depth, width):
    layers = [
        fc.Switch(index < depth, {True: lambda: Added(nn.Linear(width, width)), False: nn.Identity})
        for index in range(5)
    ]
    return nn.Sequential(nn.Linear(width, width), *layers)


@switching(which=fc.Int(0, 2))
def one_of_a_list(which, width):
    built = nn.ModuleList(
        [nn.Linear(width, width), nn.Tanh(), nn.Sequential(nn.Linear(width, 3), nn.Linear(3, width))]
    )
    return Called(lambda self, x: self.built[which](x).relu(), built=built)


@switching(act=fc.Choice("relu", "tanh", "linear"))
def one_of_a_dict(act, width):
    built = nn.ModuleDict({"relu": nn.ReLU(), "tanh": nn.Tanh(), "linear": nn.Linear(width, width)})
    stem = nn.Linear(width, width)
    return Called(lambda self, x: self.built[act](self.stem(x)), built=built, stem=stem)


@switching(outer=fc.Choice("plain", "inner"), inner=fc.Choice("relu", "linear", "mlp"))
def nested(outer, inner, width):
    inside = {name: options(width)[name] for name in ("relu", "linear", "mlp")}
    outside = {
        "plain": lambda: nn.Linear(width, width),
        "inner": lambda: nn.Sequential(nn.Linear(width, width), fc.Switch(inner, inside), nn.Tanh()),
    }
    return nn.Sequential(fc.Switch(outer, outside), nn.Linear(width, 3))


@switching(norm=fc.Choice("layer", "batch", "none"))
def in_many_places(norm, width):
    norms = {
        "layer": lambda: nn.LayerNorm(width),
        "batch": lambda: nn.BatchNorm1d(width),
        "none": nn.Identity,
    }
    blocks = (nn.Sequential(nn.Linear(width, width), fc.Switch(norm, norms), nn.ReLU()) for _ in range(3))
    return nn.Sequential(*blocks)


class Pair(nn.Module):
    def __init__(self, width, crossed):
        super().__init__()
        self.left, self.right, self.crossed = nn.Linear(width, width), nn.Linear(width, 2 * width), crossed

    def forward(self, x, y):
        if self.crossed:
            x, y = y, x
        return self.left(x), self.right(y)


@switching(
    lambda batch, width: (torch.zeros(batch, width), torch.zeros(batch, width)), kind=fc.Choice("a", "b", "c")
)
def of_several_inputs_and_outputs(kind, width):
    pairs = {
        "a": lambda: Pair(width, False),
        "b": lambda: Pair(width, True),
        "c": lambda: Called(lambda self, x, y: (x, torch.cat([y, x], 1))),
    }

    def forward(self, x, y):
        first, second = self.pair(self.stem(x), y)
        return first.sum() + second.relu().sum()

    return Called(forward, stem=nn.Linear(width, width), pair=fc.Switch(kind, pairs))


@switching(size=fc.Choice("small", "middle", "large"))
def of_sizes(size, width):
    parts = {"small": 1, "middle": width, "large": 4 * width}
    layers = {name: (lambda out=out: nn.Linear(width, out)) for name, out in parts.items()}
    return nn.Sequential(nn.Linear(width, width), fc.Switch(size, layers), nn.Sigmoid())


@switching(act=fc.Choice("inplace", "plain", "none", "both"))
def in_place_first(act, width):
    acts = {
        "inplace": lambda: nn.ReLU(inplace=True),
        "plain": nn.ReLU,
        "none": nn.Identity,
        "both": lambda: nn.Sequential(nn.ReLU(inplace=True), nn.Linear(width, width), nn.ReLU(inplace=True)),
    }
    return nn.Sequential(nn.Linear(width, width), fc.Switch(act, acts), nn.Linear(width, width))


@switching(kind=fc.Choice("cut", "linear", "scaled"), second=fc.Choice("cut", "linear", "scaled"))
def cutting_the_gradient(kind, second, width):
    kinds = {
        "cut": lambda: Called(lambda self, x: x.detach() * 0),
        "linear": lambda: nn.Linear(width, width),
        "scaled": lambda: Called(lambda self, x: x * 2),
    }
    layers = (fc.Switch(each, kinds) for each in (kind, second))
    return nn.Sequential(nn.Linear(width, width), *layers, nn.Linear(width, width))


@switching(kind=fc.Choice("once", "twice", "never"))
def sharing_a_module(kind, width):
    shared = nn.Linear(width, width)
    kinds = {
        "once": lambda: shared,
        "twice": lambda: nn.Sequential(shared, nn.Tanh(), shared),
        "never": lambda: nn.Linear(width, width, bias=False),
    }
    return nn.Sequential(nn.Linear(width, width), fc.Switch(kind, kinds))


@switching(kind=fc.Choice("once", "none"))
def used_outside_as_well(kind, width):
    shared = nn.Linear(width, width)
    chosen = fc.Switch(kind, {"once": lambda: shared, "none": nn.Identity})
    return nn.Sequential(shared, chosen)


def frozen(module):
    return module.requires_grad_(False)


@switching(kind=fc.Choice("frozen", "trained", "half"))
def of_frozen_parameters(kind, width):
    kinds = {
        "frozen": lambda: frozen(nn.Linear(width, width)),
        "trained": lambda: nn.Linear(width, width),
        "half": lambda: nn.Sequential(frozen(nn.Linear(width, width)), nn.Tanh(), nn.Linear(width, width)),
    }
    return nn.Sequential(nn.Linear(width, width), fc.Switch(kind, kinds))


@switching(kind=fc.Choice("frozen", "trained"))
def first_of_all(kind, width):
    kinds = {"frozen": lambda: frozen(nn.Linear(width, width)), "trained": lambda: nn.Linear(width, width)}
    return nn.Sequential(fc.Switch(kind, kinds), nn.Tanh(), nn.Linear(width, 3))


def checked(width):
    if width > 8:
        raise ValueError("too wide")
    return nn.Linear(width, width)


@switching(kind=fc.Choice("checked", "tanh"))
def raising_for_some_sizes(kind, width):
    kinds = {"checked": lambda: checked(width), "tanh": nn.Tanh}
    return nn.Sequential(nn.Linear(width, width), fc.Switch(kind, kinds))


@switching(kind=fc.Choice("a", "b", "c"))
def handing_on(kind, width):
    """What is handed on unchanged is the tensor itself, in lists and as views, too."""
    kinds = {
        "a": lambda: Called(lambda self, x, y: [x, y]),
        "b": lambda: Called(lambda self, x, y: [y, self.layer(x)], layer=nn.Linear(width, width)),
        "c": lambda: Called(lambda self, x, y: [x.view(-1, 1).view(x.shape), y + 1]),
    }

    def forward(self, x):
        x = self.first(x)
        y = self.second(x)
        first, second = self.switch(x, y)
        return first * second + y

    layers = {"first": nn.Linear(width, width), "second": nn.Linear(width, width)}
    return Called(forward, **layers, switch=fc.Switch(kind, kinds))


@switching(
    lambda batch, width: torch.zeros(batch, 3, 8, 8),
    kernel=fc.Choice(3, 5, 1),
    pool=fc.Choice("max", "avg", "none"),
)
def of_pictures(kernel, pool, width):
    pools = {"max": lambda: nn.MaxPool2d(3, 1, 1), "avg": lambda: nn.AvgPool2d(3, 1, 1), "none": nn.Identity}
    convolutions = {k: (lambda k=k: nn.Conv2d(width, width, k, padding=k // 2)) for k in (1, 3, 5)}
    return nn.Sequential(
        nn.Conv2d(3, width, 1), fc.Switch(kernel, convolutions), nn.ReLU(inplace=True), fc.Switch(pool, pools)
    )


@switching(first=OPTIONS, depth=fc.Int(1, 4))
def with_a_depth(first, depth, width):
    layers = (Added(fc.Switch(first, options(width))) for _ in range(depth))
    return nn.Sequential(nn.Linear(width, width), *layers, nn.Linear(width, 3))


@switching(kind=fc.Choice("constant", "linear", "empty"))
def ignoring_its_input(kind, width):
    kinds = {
        "constant": lambda: Called(
            lambda self, x: self.bias.weight[:1].expand(x.shape), bias=nn.Embedding(2, width)
        ),
        "linear": lambda: nn.Linear(width, width),
        "empty": lambda: Called(
            lambda self, x: self.layer(torch.ones_like(x)), layer=nn.Linear(width, width)
        ),
    }
    stem = nn.Sequential(nn.Linear(width, 3), nn.Tanh(), nn.Linear(3, width))
    return nn.Sequential(stem, fc.Switch(kind, kinds), nn.Linear(width, 3))


@switching(kind=fc.Choice("flat", "deep", "list"), width=fc.Choice(4))
def of_other_structures(kind, width):
    kinds = {
        "flat": lambda: Called(
            lambda self, x: x.flatten(),
        ),
        "deep": lambda: nn.Linear(width, 2 * width),
        "list": lambda: Called(lambda self, x: [x, x.relu()]),
    }
    switch = fc.Switch(kind, kinds)
    return Called(
        lambda self, x: sum(y.sum() for y in self.switch(self.stem(x))),
        stem=nn.Linear(width, width),
        switch=switch,
    )


@switching(kind=fc.Choice("three", "five"))
def returning_plain_numbers(kind, width):
    kinds = {
        "three": lambda: Called(lambda self, x: (x, 3)),
        "five": lambda: Called(lambda self, x: (x.relu(), 5)),
    }

    def forward(self, x):
        y, times = self.switch(self.stem(x))
        return torch.cat([y] * times)

    return Called(forward, stem=nn.Linear(width, width), switch=fc.Switch(kind, kinds))


@switching(dtype=fc.Choice("single", "double"))
def of_other_dtypes(dtype, width):
    kinds = {"single": nn.Identity, "double": lambda: Called(lambda self, x: x.double())}
    return nn.Sequential(nn.Linear(width, width), fc.Switch(dtype, kinds), nn.Tanh())


@switching(p=fc.Choice(0.0, 0.1), kind=fc.Choice("drop", "plain"))
def with_dropout(p, kind, width):
    kinds = {"drop": lambda: nn.Dropout(p), "plain": nn.Identity}
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), fc.Switch(kind, kinds), nn.Linear(width, width))


@switching(gated=fc.Choice(False, True))
def of_truths(gated, width):
    return nn.Sequential(nn.Linear(width, width), fc.Switch(gated, {True: nn.Sigmoid, False: nn.Identity}))


@switching(kind=fc.Choice("transposed", "plain"))
def of_other_strides(kind, width):
    kinds = {
        "transposed": lambda: Called(lambda self, x: (x.T @ x).T),
        "plain": lambda: Called(lambda self, x: x.T @ x),
    }
    return nn.Sequential(nn.Linear(width, width), fc.Switch(kind, kinds), nn.Linear(width, 3))


class Wide(nn.Sequential):
    """Twice as wide inside; refuses one width."""

    expansion = 2

    def __init__(self, width):
        if width == 16:
            raise ValueError("too wide")
        super().__init__(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))


class Plain(nn.Linear):
    """One layer."""

    expansion = 1

    def __init__(self, width):
        super().__init__(width, width)


@switching(block=fc.Choice(Plain, Wide))
def of_classes_that_are_looked_at(block, width):
    first = nn.Linear(width, width) if block.expansion > 1 else nn.Identity()
    last = nn.Tanh() if block is Plain else nn.Sequential()
    return nn.Sequential(first, block(width), block(width) if issubclass(block, Wide) else nn.ReLU(), last)


@switching(norm=fc.Choice(None, nn.LayerNorm), act=fc.Choice(torch.relu, torch.tanh))
def of_classes_and_functions(norm, act, width):
    between = nn.Identity() if norm is None else norm(width)
    return Called(lambda self, x: act(self.between(x)), between=between)


@switching(block=fc.Choice(Plain, nn.Sequential), depth=fc.Int(1, 12))
def of_classes_up_to_a_depth(block, depth, width):
    return nn.Sequential(
        *(block(width) if block is Plain else block(nn.Linear(width, width), nn.ReLU()) for _ in range(depth))
    )


@switching(**{name: fc.Choice(nn.ReLU, nn.GELU, nn.Sigmoid) for name in ("first", "second", "third")})
def of_more_classes_than_are_traced_together(first, second, third, width):
    return nn.Sequential(nn.Linear(width, width), first(), second(), third())


@switching(kind=fc.Choice("none", "linear", "relu"), other=fc.Choice("mlp", "relu"), depth=fc.Int(1, 12))
def looked_up_in_a_dict(kind, other, depth, width):
    blocks = (nn.Sequential(options(width)[kind](), nn.Linear(width, width)) for _ in range(depth))
    return nn.Sequential(nn.Linear(width, width), *blocks, fc.Switch(other, options(width)))


@switching(kind=fc.Choice("none", "linear", "relu"))
def looked_up_and_compared(kind, width):
    layers = nn.Linear(width, width), options(width)[kind]()
    return nn.Sequential(*layers, nn.Tanh()) if kind == "relu" else nn.Sequential(*layers)
