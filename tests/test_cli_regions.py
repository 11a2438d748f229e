"""`fxcost regions`: what it prints, and how it exits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.commands import answered, file_of, run

NETS = """
import torch, fxcost as fc
from torch import nn

class Net(nn.Module):
    def __init__(self, width, gate):
        super().__init__()
        inner = width
        if width > 64:
            inner = width // 2
            if gate == "glu":
                if width > 128:
                    raise ValueError("too wide for a gate")
                inner = width
        self.up = nn.Linear(width, 2 * inner)
        self.act = nn.GLU() if gate == "glu" else nn.GELU()

    def forward(self, images):
        return self.act(self.up(images))

@fc.model(
    width=fc.Int(32, 256, step=32),
    gate=fc.Choice("none", "glu"),
    batch=fc.Int(1, 16),
    example=lambda batch, width: torch.zeros(batch, width),
)
def net(width, gate):
    return Net(width, gate)
"""
RAISES = NETS.splitlines().index('                    raise ValueError("too wide for a gate")') + 1


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with file_of(tmp_path_factory.mktemp("cli") / "branching_nets_of_this_test.py", NETS) as path:
        yield path


def test_regions_prints_every_piece_with_its_conditions_and_what_raises(nets: str) -> None:
    result = run("regions", f"{nets}:net")
    assert result.exit_code == 0
    assert "proved to cover all 256 settings" in result.stdout
    assert "gate == 'glu'  # specialisation" in result.stdout
    unwrapped = " ".join(result.stdout.split())
    assert f"width > 64 # model condition, {nets}:9" in unwrapped
    assert f"raises ValueError: too wide for a gate ({nets}:{RAISES})" in unwrapped


def test_regions_prints_a_cost_piece_by_piece(nets: str) -> None:
    shown = run("regions", f"{nets}:net", "--of", "parameters", "--set", "gate=none").stdout
    narrow, wide = ("width <= 64", "2*width**2 + 2*width"), ("width > 64", "width**2 + width")
    orders = [(narrow, wide), (wide, narrow)]
    texts = [f"  if {first[0]}: {first[1]}\n  else: {last[1]}\n" for first, last in orders]
    assert shown.endswith(tuple(f"parameters\n{text}" for text in texts))


def test_regions_in_json_has_pieces_coverage_and_costs(nets: str) -> None:
    answer = answered("regions", f"{nets}:net", "--of", "flops")
    assert (answer["proved"], answer["settings"], answer["uncovered"]) == (True, 256, None)
    (refused,) = (piece for piece in answer["pieces"] if piece["refusal"])
    assert refused["refusal"] == {
        "exception": "ValueError: too wide for a gate",
        "line": f"{nets}:{RAISES}",
    }
    assert refused["settings"] == 4 * 16
    assert answer["costs"]["flops"]["proved"] is True
    assert {branch["refusal"] is None for branch in answer["costs"]["flops"]["branches"]} == {True, False}


def test_regions_exits_with_3_where_settings_may_be_left(nets: str) -> None:
    result = run("regions", f"{nets}:net", "--regions", "0")
    assert result.exit_code == 3
    assert "not proved to cover all 256 settings: 0 regions were traced" in result.stdout
    assert "not covered: settings such as width=" in result.stdout


def test_regions_shows_a_part_that_the_factory_refuses_altogether(nets: str) -> None:
    result = run("regions", f"{nets}:net", "--set", "gate=glu", "--set", "width=160:256")
    assert result.exit_code == 0
    assert "every setting" in result.stdout
    assert "raises ValueError: too wide for a gate" in result.stdout


def test_regions_refuses_quantities_that_do_not_exist(nets: str) -> None:
    result = run("regions", f"{nets}:net", "--of", "flop")
    assert result.exit_code == 2
    assert "there is no quantity flop; did you mean flops?" in result.stderr
