"""What users write on the command line: limits, settings, recipes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import fxcost as fc
from fxcost.cli.limits import read_limit
from fxcost.cli.recipes import recipe_of, training_of
from fxcost.cli.settings import restriction_of
from fxcost.errors import ConfigError, DeclarationError, EmptySpaceError, FxcostError, TargetError, UnitError


@pytest.fixture(scope="module")
def cost() -> fc.Cost:
    @fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 32), example=lambda batch: torch.zeros(batch, 4))
    def net(width: int) -> torch.nn.Module:
        return torch.nn.Linear(4, width)

    return fc.cost(net)


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        ("parameters <= 1 M", "parameters <= 1 M"),
        ("parameters<=1M", "parameters <= 1M"),
        ("peak_memory < 24 GiB and flops >= 1.5 GFLOP", "peak_memory < 24 GiB & flops >= 1.5 GFLOP"),
        (
            "peak_memory < 1 GiB or flops > 1 FLOP and buffers <= 3",
            "peak_memory < 1 GiB | flops > 1 FLOP & buffers <= 3",
        ),
        (
            "(peak_memory < 1 GiB or flops > 1 FLOP) and buffers <= 3",
            "(peak_memory < 1 GiB | flops > 1 FLOP) & buffers <= 3",
        ),
        ("not parameters <= 5", "parameters > 5"),
        ("not (parameters <= 5 or buffers > 2)", "parameters > 5 & buffers <= 2"),
        ("weight_bytes <= peak_memory", "weight_bytes <= peak_memory"),
        ("~(parameters <= 5) & buffers <= 2", "parameters > 5 & buffers <= 2"),
    ],
)
def test_a_limit_is_read_as_python_reads_it(cost: fc.Cost, text: str, statement: str) -> None:
    assert str(read_limit(text).of(cost.quantities)) == statement


def test_what_a_limit_prints_can_be_read_again(cost: fc.Cost) -> None:
    limit = ~((cost.peak_memory <= "1 KiB") & (cost.flops <= "1 GFLOP")) | (cost.parameters <= cost.buffers)
    assert str(read_limit(str(limit)).of(cost.quantities)) == str(limit)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("peak_memory <= 24 G", UnitError, '"24 G" is ambiguous: write "24 GB"'),
        ("flops <= 24 GiB", UnitError, '"24 GiB" is in bytes, and FLOP are asked for'),
        ("peak_memory <= 24", UnitError, '"24" has no unit'),
        ("flops <= peak_memory", UnitError, '"peak_memory" is no quantity of FLOP'),
        ("peak <= 24 GiB", DeclarationError, "there is no quantity peak; did you mean peak_memory?"),
        ("width <= 24", DeclarationError, "hyperparameters are bounded with --set"),
        ("flops", DeclarationError, "write one of <=, <, >=, > after flops"),
        ("flops == 3 FLOP", DeclarationError, "write one of <=, <, >=, > after flops"),
        ("flops <=", DeclarationError, "an amount in FLOP, or a quantity, is missing after flops <="),
        ("", DeclarationError, "a quantity is missing"),
        ("flops <= 1 FLOP and", DeclarationError, "a quantity is missing"),
        ("(flops <= 1 FLOP", DeclarationError, 'a ")" is missing'),
        ("flops <= 1 FLOP)", DeclarationError, '")" is one too many'),
        ("flops <= 1 FLOP <= 2 FLOP", DeclarationError, '"<=" is one too many'),
        ("1 FLOP <= flops", DeclarationError, "there is no quantity 1"),
    ],
)
def test_a_limit_that_cannot_be_read_is_shown(text: str, kind: type[FxcostError], message: str) -> None:
    with pytest.raises(kind) as error:
        read_limit(text)
    assert message in str(error.value)


def test_an_error_in_a_limit_points_at_its_place() -> None:
    with pytest.raises(DeclarationError) as error:
        read_limit("flops <= 1 PFLOP and (peek_memory < 24 GiB)")
    _, shown, mark = str(error.value).splitlines()
    assert shown[mark.index("^") :].startswith("peek_memory")


SPACE = fc.Space(
    width=fc.Int(64, 512, step=64),
    rate=fc.Float(0, 1),
    act=fc.Choice("relu", "gelu", None),
    layer=fc.Choice(torch.nn.ReLU, torch.nn.GELU),
    bias=fc.Bool(),
)


@pytest.mark.parametrize(
    ("text", "restriction"),
    [
        ("width=128", {"width": 128}),
        ("width=100:300", {"width": (100, 300)}),
        (" width = 128 ", {"width": 128}),
        ("rate=0.5", {"rate": 0.5}),
        ("rate=0:1e-1", {"rate": (0, 0.1)}),
        ("act=relu", {"act": "relu"}),
        ("act='relu'", {"act": "relu"}),
        ("act=None", {"act": None}),
        ("layer=GELU", {"layer": torch.nn.GELU}),
        ("bias=True", {"bias": True}),
    ],
)
def test_a_setting_is_read_as_its_domain_spells_it(text: str, restriction: dict[str, object]) -> None:
    assert restriction_of([text], SPACE) == restriction


@pytest.mark.parametrize(
    ("texts", "kind", "message"),
    [
        (["width"], ConfigError, "--set width: write name=value, or name=low:high"),
        (["width="], ConfigError, "--set width=: write name=value"),
        (["width=128", "width=64"], ConfigError, "--set width=64: width is set twice"),
        (["widht=128"], ConfigError, "--set widht=128: the space has no widht; did you mean width?"),
        (["width=100"], ConfigError, "100 is not in Int(64, 512, step=64); nearest: 64 and 128"),
        (["width=300:200"], EmptySpaceError, "low is above high"),
        (["width=65:100"], EmptySpaceError, "holds no value of Int(64, 512, step=64)"),
        (["width=64:"], DeclarationError, "'' is no number; a range is low:high"),
        (["act=tanh"], ConfigError, "'tanh' is not in Choice('relu', 'gelu', None)"),
        (["width=__import__('os')"], ConfigError, "is not in Int"),
    ],
)
def test_a_wrong_setting_says_what_to_write(texts: list[str], kind: type[FxcostError], message: str) -> None:
    with pytest.raises(kind) as error:
        restriction_of(texts, SPACE)
    assert message in str(error.value)


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(sys, "path", sys.path.copy())
    path = tmp_path / "recipes_of_this_test.py"
    path.write_text(
        "import torch, fxcost as fc\n"
        "momentum = fc.Training(torch.optim.SGD, options={'momentum': 0.9})\n"
        "def optimizer(parameters):\n    return torch.optim.RMSprop(parameters)\n"
        "number = 3\n"
    )
    yield path
    sys.modules.pop(path.stem, None)


def test_recipes_have_short_names() -> None:
    assert training_of("none") is None
    names = [training_of(name).optimizer.__name__ for name in ("adamw", "adam", "sgd")]  # type: ignore[union-attr]
    assert names == ["AdamW", "Adam", "SGD"]


def test_a_recipe_may_be_the_users_own(recipes: Path) -> None:
    momentum = training_of(f"{recipes}:momentum")
    assert momentum is not None
    assert momentum.options == {"momentum": 0.9}
    own = training_of(f"{recipes}:optimizer")
    assert own is not None
    assert own.optimizer.__name__ == "optimizer"
    assert training_of("torch.optim:Adagrad") == fc.Training(torch.optim.Adagrad)


def test_a_wrong_recipe_says_what_to_write(recipes: Path) -> None:
    with pytest.raises(DeclarationError, match="write none, adamw, adam, sgd, or module:name"):
        training_of("lion")
    with pytest.raises(DeclarationError, match="this is a int; write the name of a Training"):
        training_of(f"{recipes}:number")
    with pytest.raises(TargetError, match="has no momentun; did you mean momentum"):
        training_of(f"{recipes}:momentun")


def test_options_of_a_recipe_are_its_fields() -> None:
    training, inference = recipe_of("sgd", {"precision": "bf16-mixed", "accumulation": 4, "checkpoint": "0"})
    assert training == fc.Training(torch.optim.SGD, precision="bf16-mixed", accumulation=4, checkpoint="0")
    assert inference is None
    assert recipe_of("none", {"precision": "bf16-true"}) == (None, fc.Inference(precision="bf16-true"))
    assert recipe_of("none", {}) == (None, None)
    with pytest.raises(DeclarationError, match="write --training adamw, too"):
        recipe_of("none", {"ema": 0.9})
