"""What data decides becomes a hyperparameter where it is declared: costs equal real runs that decide so."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import fxcost as fc
from examples.mixture import EXPERTS, mixture
from tests.oracles import memory
from tests.oracles.flops import oracle_flops
from tests.trace.replay import RECIPES

HERE = "test_dynamic.py"
RECIPE_NAMES = tuple(RECIPES)


def line_of(function, offset):
    """Return a place: so many lines below a function's first."""
    return f"{HERE}:{function.__code__.co_firstlineno + offset}"


def states(batch, seq, width):
    return torch.zeros(batch, seq, width)


SPACE = {"width": fc.Int(8, 32, step=8), "batch": fc.Int(1, 6), "seq": fc.Int(1, 12)}


def dynamic_factory(*declarations, example=states, loss=None, **domains):
    return fc.model(example=example, loss=loss, dynamic=declarations, **SPACE | domains)


def check_equals_real_runs(factory, recipe, settings):
    """Compare costs with real runs on batches, made from a setting, whose data decides as it says."""
    training, real_training = RECIPES[recipe]
    cost = fc.cost(factory, training=training)
    for config, batch in settings:
        model = memory.real_model(factory, config)
        peak, flops = measured(model, batch, real_training)
        assert cost.peak_memory(**config) == peak, config
        assert cost.flops(**config) == flops, config
    return cost


def measured(model, batch, training, rate=1e-3):
    if training is None:
        with torch.no_grad():
            flops = oracle_flops(lambda: memory.called(model.eval(), batch))
        return memory.inference_peak(model, batch), flops
    optimizer_class, options = training
    optimizer = optimizer_class(model.parameters(), **(options | {"lr": rate}))
    step = (model, batch, memory.sum_of_output, optimizer)
    memory.training_step(*step)
    return memory.training_peak(*step), oracle_flops(lambda: memory.training_step(*step))


class Ragged(nn.Module):
    """Drops padding, works on what is left."""

    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, states):
        kept = states[states[..., 0] > 0]
        return self.layers(kept)


RAGGED_LINE = line_of(Ragged.forward, 1)


@dynamic_factory(fc.Dynamic("kept", 0, "batch * seq", at=RAGGED_LINE))
def ragged(width):
    return Ragged(width)


def with_kept(width, batch, seq, kept):
    """Return a batch in which so many positions are no padding."""
    states = torch.zeros(batch * seq, width)
    states[:kept, 0] = 1
    return states.view(batch, seq, width)


@pytest.mark.parametrize("recipe", RECIPE_NAMES)
def test_a_ragged_batch_costs_what_a_real_one_with_so_many_tokens_does(recipe):
    settings = [
        {"width": width, "batch": batch, "seq": seq, "kept": kept}
        for width, batch, seq, kept in [
            (8, 3, 5, 7),
            (16, 6, 12, 72),
            (24, 2, 9, 0),
            (32, 4, 3, 1),
            (8, 1, 7, 5),
        ]
    ]
    check_equals_real_runs(ragged, recipe, [(config, with_kept(**config)) for config in settings])


class Unpadded(nn.Module):
    """Removes padding with `nonzero`, puts it back after the layer."""

    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, width)

    def forward(self, states, mask):
        batch, seq, width = states.shape
        indices = torch.nonzero(mask.flatten()).flatten()
        hidden = self.layer(states.reshape(batch * seq, width)[indices])
        padded = torch.zeros(batch * seq, width).index_copy(0, indices, hidden)
        return padded.view(batch, seq, width)


def masked_states(batch, seq, width):
    return torch.zeros(batch, seq, width), torch.ones(batch, seq, dtype=torch.bool)


@dynamic_factory(fc.Dynamic("kept", 0, "batch * seq", at="Unpadded.forward"), example=masked_states)
def unpadded(width):
    return Unpadded(width)


@pytest.mark.parametrize("recipe", RECIPE_NAMES)
def test_padding_removed_with_nonzero_costs_what_a_real_batch_does(recipe):
    settings = []
    for width, batch, seq, kept in [(8, 3, 5, 7), (16, 6, 12, 72), (24, 2, 9, 0), (32, 4, 3, 1)]:
        mask = (torch.arange(batch * seq) < kept).view(batch, seq)
        config = {"width": width, "batch": batch, "seq": seq, "kept": kept}
        settings.append((config, (torch.zeros(batch, seq, width), mask)))
    check_equals_real_runs(unpadded, recipe, settings)


class Experts(nn.Module):
    """Sends each token to the expert that its first feature names, as eager Mixtral does."""

    def __init__(self, width, experts):
        super().__init__()
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 3 * width), nn.SiLU(), nn.Linear(3 * width, width))
            for _ in range(experts)
        )

    def forward(self, states):
        tokens = states.flatten(0, 1)
        routed = torch.zeros_like(tokens)
        for number, expert in enumerate(self.experts):
            (where,) = torch.where(tokens[:, 0].round() == number)
            routed.index_add_(0, where, expert(tokens[where]))
        return routed.view(states.shape)


EXPERTS_LINE = line_of(Experts.forward, 4)


@dynamic_factory(fc.Dynamic("tokens", 0, "batch * seq", at=EXPERTS_LINE, each=3))
def experts_apart(width):
    return Experts(width, 3)


