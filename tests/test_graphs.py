"""Graphs from elsewhere cost what real runs of them cost: exported programs, graph modules."""

from __future__ import annotations

import inspect
import io
import warnings

import pytest
import torch
from torch import nn
from torch.export import Dim, export

import fxcost as fc
from fxcost.errors import DataDependentError, DeclarationError, InvalidConfigError
from tests.exported import ADAMW, BATCH, MLP, PROGRAMS, SEQ, Pair, program_of, real_flops, real_peak, vectors
from tests.oracles import memory


@pytest.fixture(params=("eval", "train"))
def mode(request):
    return request.param


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
    assert all(line.startswith(inspect.getfile(MLP)) for line in cost.flops.by("source", batch=3))


def test_a_program_that_asks_for_data_names_the_line():
    class Some(nn.Module):
        def forward(self, states):
            return states.nonzero() * 2

    with pytest.raises(DataDependentError, match=f"{__file__}:.*nonzero"):
        fc.cost(export(Some(), (vectors(3),)))
