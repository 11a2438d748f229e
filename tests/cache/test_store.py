"""What one `fc.cost` finds, the next one reads: the same numbers, formulas, conditions and refusals."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import random
import subprocess
import sys
import textwrap

import pytest
import torch
from torch.export import Dim, export

import fxcost as fc
from fxcost.cache.file import SEAL, CacheWarning
from fxcost.costs.stored import Stored
from fxcost.errors import InvalidConfigError
from tests.test_zoo import at_least_depth
from tests.trace.switches import of_texts
from tests.zoo import ZOO
from tests.zoo_plain import mlp, swiglu_block

TRAINING = fc.Training(torch.optim.AdamW)
AT = {"width": 16, "depth": 3, "act": "relu", "batch": 8}


def formulas(cost):
    return {name: quantity.expression(cost.first) for name, quantity in cost.quantities.items()}


def compile_and_forget(factory, **arguments):
    """Compile, make all closed forms, and let the cache be written."""
    cost = fc.cost(factory, **arguments)
    result = formulas(cost)
    del cost
    gc.collect()
    return result


def only(folder):
    (file,) = folder.glob("*.json")
    return file


@pytest.mark.parametrize(
    "factory",
    [*map(at_least_depth, ZOO[2::30]), mlp, swiglu_block, of_texts],
    ids=lambda factory: factory.__name__,
)
def test_what_is_read_of_the_zoo_equals_what_a_fresh_compile_gives(factory, folder, no_tracing):
    compile_and_forget(factory, training=TRAINING)
    fresh = fc.cost(factory, training=TRAINING, cache=False)
    expected = formulas(fresh)
    no_tracing()
    read = fc.cost(factory, training=TRAINING)
    assert isinstance(read.first.form, Stored)
    assert formulas(read) == expected
    assert str(read) == str(fresh)
    assert (read.first.hint, read.first.basis) == (fresh.first.hint, fresh.first.basis)
    assert [vars_of(each) for each in read.first.questions] == [
        vars_of(each) for each in fresh.first.questions
    ]
    draw = random.Random(0)
    for config in (factory.space.sample(draw) for _ in range(5)):
        if fresh.first.covers(fresh.regions.domain.encode(config)):
            assert read.peak_memory(**config) == fresh.peak_memory(**config)


def vars_of(question):
    return question.condition, question.kind, question.source


def test_a_normaliser_read_makes_the_same_atoms_as_a_fresh_one(folder, imported):
    text = "import torch\nfrom torch import nn\nimport fxcost as fc\n" + textwrap.dedent(
        """
        @fc.model(
            width=fc.Int(64, 512, step=8), batch=fc.Int(2, 64), example=lambda batch: torch.zeros(batch, 7)
        )
        def net(width):
            wide = int(width * 8 / 3)
            return nn.Sequential(nn.Linear(7, wide), nn.Linear(wide, width // 3 + 1))
        """
    )
    factory = imported(text).net
    compile_and_forget(factory)
    fresh, read = fc.cost(factory, cache=False), fc.cost(factory)
    assert formulas(fresh) == formulas(read)
    atoms = {atom for each in formulas(fresh).values() for row in each.rows for atom in row.polynomial.atoms}
    assert any(atom.name is None for atom in atoms)
    for atom in atoms:
        mine = read.first.form.normaliser.polynomial(atom.expression)
        assert mine == fresh.first.form.normaliser.polynomial(atom.expression)
        (same,) = mine.atoms
        assert (same.low, same.high, same.quotient) == (atom.low, atom.high, atom.quotient)
        assert (same.table is None) == (atom.table is None)


def test_a_cost_that_is_read_traces_nothing_until_it_is_asked_for_places(folder, imported, monkeypatch):
    factory = imported().net
    fresh = fc.cost(factory, training=TRAINING, cache=False)
    value, kinds = fresh.peak_memory(**AT), fresh.peak_memory.by("kind", **AT)
    modules = fresh.flops.by("module", **AT)
    compile_and_forget(factory, training=TRAINING)
    read = fc.cost(factory, training=TRAINING)
    traced = []
    real = sys.modules["fxcost.compilation"].trace
    monkeypatch.setattr(
        "fxcost.compilation.trace", lambda *args, **gated: traced.append(args) or real(*args, **gated)
    )
    assert read.peak_memory(**AT) == value
    assert read.hyperparameter("batch")(**AT) == 8
    assert not traced
    assert read.peak_memory.by("kind", **AT) == kinds
    assert read.flops.by("module", **AT) == modules
    assert len(traced) == 1


def test_regions_found_later_and_refusals_are_read_too(folder, imported, no_tracing):
    factory = imported().net
    cost = fc.cost(factory)
    expected = str(cost.partition().of(cost.peak_memory))
    with pytest.raises(InvalidConfigError) as refused:
        cost.flops(**AT | {"act": "glu", "width": 17})
    said = str(refused.value)
    del cost, refused  # its traceback holds the cost
    gc.collect()
    no_tracing()
    read = fc.cost(factory)
    assert str(read.partition().of(read.peak_memory)) == expected
    with pytest.raises(InvalidConfigError, match="an odd width has no halves") as again:
        read.flops(**AT | {"act": "glu", "width": 17})
    assert str(again.value) == said


def test_a_closed_form_that_is_not_stored_is_made_of_one_more_trace(folder):
    factory = at_least_depth(mlp)
    fresh = fc.cost(factory, cache=False)
    fc.cost(factory)
    read = fc.cost(factory)
    assert read.first.form.__class__ is Stored
    assert not read.first.expressions
    assert formulas(read) == formulas(fresh)


def forged(folder, **changes):
    file = only(folder)
    body = json.dumps(json.loads(file.read_bytes().partition(b"\n")[2]) | changes).encode()
    header = {"fxcost cache": SEAL.version, "sha256": hashlib.sha256(body).hexdigest()}
    file.write_bytes(json.dumps(header).encode() + b"\n" + body)


def cut_short(folder):
    only(folder).write_bytes(only(folder).read_bytes()[:-40])


def one_digit_changed(folder):
    data = only(folder).read_bytes()
    at = data.rindex(b"1")
    only(folder).write_bytes(data[:at] + b"2" + data[at + 1 :])


DAMAGES = {
    "empty": lambda folder: only(folder).write_bytes(b""),
    "cut short": cut_short,
    "one digit changed": one_digit_changed,
    "text": lambda folder: only(folder).write_text("dear diary"),
    "bytes": lambda folder: only(folder).write_bytes(bytes(range(256))),
    "deep": lambda folder: only(folder).write_text("[" * 100_000),
    "a pickle": lambda folder: only(folder).write_bytes(b"\x80\x04cos\nsystem\n(S'exit 1'\ntR."),
    "another format": lambda folder: only(folder).write_text('{"fxcost cache": 0}\n{}'),
    "another tool's": lambda folder: only(folder).write_text('{"version": 1}\n{}'),
    "a function not in the table": lambda folder: forged(folder, nodes=[["os.system", 0]]),
    "nodes missing": lambda folder: forged(folder, nodes=[]),
    "regions of another kind": lambda folder: forged(folder, regions=[{"hint": 3}]),
    "regions that are no list": lambda folder: forged(folder, regions=7),
    "a setting outside the space": lambda folder: forged(
        folder, regions=[{"hint": dict.fromkeys(AT, 0), "questions": [], "refusal": "no"}]
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_or_foreign_file_is_named_in_one_warning_and_written_anew(damage, folder, imported):
    factory = imported().net
    expected = compile_and_forget(factory)
    intact = only(folder).read_bytes()
    damage(folder)
    with pytest.warns(CacheWarning) as warned:
        assert compile_and_forget(factory) == expected
    assert len(warned) == 1
    assert str(only(folder)) in str(warned[0].message)
    assert only(folder).read_bytes() == intact


def test_a_folder_that_cannot_be_written_is_warned_of_once(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FXCOST_CACHE", str(tmp_path / "file" / "costs"))
    with pytest.warns(CacheWarning, match="FXCOST_CACHE names another folder") as warned:
        compile_and_forget(at_least_depth(mlp))
    assert len(warned) == 1


@pytest.mark.parametrize("said", ["off", "OFF"])
def test_nothing_is_written_where_the_cache_is_off(said, folder, monkeypatch):
    fc.cost(at_least_depth(mlp), cache=False)
    monkeypatch.setenv("FXCOST_CACHE", said)
    monkeypatch.setattr("fxcost.cache.store.key_of", lambda *_: pytest.fail("a key was made"))
    fc.cost(at_least_depth(mlp))
    assert not folder.exists()


def test_an_exported_program_is_not_cached(folder):
    program = export(
        torch.nn.Linear(4, 2), (torch.zeros(3, 4),), dynamic_shapes={"input": {0: Dim("n", max=9)}}
    )
    assert fc.cost(program).parameters(n=3) == 10
    assert not folder.exists()


WITHOUT_A_FORMULA = """
import torch
from torch import nn

import fxcost as fc


@torch.library.custom_op("fxcost_tests::quadrupled", mutates_args=())
def quadrupled(values: torch.Tensor) -> torch.Tensor:
    return values * 4


@quadrupled.register_fake
def _(values: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(values)


class Layer(nn.Linear):
    def forward(self, inputs):
        return quadrupled(super().forward(inputs))


@fc.model(depth=fc.Int(1, 20), batch=fc.Int(2, 9), example=lambda batch: torch.zeros(batch, 4))
def net(depth):
    return nn.Sequential(*[Layer(4, 4) for _ in range(depth)])
"""


def test_a_form_that_lacks_a_formula_is_used_but_not_cached(folder, imported):
    cost = fc.cost(imported(WITHOUT_A_FORMULA).net)
    assert cost.parameters(depth=7, batch=3) == 7 * (4 * 4 + 4)
    assert not folder.exists()


def test_code_imported_while_tracing_that_changes_is_traced_again(folder, imported, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "later_of_a_cache.py").write_text("OUT = 3\n")
    text = """
        import torch, fxcost as fc

        @fc.model(width=fc.Int(8, 64), example=lambda width: torch.zeros(2, width))
        def net(width):
            from later_of_a_cache import OUT
            return torch.nn.Linear(width, OUT, bias=False)
    """
    factory = imported(textwrap.dedent(text)).net
    assert fc.cost(factory).parameters(width=10) == 30
    gc.collect()
    del sys.modules["later_of_a_cache"]
    (tmp_path / "later_of_a_cache.py").write_text("OUT = 17\n")
    assert fc.cost(factory).parameters(width=10) == 170
    del sys.modules["later_of_a_cache"]


def test_processes_that_write_at_once_leave_a_file_that_can_be_read(folder, tmp_path):
    (tmp_path / "nets.py").write_text(
        "import torch, fxcost as fc\n"
        "@fc.model(width=fc.Int(8, 64), example=lambda width: torch.zeros(2, width))\n"
        "def net(width):\n    return torch.nn.Linear(width, 3)\n"
    )
    program = "import fxcost as fc, nets, sys; print(fc.cost(nets.net).parameters)"
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        )
        for _ in range(3)
    ]  # fmt: skip
    assert [process.communicate()[0] for process in started] == ["3*width + 3\n"] * 3
    assert [path.suffix for path in folder.iterdir()] == [".json"]
    again = subprocess.run(started[0].args, cwd=tmp_path, capture_output=True, text=True, check=True,
                           env={**os.environ, "PYTHONPATH": ":".join(sys.path)})  # fmt: skip
    assert (again.stdout, again.stderr) == ("3*width + 3\n", "")
