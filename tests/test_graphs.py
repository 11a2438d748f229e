"""Graphs from elsewhere cost what real runs of them cost: exported programs, graph modules."""

from __future__ import annotations

import io
import warnings
from functools import cache

import pytest
import torch
import torchvision
import transformers
from torch import nn
from torch.export import Dim, export
from torch.fx import symbolic_trace
from torch.fx.experimental.proxy_tensor import make_fx

import fxcost as fc
from fxcost.errors import DataDependentError, DeclarationError, FactoryError, InvalidConfigError
from tests.oracles import memory
from tests.oracles.flops import oracle_flops

ADAMW = fc.Training(torch.optim.AdamW)
BATCH = Dim("batch", min=1, max=64)
SEQ = Dim("seq", min=2, max=64)
UP_TO_64 = {"batch": fc.Int(1, 64)}


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.GELU())
        self.head = nn.Linear(32, 4)
        self.register_buffer("scale", torch.ones(4))
        self.offsets = torch.arange(4.0)  # a plain attribute, which export lifts

    def forward(self, states):
        with torch.no_grad():
            target = states.sum(1, keepdim=True) * 2
        return (
            self.head(self.hidden(states)) * self.scale + self.offsets + torch.tensor([1.0, 2, 3, 4]) - target
        )


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(50, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.head = nn.Linear(16, 50, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens):
        return self.head(self.layer(self.embedding(tokens)))


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, left, right, *, mask=None):
        left = self.linear(left) if mask is None else self.linear(left) * mask
        return left.sum() + self.linear(right).mean()


def vectors(batch):
    return torch.zeros(batch, 8)


def tokens(batch, seq):
    return torch.zeros(batch, seq, dtype=torch.long)


def pictures(batch):
    return torch.zeros(batch, 3, 32, 32)


def gpt2():
    config = transformers.GPT2Config(
        n_layer=1,
        n_embd=32,
        n_head=4,
        vocab_size=101,
        n_positions=64,
        use_cache=False,
        bos_token_id=1,
        eos_token_id=2,
    )
    return transformers.GPT2LMHeadModel(config)


def named_tokens(batch, seq):
    return {"input_ids": tokens(batch, seq)}


BATCHES = tuple({"batch": batch} for batch in (2, 7, 33, 64))
SEQUENCES = tuple({"batch": batch, "seq": seq} for batch, seq in ((1, 2), (7, 64), (64, 5)))
TEXT = {0: BATCH, 1: SEQ}
PROGRAMS = {
    "MLP": (MLP, vectors, {"states": {0: BATCH}}, BATCHES),
    "transformer": (Transformer, tokens, {"tokens": TEXT}, SEQUENCES),
    "resnet18": (torchvision.models.resnet18, pictures, {"x": {0: BATCH}}, ({"batch": 2}, {"batch": 9})),
    "GPT2": (gpt2, named_tokens, {"input_ids": TEXT}, SEQUENCES),
}


@cache
def program_of(name, mode):
    build, example, shapes, _ = PROGRAMS[name]
    batch = example(*(3, 5)[: example.__code__.co_argcount])
    module = build().train(mode == "train")
    args, kwargs = ((), batch) if isinstance(batch, dict) else ((batch,), {})
    return export(module, args, kwargs, dynamic_shapes=shapes)


@pytest.fixture(params=("eval", "train"))
def mode(request):
    return request.param


def held(module):
    """Return a module with its constants as buffers: they are memory too, but no parameter nor buffer."""
    for part in list(module.modules()):
        for name, value in list(vars(part).items()):
            if isinstance(value, torch.Tensor):
                delattr(part, name)
                part.register_buffer(name, value, persistent=False)
    return module


def real_peak(module, batch, training=None):
    module = held(module)
    if training is None:
        return memory.inference_peak(module, batch)
    optimizer_class, options = training
    optimizer = optimizer_class(module.parameters(), **options)
    memory.training_step(module, batch, memory.sum_of_output, optimizer)
    return memory.training_peak(module, batch, memory.sum_of_output, optimizer)


