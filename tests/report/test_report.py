"""Reports: the same numbers as the costs, in words that can be relied on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import fxcost as fc
from fxcost.program import Source
from fxcost.report.breakdown import Breakdown
from fxcost.report.explanation import Violation, explained
from fxcost.report.places import line_of, relative
from fxcost.report.repeats import alike
from fxcost.report.subject import Subject, use_of
from fxcost.report.terms import largest_terms
from fxcost.report.text import as_text, columns, remarked
from fxcost.solve.effort import Reading
from fxcost.units import Unit


class Stack(nn.Module):
    """Three layers that are alike, and one that is not."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(nn.Linear(width, width) for _ in range(3)))
        self.head = nn.Linear(width, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            images = layer(images)
        return self.head(images)


@pytest.fixture(scope="module")
def cost() -> fc.Cost:
    @fc.model(
        width=fc.Int(8, 512, step=8),
        batch=fc.Int(2, 4096),
        example=lambda batch, width: torch.zeros((batch, width)),
    )
    def stack(width: int) -> nn.Module:
        return Stack(width)

    return fc.cost(stack, training=fc.Training(torch.optim.AdamW))


@pytest.fixture(scope="module")
def config() -> fc.Config:
    return fc.Config(width=64, batch=32)


def test_terms_of_equal_layers_are_added_up(cost: fc.Cost, config: fc.Config) -> None:
    largest = largest_terms(cost.parameters, config)
    assert [(term.amount, term.times, term.module, term.operator) for term in largest] == [
        (3 * 64 * 64, 3, "layers.*", "weight"),
        (64 * 10, 1, "head", "weight"),
        (3 * 64, 3, "layers.*", "bias"),
        (10, 1, "head", "bias"),
    ]


@pytest.mark.parametrize("name", ["flops", "traffic", "activations", "peak_memory"])
def test_terms_add_up_to_the_quantity(cost: fc.Cost, config: fc.Config, name: str) -> None:
    quantity = cost.quantities[name]
    every = quantity.terms(10**6, **config)
    assert sum(amount for _, amount in every) == quantity(**config)
    largest = [term.amount for term in largest_terms(quantity, config)]
    assert largest == sorted(largest, reverse=True)
    assert len(largest) <= 5


def test_terms_name_the_line_of_the_model(cost: fc.Cost, config: fc.Config) -> None:
    lines = {term.line for term in largest_terms(cost.flops, config)}
    assert any(line.startswith(relative(__file__) + ":") for line in lines)


def test_modules_are_alike_only_where_everything_else_is_equal() -> None:
    rows = [("a.0.x", 1), ("a.1.x", 1), ("a.2.x", 2), ("a.0.y", 1), ("b.0.x", 1), ("3", 1), ("4", 1), ("", 1)]
    groups = alike(rows, lambda row: row[0], lambda row: row[1])
    assert [(name, len(group)) for name, group in groups] == [
        ("a.*.x", 2), ("a.2.x", 1), ("a.0.y", 1), ("b.0.x", 1), ("*", 2), ("", 1),
    ]  # fmt: skip


def test_an_explanation_names_setting_excess_and_terms(cost: fc.Cost) -> None:
    limit = (cost.peak_memory <= "1 MiB") & (cost.parameters <= "1 M")
    verdict = limit.prove(batch=256)
    assert isinstance(verdict, fc.Refuted)
    explanation = explained(limit, verdict)
    (violation,) = explanation.violations
    value = cost.peak_memory(**verdict.counterexample)
    assert (violation.reading.name, violation.reading.value) == ("peak_memory", value)
    assert violation.terms == largest_terms(cost.peak_memory, verdict.counterexample)
    first, second, *terms = str(explanation).splitlines()
    width = verdict.counterexample["width"]
    assert first == f"peak_memory <= 1 MiB & parameters <= 1 M does not hold at width={width}, batch=256"
    assert " too much  " in second
    assert len(terms) == 5


@pytest.mark.parametrize(
    ("restriction", "point", "line"),
    [
        ({"width": 64}, "backward of layers.2, aten.sum.dim_IntList", "images = layer(images)"),
        ({"batch": 2}, "step of optimizer, aten._foreach_sqrt.default", None),
    ],
)
def test_a_peak_is_refuted_with_its_program_point_and_line(
    cost: fc.Cost, restriction: dict[str, int], point: str, line: str | None
) -> None:
    limit = (cost.peak_memory <= "1 MiB") & (cost.parameters <= "1 B")
    verdict = limit.prove(**restriction)
    assert isinstance(verdict, fc.Refuted)
    assert verdict.as_dict()["binding"] == {"peak_memory": point}
    assert f"({point.removesuffix('.default')}), limit <= 1" in str(verdict)
    (violation,) = explained(limit, verdict).violations
    binding = violation.as_dict()["binding"]
    assert binding["point"] == point == cost.peak_memory.binding(**verdict.counterexample)
    file, _, number = binding["line"].rpartition(":")
    assert bool(file) is (line is not None)
    if line is not None:
        assert Path(__file__).read_text().splitlines()[int(number) - 1].strip() == line


@pytest.mark.parametrize(
    ("relation", "value", "bound", "excess"),
    [
        ("<=", 3 * 2**30, 2 * 2**30, "1.00 GiB too much"),
        (">=", 2**30, 2**31, "1.00 GiB too little"),
        ("<", 5, 5, "exactly the bound, and < is asked"),
    ],
)
def test_the_excess_says_which_way(relation: str, value: int, bound: int, excess: str) -> None:
    reading = Reading("peak_memory", Unit.BYTES, value, relation, bound, "the bound", holds=False)
    assert Violation(reading, ()).excess == excess


@pytest.mark.parametrize("key", ["module", "operator", "phase", "source"])
def test_a_breakdown_has_every_part(cost: fc.Cost, config: fc.Config, key: str) -> None:
    breakdown = Breakdown.of(cost, key, config)
    assert {name: sum(parts.values()) for name, parts in breakdown.amounts.items()} == {
        name: cost.quantities[name](**config) for name in breakdown.amounts
    }
    assert as_text(breakdown.table()).splitlines()[0].split()[0] == key


def test_a_subject_has_a_configuration_where_one_is_left(cost: fc.Cost) -> None:
    open_ = Subject("stack.py", cost, {"width": 64}, cost.first)
    assert (open_.config, open_.open_names) == (None, ("batch",))
    bounded = Subject("stack.py", cost, {"width": (60, 66), "batch": 32}, cost.first)
    assert bounded.config == fc.Config(width=64, batch=32)


def test_long_maxima_are_cut_where_that_is_asked(cost: fc.Cost) -> None:
    subject = Subject("stack.py", cost, {}, cost.first)
    rows = len(cost.peak_memory.expression(cost.first).rows)
    assert rows > 1
    whole = as_text(subject.formulas(["peak_memory"]), width=400)
    assert f"the largest of {rows}:" in whole
    assert "more" not in whole
    assert f"and {rows - 1} more  # `fxcost cost` shows all" in as_text(
        subject.formulas(["peak_memory"], most=1)
    )


def test_a_recipe_is_said_in_words() -> None:
    training = fc.Training(torch.optim.SGD, options={"lr": 0.1, "momentum": 0.9})
    assert use_of(training) == "one training step with SGD(lr=0.1, momentum=0.9)"


def test_lines_are_shown_from_the_working_directory_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert line_of(Source(str(tmp_path / "nets" / "net.py"), 8)) == "nets/net.py:8"
    assert line_of(Source("/elsewhere/net.py", 8)) == "/elsewhere/net.py:8"
    assert relative(torch.nn.functional.__file__) == "torch/nn/functional.py"
    assert line_of(None) == ""


def test_brackets_are_no_markup() -> None:
    assert as_text(columns([("x[bold]", remarked("[red]y", "z[0]"))], ("", ""))) == "x[bold]  [red]y  # z[0]"
