"""Graph modules, from `symbolic_trace` and `make_fx`, against real runs."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.export import export
from torch.fx import symbolic_trace
from torch.fx.experimental.proxy_tensor import make_fx

import fxcost as fc
from fxcost.errors import DeclarationError, FactoryError
from tests.exported import ADAMW, MLP, UP_TO_64, program_of, real_flops, real_peak, vectors
from tests.oracles import memory


class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.1))
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.lstm = nn.LSTM(16, 8, batch_first=True)

    def forward(self, states):
        states = self.hidden(states).unsqueeze(1).expand(-1, 5, -1)
        return self.lstm(self.attention(states, states, states)[0])[0]


@pytest.mark.parametrize("recipe", [(None, None), (ADAMW, memory.ADAMW)], ids=["inference", "adamw"])
def test_a_symbolic_trace_costs_what_its_real_runs_cost(recipe):
    training, oracle = recipe
    graph = symbolic_trace(Layers())
    cost = fc.cost(graph, vectors, space=UP_TO_64, training=training)
    graph.train(training is not None)
    for batch in (2, 33):
        assert cost.peak_memory(batch=batch) == real_peak(graph, vectors(batch), oracle)


def test_costing_a_graph_leaves_its_module_as_it_was():
    graph = symbolic_trace(Layers())
    graph(vectors(3)).sum().backward()
    parameters = list(graph.parameters())
    gradients = [parameter.grad for parameter in parameters]
    before = {name: tensor.clone() for name, tensor in graph.state_dict().items()}
    fc.cost(graph, vectors, space=UP_TO_64, training=ADAMW).peak_memory(batch=1 + 1)
    fc.cost(graph, vectors, space=UP_TO_64).peak_memory(batch=3)
    assert all(a is b for a, b in zip(parameters, graph.parameters(), strict=True))
    assert all(a is b.grad for a, b in zip(gradients, graph.parameters(), strict=True))
    assert all(torch.equal(before[name], tensor) for name, tensor in graph.state_dict().items())
    assert type(parameters[0]) is nn.Parameter
    assert all(part.training for part in graph.modules())


def test_a_symbolic_graph_of_a_forward_pass_is_exact():
    module = MLP().eval()
    graph = make_fx(lambda states: module(states), tracing_mode="symbolic", _allow_non_fake_inputs=True)(
        vectors(4)
    )
    cost = fc.cost(graph, vectors, space=UP_TO_64)
    for batch in (1, 2, 33):
        assert cost.parameters(batch=batch) == sum(p.numel() for p in graph.parameters())
        assert cost.flops(batch=batch) == real_flops(graph, vectors(batch))
        assert cost.peak_memory(batch=batch) == real_peak(graph, vectors(batch))


def test_a_symbolic_graph_of_forward_and_backward_with_a_symbolic_number_is_exact():
    module = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 4))

    def step(weights, states, repeats):
        weights = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
        output = torch.func.functional_call(module, weights, (states.repeat(repeats, 1),))
        return torch.autograd.grad(output.sum(), list(weights.values()))

    def example(batch, repeats):
        weights = {name: torch.zeros(weight.shape) for name, weight in module.named_parameters()}
        return weights, vectors(batch), repeats

    graph = make_fx(step, tracing_mode="symbolic")(*example(4, 3))
    cost = fc.cost(graph, example, space={**UP_TO_64, "repeats": fc.Int(1, 9)})
    for batch, repeats in ((1, 2), (2, 3), (33, 7)):
        setting = {"batch": batch, "repeats": repeats}
        assert cost.flops(**setting) == real_flops(graph, example(**setting))
        assert cost.peak_memory(**setting) == real_peak(graph, example(**setting))


def test_inputs_instead_of_an_example_are_one_setting():
    graph = symbolic_trace(nn.Linear(8, 4))
    cost = fc.cost(graph, vectors(3))
    assert cost.flops() == 3 * 8 * 4 * 2
    assert cost.peak_memory() == real_peak(graph, vectors(3))


def test_a_loss_may_be_given():
    class Both(nn.Linear):
        def forward(self, states):
            return super().forward(states), states

    program = export(Both(8, 4), (vectors(3),))
    with pytest.raises(FactoryError, match="loss="):
        fc.cost(program, training=ADAMW)
    plain = export(nn.Linear(8, 4), (vectors(3),))
    with_loss = fc.cost(program, training=ADAMW, loss=lambda output: output[0].sum())
    assert with_loss.peak_memory() == real_peak(plain.module(), vectors(3), memory.ADAMW)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((nn.Linear(2, 3),), r"fc.cost\(Linear.*not a decorated factory; write @fc.model.*symbolic_trace"),
        ((3,), r"fc.cost\(3\): not a decorated factory"),
        (
            (symbolic_trace(nn.Linear(8, 3)),),
            r"inputs are not known; write fc.cost\(graph_module, lambda batch",
        ),
        ((symbolic_trace(nn.Linear(8, 3)), vectors), "the example takes batch, which is not declared"),
    ],
)
def test_what_is_missing_is_said(arguments, message):
    with pytest.raises(DeclarationError, match=message):
        fc.cost(*arguments)


def test_what_is_declared_twice_is_refused():
    factory = fc.model(batch=fc.Int(1, 8), example=vectors)(lambda: nn.Linear(8, 8))
    with pytest.raises(DeclarationError, match="leave them out here"):
        fc.cost(factory, space=UP_TO_64)
    with pytest.raises(DeclarationError, match="leave the example out"):
        fc.cost(program_of("MLP", "eval"), vectors)