@dynamic_factory(fc.Dynamic("tokens", 0, "batch * seq", at="Experts.forward"), experts=fc.Int(1, 4))
def experts_alike(width, experts):
    return Experts(width, experts)


def sent(width, batch, seq, counts):
    """Return a batch that sends so many tokens to each expert, the others nowhere."""
    first = torch.full((batch * seq,), -1.0)
    start = 0
    for number, count in enumerate(counts):
        first[start : start + count] = number
        start += count
    states = torch.zeros(batch * seq, width)
    states[:, 0] = first
    return states.view(batch, seq, width)


@pytest.mark.parametrize("recipe", RECIPE_NAMES)
def test_each_expert_of_a_mixture_can_have_its_own_number_of_tokens(recipe):
    settings = []
    for width, batch, seq, counts in [(8, 3, 5, (7, 2, 4)), (16, 6, 12, (40, 2, 30)), (24, 2, 9, (0, 18, 0))]:
        tokens = {f"tokens_{number}": count for number, count in enumerate(counts)}
        config = {"width": width, "batch": batch, "seq": seq, **tokens}
        settings.append((config, sent(width, batch, seq, counts)))
    check_equals_real_runs(experts_apart, recipe, settings)


@pytest.mark.parametrize("recipe", RECIPE_NAMES)
def test_experts_can_have_equal_numbers_of_tokens_however_many_experts_there_are(recipe):
    settings = []
    for width, batch, seq, experts, count in [(8, 3, 5, 3, 5), (16, 6, 12, 4, 18), (24, 2, 9, 1, 1)]:
        config = {"width": width, "batch": batch, "seq": seq, "experts": experts, "tokens": count}
        settings.append((config, sent(width, batch, seq, (count,) * experts)))
    check_equals_real_runs(experts_alike, recipe, settings)


class EarlyExit(nn.Module):
    """Leaves after a block whose output is sure enough."""

    def __init__(self, width):
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.head = nn.Linear(width, 4)

    def forward(self, states):
        for block in self.blocks:
            if states.max().item() > 500:
                return self.head(states)
            states = states + block(states)
        return self.head(states)


EXIT_LINE = line_of(EarlyExit.forward, 2)


@dynamic_factory(fc.Dynamic("exits", at=EXIT_LINE, each=3))
def early_exit(width):
    return EarlyExit(width)


def leaving_after(width, batch, seq, blocks):
    """Return a model that leaves after so many blocks, and the answers it gets."""
    model = EarlyExit(width)
    for number, block in enumerate(model.blocks):
        nn.init.zeros_(block.weight)
        nn.init.constant_(block.bias, 1000.0 if number == blocks - 1 else 0.0)
    return model, torch.full((batch, seq, width), 1000.0 if blocks == 0 else 0.0)


@pytest.mark.parametrize("recipe", RECIPE_NAMES)
@pytest.mark.parametrize("blocks", range(4))
def test_an_early_exit_costs_what_a_real_run_that_leaves_there_does(recipe, blocks):
    training, real_training = RECIPES[recipe]
    cost = fc.cost(early_exit, training=training)
    for width, batch, seq in [(8, 3, 5), (32, 6, 12)]:
        answers = {f"exits_{number}": number == blocks for number in range(3)}
        config = {"width": width, "batch": batch, "seq": seq, **answers}
        peak, flops = measured(*leaving_after(width, batch, seq, blocks), real_training)
        assert (cost.peak_memory(**config), cost.flops(**config)) == (peak, flops), config


def test_an_early_exit_has_one_closed_form_for_each_exit_and_a_proof_that_there_are_no_more():
    cost = fc.cost(early_exit)
    partition = cost.partition(batch=(2, 6), seq=(2, 12))
    assert partition.proved
    assert len(partition.pieces) == 4
    assert len(str(partition.of(cost.flops)).splitlines()) == 4


def test_the_tokens_of_all_experts_are_in_one_closed_form():
    flops = fc.cost(experts_apart).flops
    assert str(flops) == " + ".join(f"12*tokens_{number}*width**2" for number in range(3))


def test_a_limit_is_proved_over_all_that_data_may_decide():
    cost = fc.cost(ragged)
    assert bool((cost.flops <= "600 kFLOP").prove(batch=(2, 6), seq=(2, 12)))
    refuted = (cost.flops <= "500 kFLOP").prove(batch=(2, 6), seq=(2, 12))
    assert refuted.counterexample["kept"] > 60


@pytest.mark.parametrize("recipe", ["inference", "adamw"])
def test_a_router_with_random_weights_costs_what_its_counts_say(recipe):
    training, real_training = RECIPES[recipe]
    cost = fc.cost(mixture, training=training)
    for width, batch, seq in [(64, 2, 128), (128, 3, 256)]:
        torch.manual_seed(width)
        model, states = mixture(width), torch.randn(batch, seq, width)
        chosen = model.router(states.flatten(0, 1)).topk(2).indices
        counts = torch.bincount(chosen.flatten(), minlength=EXPERTS).tolist()
        config = {"width": width, "batch": batch, "seq": seq}
        config |= {f"tokens_{number}": count for number, count in enumerate(counts)}
        step = (model, states, real_training, 0.0)
        assert (cost.peak_memory(**config), cost.flops(**config)) == measured(*step), config