def real_flops(module, batch):
    with torch.no_grad():
        return oracle_flops(lambda: memory.called(module, batch))


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_exported_program_costs_what_its_real_runs_cost(name, mode):
    program = program_of(name, mode)
    _, example, _, settings = PROGRAMS[name]
    cost = fc.cost(program)
    for setting in settings:
        module, batch = program.module(), example(**setting)
        assert cost.parameters(**setting) == sum(p.numel() for p in module.parameters())
        assert cost.flops(**setting) == real_flops(module, batch)
        assert cost.peak_memory(**setting) == real_peak(module, batch)


@pytest.mark.parametrize("name", PROGRAMS)
def test_training_an_exported_program_peaks_where_its_real_steps_do(name, mode):
    program = program_of(name, mode)
    _, example, _, settings = PROGRAMS[name]
    cost = fc.cost(program, training=ADAMW)
    for setting in settings:
        assert cost.peak_memory(**setting) == real_peak(program.module(), example(**setting), memory.ADAMW)


def test_a_decomposed_program_costs_what_its_real_runs_cost(mode):
    program = program_of("MLP", mode).run_decompositions()
    cost = fc.cost(program)
    for batch in (2, 33, 64):
        assert cost.peak_memory(batch=batch) == real_peak(program.module(), vectors(batch))


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN])
def test_an_exported_recurrent_layer_peaks_where_its_real_runs_do(layer):
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer(8, 16, batch_first=True)

        def forward(self, states):
            return self.layer(states)[0][:, -1]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # export says that the layer lists its weights
        program = export(Last(), (torch.zeros(3, 5, 8),), dynamic_shapes={"states": {0: BATCH}})
    cost = fc.cost(program, training=ADAMW)
    for batch in (1, 2, 33):
        assert cost.peak_memory(batch=batch) == real_peak(
            program.module(), torch.zeros(batch, 5, 8), memory.ADAMW
        )


def test_dynamic_sizes_become_hyperparameters_named_and_bounded_as_exported():
    assert fc.cost(program_of("GPT2", "eval")).space == fc.Space(batch=fc.Int(1, 64), seq=fc.Int(2, 64))


def test_sizes_without_a_name_have_their_symbols():
    dynamic = Dim.AUTO(min=2, max=9)
    program = export(nn.Linear(8, 8), (torch.zeros(3, 8),), dynamic_shapes={"input": {0: dynamic}})
    symbol = next(iter(program.range_constraints))
    assert fc.cost(program).space == fc.Space({str(symbol): fc.Int(2, 9)})


def test_a_program_read_from_a_file_costs_the_same():
    file = io.BytesIO()
    torch.export.save(program_of("MLP", "eval"), file)
    file.seek(0)
    loaded, batch = fc.cost(torch.export.load(file)), fc.cost(program_of("MLP", "eval"))
    (symbol,) = loaded.space.names
    assert loaded.peak_memory(**{symbol: 33}) == batch.peak_memory(batch=33)


def test_multiples_of_a_size_follow_it():
    half = Dim("half", max=10)
    shapes = {"left": {0: 2 * half}, "right": {0: 2 * half + 1}}
    program = export(Pair(), (torch.zeros(6, 8), torch.zeros(7, 8)), dynamic_shapes=shapes)
    cost = fc.cost(program, training=ADAMW)
    assert cost.space == fc.Space(half=fc.Int(2, 10))
    for size in (2, 3, 10):
        batch = (torch.zeros(2 * size, 8), torch.zeros(2 * size + 1, 8))
        assert cost.peak_memory(half=size) == real_peak(program.module(), batch, memory.ADAMW)


