"""What a program says of its operators, storages and events."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import fxcost as fc
from fxcost.program import Phase, Role, TensorMeta
from tests.oracles import memory
from tests.trace.replay import ADAMW, SGD, at, traced


class Net(nn.Module):
    """A layer of each kind, a buffer and a parameter that the forward never uses."""

    def __init__(self, width):
        super().__init__()
        self.first = nn.Linear(width, 2 * width)
        self.norm = nn.BatchNorm1d(2 * width)
        self.unused = nn.Linear(width, 5)

    def forward(self, x):
        x = self.first(x)
        x = torch.tanh(x)
        return self.norm(x)


@fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 15), example=lambda batch, width: torch.zeros(batch, width))
def net(width):
    return Net(width)


TANH_LINE = Net.forward.__code__.co_firstlineno + 2


@pytest.fixture(scope="module", params=["inference", "sgd", "adamw"])
def program(request):
    return traced(net, {"inference": None, "sgd": SGD, "adamw": ADAMW}[request.param])


@pytest.fixture(scope="module")
def trained():
    return traced(net, ADAMW)


def node_named(program, name, phase):
    (node,) = [n for n in program.operators() if name in str(n.target) and n.meta["phase"] is phase]
    return node


def test_every_operator_has_a_value_a_phase_a_module_and_a_source(program):
    for node in program.operators():
        assert {"value", "phase", "module", "source"} <= node.meta.keys()
        assert isinstance(node.meta["phase"], Phase)
        assert node.meta["module"] in ("", "first", "norm", "unused"), node


def test_phases_come_in_the_order_of_a_training_step(trained):
    phases = [node.meta["phase"] for node in trained.operators()]
    measured = phases[phases.index(Phase.FORWARD) :]
    assert measured == sorted(measured, key=list(Phase).index)
    assert set(phases) == set(Phase)


def test_an_operator_carries_its_module_and_the_line_of_model_code(trained):
    node = node_named(trained, "aten.tanh.default", Phase.FORWARD)
    assert (node.meta["source"].file, node.meta["source"].line) == (__file__, TANH_LINE)
    assert node_named(trained, "aten.addmm", Phase.FORWARD).meta["module"] == "first"
    assert node_named(trained, "native_batch_norm", Phase.FORWARD).meta["module"] == "norm"


def test_a_backward_operator_carries_the_place_of_its_forward_operator(trained):
    node = node_named(trained, "tanh_backward", Phase.BACKWARD)
    assert (node.meta["source"].file, node.meta["source"].line) == (__file__, TANH_LINE)
    backward = [n for n in trained.operators() if n.meta["phase"] is Phase.BACKWARD]
    assert [n.meta["module"] for n in backward if "batch_norm_backward" in str(n.target)] == ["norm"]
    assert {n.meta["module"] for n in backward if "mm" in str(n.target)} == {"first"}


def test_a_storage_made_by_the_optimizer_belongs_to_it(trained):
    made = {event.storage for event in trained.events if event.phase is Phase.STEP and event.allocates}
    assert made
    assert {trained.storages[index].module for index in made} == {"optimizer"}


def test_arguments_and_results_of_a_call_are_metas(trained):
    args, kwargs, result = trained.call(node_named(trained, "aten.addmm", Phase.FORWARD))
    assert all(isinstance(argument, TensorMeta) for argument in args)
    assert kwargs == {}
    width, batch = (trained_symbol(trained, name) for name in ("width", "batch"))
    assert result.shape == (batch, 2 * width)


def trained_symbol(program, name):
    symbols = {str(s): s for storage in program.storages for s in getattr(storage.nbytes, "free_symbols", ())}
    return symbols[name]


def test_events_balance(program):
    alive = set(program.alive)
    for event in program.events:
        assert (event.storage in alive) is not event.allocates
        (alive.add if event.allocates else alive.discard)(event.storage)
    assert set(program.alive) <= alive | {
        s.index for s in program.storages if s.role not in (Role.PARAMETER, Role.BUFFER, Role.BATCH)
    }


def test_live_memory_is_never_less_than_the_weights_and_the_batch(program):
    replay = at(net, program, program.hint)
    lasting = (Role.PARAMETER, Role.BUFFER, Role.BATCH)
    floor = sum(replay.number(s.nbytes) for s in program.storages if s.role in lasting)
    assert min(replay.live_bytes()) >= floor > 0


def test_weights_and_the_batch_are_alive_before_the_run_and_never_released(program):
    lasting = {s.index for s in program.storages if s.role in (Role.PARAMETER, Role.BUFFER, Role.BATCH)}
    assert lasting <= set(program.alive)
    assert lasting.isdisjoint(event.storage for event in program.events)


def test_nothing_else_is_alive_before_a_run(program):
    lasting = (Role.PARAMETER, Role.BUFFER, Role.BATCH, Role.OPTIMIZER_STATE)
    assert {program.storages[index].role for index in program.alive} <= set(lasting)


def test_storages_have_the_roles_and_bytes_of_a_real_model(trained):
    replay = at(net, trained, trained.hint)
    model = memory.real_model(net, trained.hint)
    used = [p for name, p in model.named_parameters() if "unused" not in name]
    expected = {
        Role.PARAMETER: total(model.parameters()),
        Role.BUFFER: total(model.buffers()),
        Role.BATCH: total([memory.real_batch(net, trained.hint)]),
        Role.GRADIENT: total(used),
        Role.OPTIMIZER_STATE: 2 * total(used) + 4 * len(used),
    }
    for role, nbytes in expected.items():
        assert (
            sum(replay.number(s.nbytes) for s in trained.storages if s.role is role and counted(trained, s))
            == nbytes
        )


def counted(program, storage):
    return storage.index in program.alive or storage.role is Role.GRADIENT


def total(tensors):
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def test_an_optimizer_has_no_state_for_parameters_without_gradient(trained):
    replay = at(net, trained, trained.hint)
    model = memory.real_model(net, trained.hint)
    optimizer = torch.optim.AdamW(model.parameters(), foreach=True)
    memory.training_step(model, memory.real_batch(net, trained.hint), memory.sum_of_output, optimizer)
    tensors = [value for state in optimizer.state.values() for value in state.values()]
    states = [s for s in trained.storages if s.role is Role.OPTIMIZER_STATE and s.index in trained.alive]
    assert sorted(replay.number(s.nbytes) for s in states) == sorted(
        t.untyped_storage().nbytes() for t in tensors
    )


def test_saved_is_what_autograd_keeps_in_a_real_run(trained):
    model, batch = memory.real_model(net, trained.hint), memory.real_batch(net, trained.hint)
    held = {t.untyped_storage().data_ptr() for t in memory.existing_tensors(model, batch)}
    packed = {}

    def pack(tensor):
        packed[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = model(batch)
    kept = [nbytes for key, nbytes in packed.items() if key not in held and key != output.data_ptr()]
    replay = at(net, trained, trained.hint)
    saved = [replay.number(trained.storages[index].nbytes) for index in trained.saved]
    assert sorted(size for size in saved if size) == sorted(size for size in kept if size)


def test_inference_keeps_nothing_and_makes_no_gradient():
    program = traced(net)
    assert program.saved == ()
    assert not [
        s for s in program.storages if s.role in (Role.GRADIENT, Role.OPTIMIZER_STATE, Role.ACTIVATION)
    ]
    assert {event.phase for event in program.events} == {Phase.FORWARD}


def test_a_shared_weight_is_counted_once():
    @fc.model(
        width=fc.Int(8, 64), batch=fc.Int(2, 15), example=lambda batch, width: torch.zeros(batch, width)
    )
    def tied(width):
        layer = nn.Linear(width, width)
        return nn.Sequential(layer, layer)

    program = traced(tied)
    assert [weight.name for weight in program.weights] == ["0.weight", "0.bias"]


def test_weights_say_what_trains_and_which_are_buffers(trained):
    weights = {weight.name: weight for weight in trained.weights}
    assert weights["first.weight"].trainable
    assert not weights["first.weight"].buffer
    assert weights["norm.running_mean"].buffer
    assert weights["norm.num_batches_tracked"].dtype is torch.int64
    assert weights["first.weight"].storage in trained.alive
