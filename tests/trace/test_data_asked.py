"""Each way to ask for what data decides can be declared; undeclared, it is refused with the declaration."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

import fxcost as fc
from fxcost.errors import ConfigError, DataDependentError, DeclarationError, FxcostError
from tests.trace.idioms import Wrapped
from tests.trace.replay import RECIPES
from tests.trace.test_dynamic import measured

FILE = "test_data_asked.py"
ASKS = []
SPACE = {"width": fc.Int(4, 32), "batch": fc.Int(2, 32)}


def vectors(batch, width):
    return torch.zeros(batch, width)


def ask(offset, *bounds):
    """Declare what the line `offset` below a decorator asks: a number with bounds, without them a branch."""

    def bind(function):
        ASKS.append((function, function.__code__.co_firstlineno + offset, bounds))
        return function

    return bind


def positive(x):
    return x[:, 0] > 0


@ask(2, 0, "batch")
def boolean_index(self, x):
    return self.layer(x[positive(x)])


@ask(2, 0, "batch")
def nonzero(self, x):
    return self.layer(x[positive(x).nonzero().flatten()])


@ask(2, 0, "batch")
def nonzero_as_tuple(self, x):
    return self.layer(x[positive(x).nonzero(as_tuple=True)])


@ask(2, 0, "batch")
def where(self, x):
    (rows,) = torch.where(positive(x))
    return self.layer(x[rows])


@ask(2, 0, "batch")
def argwhere(self, x):
    return self.layer(x[torch.argwhere(positive(x))[:, 0]])


@ask(2, 0, "batch")
def masked_select(self, x):
    numbers = torch.masked_select(x[:, 0], positive(x))
    return self.layer(numbers[:, None] * x[:1])


@ask(4, 0, "batch")
def written_back(self, x):
    mask = positive(x)
    result = x.clone()
    result[mask] = self.layer(x[mask])
    return result


@ask(2, 0, "batch")
def number_of_rows(self, x):
    kept = positive(x).sum().item()
    return self.layer(x[:kept])


@ask(2, 0, "batch")
def int_of_a_tensor(self, x):
    kept = int(positive(x).sum())
    return self.layer(torch.zeros(kept, x.shape[1]))


@ask(3, 0, "batch")
def slice_by_a_tensor(self, x):
    kept = positive(x).sum()
    return self.layer(x[:kept])


@ask(2, 1, "batch")
def loop_over_a_number(self, x):
    for _ in range(int(positive(x).sum())):
        x = self.layer(x)
    return x


@ask(2, 0, 300)
def repeats(self, x):
    return self.layer(x.repeat_interleave(positive(x).long(), dim=0))


@ask(2, 1, "batch")
def unique(self, x):
    numbers, inverse, counts = torch.unique(marks(x), return_inverse=True, return_counts=True)
    return self.layer(numbers[:, None] * x[:1]) + inverse.sum() + counts.sum()


@ask(2, 1, "batch")
def unique_rows(self, x):
    rows, counts = torch.unique(marks(x)[:, None] * x[:1], dim=0, return_counts=True)
    return self.layer(rows) + counts.sum()


@ask(2, 1, "batch")
def unique_consecutive(self, x):
    numbers, counts = torch.unique_consecutive(marks(x), return_counts=True)
    return self.layer(numbers[:, None] * x[:1]) + counts.sum()


def marks(x):
    """Return as many different numbers as `x` has rows that are positive, at least one."""
    return torch.cumsum(positive(x), 0).float().clamp(min=1) + x[:, 1]


@ask(2)
def branch_on_a_comparison(self, x):
    if (x > 0).any():
        return self.layer(x)
    return self.layer(self.layer(x))


@ask(2)
def branch_on_a_number(self, x):
    if x.max().item() > 0:
        return self.layer(x)
    return self.layer(self.layer(x))


@ask(2)
def branch_on_equality(self, x):
    if torch.equal(x[:1, 0], torch.ones(1)):
        return self.layer(x)
    return self.layer(self.layer(x))


@ask(2)
def branch_on_closeness(self, x):
    if torch.allclose(x[:1, 0], torch.ones(1)):
        return self.layer(x)
    return self.layer(self.layer(x))


def named(function):
    return function.__name__ if callable(function) else ""


def factory_of(function, *dynamic, example=vectors):
    def build(width):
        return Wrapped(function, layer=nn.Linear(width, width))

    return fc.model(example=example, dynamic=dynamic, **SPACE)(build)


def rows_positive(batch, width, count):
    x = torch.zeros(batch, width)
    x[:count, 0] = 1
    return x


def declared(line, bounds):
    return fc.Dynamic("kept", *bounds, at=f"{FILE}:{line}")


@pytest.mark.parametrize("recipe", ["inference", "sgd"])
@pytest.mark.parametrize(("function", "line", "bounds"), ASKS, ids=named)
def test_what_is_declared_costs_what_a_real_run_that_decides_so_does(function, line, bounds, recipe):
    training, real = RECIPES[recipe]
    cost = fc.cost(factory_of(function, declared(line, bounds)), training=training)
    least = bounds[0] if bounds else 0
    for width, batch, count in [(8, 9, 5), (5, 31, 31), (17, 4, 1), (17, 4, least)]:
        config = {"width": width, "batch": batch, "kept": count if bounds else bool(count)}
        model = Wrapped(function, layer=nn.Linear(width, width))
        peak, flops = measured(model, rows_positive(batch, width, count), real)
        assert (cost.peak_memory(**config), cost.flops(**config)) == (peak, flops), config


@pytest.mark.parametrize(("function", "line", "bounds"), ASKS, ids=named)
def test_what_is_not_declared_is_refused_with_the_declaration_to_write(function, line, bounds):
    with pytest.raises(DataDependentError) as caught:
        fc.cost(factory_of(function))
    message = str(caught.value)
    assert message.startswith(f"{__file__}:{line}: ")
    (written,) = re.findall(r"dynamic=\[(fc\.Dynamic\(.*?\))\]", message)
    filled = written.replace("<low>", "0").replace("<high>", "300")
    advised = eval(filled, {"fc": fc})
    assert advised.places == (f"{FILE}:{line}",)
    assert fc.cost(factory_of(function, advised)).first.refusal is None


def refused(function, *dynamic, error=DeclarationError, **more):
    with pytest.raises(error) as caught:
        fc.cost(factory_of(function, *dynamic, **more))
    return str(caught.value)


BRANCH, INDEX = (
    next(f"{FILE}:{line}" for function, line, _ in ASKS if function is wanted)
    for wanted in (branch_on_a_comparison, boolean_index)
)


def test_a_declaration_that_no_line_uses_is_refused():
    message = refused(boolean_index, declared(1, (0, 9)), fc.Dynamic("used", 0, "batch", at=INDEX))
    assert f"Dynamic('kept', 0, 9, at='{FILE}:1') answers nothing" in message
    assert message.startswith(f"{__file__}:")


def test_a_line_asked_fewer_times_than_declared_is_refused_with_the_number():
    message = refused(boolean_index, fc.Dynamic("kept", 0, "batch", at=INDEX, each=3))
    assert message.endswith(f"{INDEX} asks for 1 of them; write each=1")


def test_a_branch_that_only_some_answers_reach_counts_as_used():
    def forward(self, x):
        if (x > 0).any():
            return self.layer(x)
        return self.layer(x[positive(x)])

    exits = fc.Dynamic("exits", at=f"{FILE}:{forward.__code__.co_firstlineno + 1}")
    kept = fc.Dynamic("kept", 0, "batch", at=f"{FILE}:{forward.__code__.co_firstlineno + 3}")
    cost = fc.cost(factory_of(forward, exits, kept))
    assert cost.flops(width=8, batch=9, exits=True, kept=3) == 2 * 9 * 8 * 8
    assert cost.flops(width=8, batch=9, exits=False, kept=3) == 2 * 3 * 8 * 8


def test_bounds_for_a_branch_are_refused_with_its_line():
    message = refused(branch_on_a_comparison, fc.Dynamic("exits", 0, 1, at=BRANCH))
    assert message.startswith(f"{__file__}:{BRANCH.partition(':')[2]}: ")
    assert message.endswith("leave the bounds out")


def test_a_size_declared_as_a_branch_is_refused():
    assert refused(boolean_index, fc.Dynamic("kept", at=INDEX)).endswith("give it bounds, as of an fc.Int")


def test_a_float_is_no_number_to_declare():
    def forward(self, x):
        return self.layer(x) * x.max().item()

    assert "leave it a tensor" in refused(forward, error=DataDependentError)


def test_a_function_a_class_or_a_module_can_be_named_instead_of_a_line():
    for place in ("boolean_index", "test_data_asked.boolean_index", "test_data_asked"):
        cost = fc.cost(factory_of(boolean_index, fc.Dynamic("kept", 0, "batch", at=place)))
        assert str(cost.flops) == "2*kept*width**2"


def test_several_places_can_share_what_they_get():
    def forward(self, x):
        first = self.layer(x[x[:, 0] > 0])
        return first + self.layer(x[x[:, 1] > 0])

    start = forward.__code__.co_firstlineno
    places = (f"{FILE}:{start + 1}", f"{FILE}:{start + 2}")
    cost = fc.cost(factory_of(forward, fc.Dynamic("kept", 0, "batch", at=places)))
    assert str(cost.flops) == "4*kept*width**2"


def test_one_mask_used_twice_asks_once():
    def forward(self, x):
        mask = positive(x)
        return self.layer(x[mask]) + x[mask]

    place = f"{FILE}:{forward.__code__.co_firstlineno + 2}"
    cost = fc.cost(factory_of(forward, fc.Dynamic("kept", 0, "batch", at=place, each=1)))
    assert str(cost.flops) == "2*kept_0*width**2"


def test_what_the_example_batch_holds_decides_no_size():
    def example(batch, width):
        return torch.zeros(batch, width, dtype=torch.long)

    def forward(self, x):
        return self.layer(x[x[:, 0] == 0].float())

    line = forward.__code__.co_firstlineno + 1
    message = refused(forward, error=DataDependentError, example=example)
    assert f'fc.Dynamic("size_at_{line}", 0, "batch", at="{FILE}:{line}")' in message


def test_more_than_there_is_cannot_be_selected():
    cost = fc.cost(factory_of(boolean_index, fc.Dynamic("kept", 0, 300, at=INDEX)))
    assert cost.flops(width=8, batch=9, kept=9) == 2 * 9 * 8 * 8
    with pytest.raises(FxcostError, match="kept is at most batch here"):
        cost.flops(width=8, batch=9, kept=10)


def test_a_loop_that_its_answers_never_end_is_no_setting():
    def forward(self, x):
        while (x > 0).any():
            x = x - 1
        return self.layer(x)

    place = f"{FILE}:{forward.__code__.co_firstlineno + 1}"
    cost = fc.cost(factory_of(forward, fc.Dynamic("again", at=place, each=2)))
    assert cost.flops(width=8, batch=9, again_0=True, again_1=False) == 2 * 9 * 8 * 8
    with pytest.raises(FxcostError, match="asked 1000 times whether to go on"):
        cost.flops(width=8, batch=9, again_0=True, again_1=True)


@pytest.mark.parametrize(
    ("write", "fault"),
    [
        (lambda: fc.Dynamic("kept", 0, 9), 'at="model.py:57"'),
        (lambda: fc.Dynamic("kept", 0, 9, at=57), "57 is no place in the code"),
        (lambda: fc.Dynamic("kept", 0, at="net.py:3"), "a size has a largest value"),
        (lambda: fc.Dynamic("kept", -1, 9, at="net.py:3"), "nothing has fewer than 0 elements"),
        (lambda: fc.Dynamic("kept", 0, 9.5, at="net.py:3"), "high is 9.5; write an integer"),
        (lambda: fc.Dynamic("kept", 0, 9, at="net.py:3", each=True), "such as each=8"),
        (lambda: fc.Dynamic("kept", at="net.py:3", step=2), "a branch has no step"),
        (lambda: factory_of(where, declared(1, (9, 3))), "low is above high"),
        (lambda: factory_of(where, declared(1, (0, "batsh * 2"))), "names batsh: did you mean batch?"),
        (lambda: factory_of(where, declared(1, (0, "batch / 2"))), "/ rounds"),
        (lambda: factory_of(where, declared(1, (0, lambda batch: batch / 2))), "calculate with integers"),
        (lambda: factory_of(where, fc.Dynamic("batch", 0, 9, at="net.py:3")), "write another name"),
        (lambda: factory_of(where, "kept"), "dynamic=['kept']: no declaration"),
    ],
)
def test_a_wrong_declaration_is_refused_with_what_to_write(write, fault):
    with pytest.raises(DeclarationError, match=re.escape(fault)):
        write()


def test_a_bound_is_a_condition_of_the_space():
    space = factory_of(where, declared(1, (0, lambda batch, width: 2 * batch - width // 8))).space
    assert space["kept"] == fc.Int(0, 64)
    assert space.conditions[0].text == "kept <= 2 * batch - width // 8"
    with pytest.raises(ConfigError, match="does not hold"):
        space.config(width=8, batch=2, kept=4)


def test_the_real_model_is_built_and_run_as_if_nothing_were_declared():
    model = factory_of(boolean_index, fc.Dynamic("kept", 0, "batch", at=INDEX))(8)
    assert model(rows_positive(9, 8, 4)).shape == (4, 8)