def test_inputs_may_go_by_position_and_by_keyword():
    class ByPosition(nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

        def forward(self, left, right, mask):
            return self.module(left, right, mask=mask)

    sizes = {0: BATCH}
    program = export(
        Pair(),
        (torch.zeros(3, 8), torch.zeros(6, 8)),
        {"mask": torch.zeros(3, 8)},
        dynamic_shapes={"left": sizes, "right": {0: 2 * BATCH}, "mask": sizes},
    )
    batch = (torch.zeros(5, 8), torch.zeros(10, 8), torch.zeros(5, 8))
    assert fc.cost(program).peak_memory(batch=5) == real_peak(ByPosition(program.module()), batch)


def test_a_number_among_the_inputs_is_a_hyperparameter():
    class Prefix(nn.Module):
        def forward(self, states, count):
            return states[:count] * count

    shapes = {"states": {0: SEQ}, "count": Dim.DYNAMIC}
    program = export(Prefix(), (torch.zeros(6, 8), 3), dynamic_shapes=shapes)
    cost = fc.cost(program)
    assert cost.space.names == ("seq", "count")
    assert cost.peak_memory(seq=9, count=4) == real_peak(program.module(), (torch.zeros(9, 8), 4))


def test_a_program_without_dynamic_sizes_is_a_space_of_one_setting():
    program = export(MLP().eval(), (vectors(3),))
    cost = fc.cost(program)
    assert cost.space.size == 1
    assert cost.peak_memory() == real_peak(program.module(), vectors(3))
    assert isinstance((cost.peak_memory <= "1 MiB").prove(), fc.Proved)
    assert isinstance((cost.peak_memory <= "1 KiB").prove(), fc.Refuted)


def test_the_guards_of_a_program_are_conditions():
    class Halves(nn.Module):
        def forward(self, states):
            return states.view(states.shape[0] // 2, 2, 8).sum()

    program = export(Halves(), (torch.zeros(6, 8),), dynamic_shapes={"states": {0: Dim.DYNAMIC(max=64)}})
    (name,) = (cost := fc.cost(program)).space.names
    assert any("guards of the exported program" in condition for condition in cost.conditions)
    assert cost.peak_memory(**{name: 8}) == real_peak(program.module(), vectors(8))
    with pytest.raises(InvalidConfigError, match="Guard failed"):
        cost.peak_memory(**{name: 7})


def test_a_size_without_an_upper_bound_needs_a_declaration():
    program = export(nn.Linear(8, 4), (vectors(3),), dynamic_shapes={"input": {0: Dim("batch")}})
    with pytest.raises(
        DeclarationError, match=r'no upper bound of batch \(size 0 of input\).*"batch": fc.Int\(1, 64\)'
    ):
        fc.cost(program)
    cost = fc.cost(program, space=fc.Space(batch=fc.Int(2, 8)).where("batch % 2 == 0"))
    assert cost.flops(batch=6) == 6 * 8 * 4 * 2
    assert len(cost.space) == 4


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (
            {"batch": fc.Int(1, 65)},
            r"an integer in 1\.\.64 as it was exported; write 'batch': fc.Int\(1, 64\)",
        ),
        ({"batch": fc.Choice("a", "b")}, "an integer in"),
        ({"batch": fc.Float(1, 8)}, "an integer in"),
        ({"width": fc.Int(1, 8)}, "declares width, which the program has not; its dynamic sizes are batch"),
    ],
)
def test_a_declaration_that_does_not_suit_a_program_is_refused(space, message):
    with pytest.raises(DeclarationError, match=message):
        fc.cost(program_of("MLP", "eval"), space=space)


def test_operators_of_a_program_have_the_modules_and_lines_that_were_exported():
    cost = fc.cost(program_of("MLP", "eval"), training=ADAMW)
    assert set(cost.flops.by("module", batch=3)) == {"hidden.0", "head"}
    assert all(line.startswith(__file__) for line in cost.flops.by("source", batch=3))


def test_a_program_that_asks_for_data_names_the_line():
    class Some(nn.Module):
        def forward(self, states):
            return states.nonzero() * 2

    with pytest.raises(DataDependentError, match=f"{__file__}:.*nonzero"):
        fc.cost(export(Some(), (vectors(3),)))


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
