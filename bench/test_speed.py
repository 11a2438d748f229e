"""Compiling and evaluating, timed by pytest-benchmark.

    pytest bench/test_speed.py --numprocesses=0 --benchmark-enable

Each group holds a symbolic compile, the same read from the cache, and one concrete fake-tensor run of the
same training step, so that their ratios come from one run on one machine; of whole spaces, it holds one trace
or run of a single setting.
"""

from __future__ import annotations

import pytest

from bench import cells, compiling, deep_gpt, sub_networks
from bench.main_job import EVALUATIONS, random_settings
from fxcost.costs.stored import Stored

every_workload = pytest.mark.parametrize("name", compiling.WORKLOADS)
every_space_of_choices = pytest.mark.parametrize("name", compiling.CHOICES)


@every_workload
def test_symbolic_compile(benchmark, name):
    benchmark.group = name
    cost = benchmark.pedantic(compiling.symbolic, (compiling.WORKLOADS[name],), rounds=3, warmup_rounds=1)
    assert cost.first.refusal is None


@every_workload
def test_the_same_from_the_cache(benchmark, name, tmp_path, monkeypatch):
    benchmark.group = name
    monkeypatch.setenv("FXCOST_CACHE", str(tmp_path))
    compiling.symbolic(compiling.WORKLOADS[name])
    cost = benchmark.pedantic(compiling.symbolic, (compiling.WORKLOADS[name],), rounds=3, warmup_rounds=1)
    assert isinstance(cost.first.form, Stored)


@every_workload
def test_concrete_run(benchmark, name):
    benchmark.group = name
    flops, peak = benchmark.pedantic(
        compiling.concrete, (compiling.WORKLOADS[name],), rounds=3, warmup_rounds=1
    )
    assert flops > 0
    assert peak > 0


def test_compile_of_every_depth(benchmark):
    benchmark.group = "gpt of 1 to 96 blocks"
    cost = benchmark.pedantic(deep_gpt.compiled, rounds=3, warmup_rounds=1)
    assert len(cost.regions.known) == 1


def test_trace_of_one_depth(benchmark):
    benchmark.group = "gpt of 1 to 96 blocks"
    program = benchmark.pedantic(deep_gpt.traced, rounds=3, warmup_rounds=1)
    assert program.events


@every_space_of_choices
def test_compile_of_every_choice(benchmark, name):
    benchmark.group = name
    cost = benchmark.pedantic({"cells": cells, "sub-networks": sub_networks}[name].compiled, rounds=2)
    assert len(cost.regions.known) == 1


@every_space_of_choices
def test_concrete_run_of_one_choice(benchmark, name):
    benchmark.group = name
    flops, _ = benchmark.pedantic(compiling.inferred, (compiling.CHOICES[name],), rounds=3, warmup_rounds=1)
    assert flops > 0


def test_peak_over_many_settings(benchmark):
    benchmark.group = "evaluation"
    cost = compiling.symbolic(compiling.WORKLOADS["resnet50"])
    expression = cost.peak_memory.expression(cost.first)
    values = benchmark(expression.evaluate_many, random_settings(cost))
    assert len(values) == EVALUATIONS
