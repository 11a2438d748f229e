"""Counts and maxima by workers, and counts that another process goes on with."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

import pytest
import sympy

from fxcost import solve
from fxcost.errors import DeclarationError
from fxcost.expr import Domain, Normaliser
from fxcost.solve.boxes import sweep
from fxcost.solve.boxes.sweep import Frontier, bundles
from fxcost.solve.budget import Budget
from fxcost.solve.constraints import Constraint
from fxcost.solve.lattice import Boxes, Lattice
from fxcost.solve.workers import ascent, crew, journal, saved, tally
from fxcost.solve.workers.plain import Question, question_text
from fxcost.space import Choice, Int, Space
from tests.solve.boxes.test_random_systems import points, questions
from tests.solve.standins import Path, costs

SPACE = Space(
    width=Int(8, 256, step=8), act=Choice("relu", "gelu", "glu"), batch=Int(1, 40), depth=Int(1, 15)
).where("width % 16 == 0 or batch < 30")


def two_paths(width, act, batch, depth):
    """Another path for the last option, and one that is refused."""
    refused = sympy.And(width <= 32, sympy.Eq(act, 2), batch > 6)
    last = sympy.And(sympy.Eq(act, 2), sympy.Not(refused))
    memory = [width * batch + depth * width**2, depth * batch * width, 400 * batch]
    return [
        Path((refused,), refusal="ValueError: no"),
        Path((last,), {"memory": [row + 9 * width for row in memory], "size": [depth * width]}),
        Path((act < 2,), {"memory": memory, "size": [depth * width + width]}),
    ]


@pytest.fixture
def asked():
    """What fits, asked anew each time."""
    memory, size = costs(SPACE, two_paths)
    return lambda: solve.feasible(memory <= 60_000, size >= 300, time_limit=100), memory, size


@pytest.fixture(autouse=True)
def small_jobs(monkeypatch):
    for module, name, value in [
        (tally, "OPENED", 8),
        (tally, "PIECES", 5),
        (tally, "SAVED_EVERY", -1.0),
        (ascent, "OPENED", 8),
        (sweep, "BATCH", 64),
    ]:
        monkeypatch.setattr(module, name, value)


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        yield pool


class Backwards:
    """Runs what it was given when an answer is asked for, the last first; sends only JSON."""

    def __init__(self) -> None:
        self.given = []
        self.jobs = 0

    def submit(self, function, /, *arguments):
        pending = Answer(self)
        self.given.append((pending, function, json.dumps(arguments)))
        return pending

    def run(self):
        while self.given:
            pending, function, arguments = self.given.pop()
            self.jobs += 1
            pending.answer = json.loads(json.dumps(function(*json.loads(arguments))))


class Answer:
    def __init__(self, executor: Backwards) -> None:
        self.executor = executor

    def result(self):
        self.executor.run()
        return self.answer


class Interrupted:
    """Is killed when it has done some jobs."""

    def __init__(self, jobs: int) -> None:
        self.left = jobs

    def submit(self, function, /, *arguments):
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return crew.Here().submit(function, *arguments)


def test_two_processes_count_what_one_does(asked, processes):
    again, *_ = asked
    assert int(again().count(executor=processes)) == int(again().count()) > 1000


def test_an_executor_may_run_jobs_in_its_own_order(asked):
    again, *_ = asked
    executor = Backwards()
    assert int(again().count(executor=executor)) == int(again().count())
    assert executor.jobs > 5


def test_jobs_that_end_early_are_gone_on_with(asked, monkeypatch):
    again, *_ = asked
    monkeypatch.setattr(crew, "SLICE", 0.003)
    executor = Backwards()
    assert int(again().count(executor=executor)) == int(again().count())


@pytest.mark.parametrize("jobs", [0, 1, 4, 9])
def test_a_count_that_was_interrupted_is_gone_on_with(asked, tmp_path, monkeypatch, jobs):
    again, *_ = asked
    monkeypatch.setattr(crew, "AHEAD", 2)
    file = tmp_path / "frontier.json"
    with pytest.raises(KeyboardInterrupt):
        again().count(executor=Interrupted(jobs), resume=file)
    executor = Backwards()
    assert int(again().count(executor=executor, resume=file)) == int(again().count())
    assert executor.jobs > 0
    done = Backwards()
    assert int(again().count(executor=done, resume=file)) == int(again().count())
    assert done.jobs == 0


def test_a_count_out_of_time_has_bounds_and_is_gone_on_with(asked, tmp_path):
    again, memory, size = asked
    file = tmp_path / "frontier.json"
    first = solve.feasible(memory <= 60_000, size >= 300, time_limit=0.05).count(resume=file)
    exact = int(again().count())
    assert first.lower <= exact <= first.upper
    assert int(again().count(resume=str(file))) == exact


def test_a_file_that_is_damaged_or_about_something_else_is_refused(asked, tmp_path):
    again, memory, _ = asked
    file = tmp_path / "frontier.json"
    again().count(resume=file)
    with pytest.raises(DeclarationError, match=r"about another question \(memory <= .*size >= .*\)"):
        solve.feasible(memory <= 59_999, time_limit=100).count(resume=file)
    text = file.read_text()
    for damaged, why in [
        (text.replace('"found":', '"found":1'), "not as it was written"),
        (text[: len(text) // 2], "not as it was written"),
        ("[1, 2]", "not written by fxcost"),
        ('{"model": 3}\n', "it is no frontier that fxcost wrote"),
        ("", "not written by fxcost"),
    ]:
        file.write_text(damaged)
        with pytest.raises(DeclarationError, match=why):
            again().count(resume=file)
        assert file.read_text() == damaged


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_counted(asked, tmp_path):
    again, *_ = asked
    executor = Backwards()
    for path, why in ((tmp_path / "nowhere" / "frontier.json", "written"), (tmp_path, "read")):
        with pytest.raises(DeclarationError, match=f"it cannot be {why}"):
            again().count(executor=executor, resume=path)
    assert executor.jobs == 0


def test_workers_find_the_same_maximum_and_minimum(asked, processes):
    _, memory, size = asked
    fits = memory <= 60_000
    for executor in (processes, Backwards()):
        for ask, quantity, limit in [
            (solve.maximize, size, fits),
            (solve.maximize, memory, fits),
            (solve.minimize, memory, size >= 300),
        ]:
            alone, shared = ask(quantity, limit), ask(quantity, limit, executor=executor)
            assert shared.proved
            assert shared.value == alone.value
    assert not solve.maximize(size, memory <= 0, executor=Backwards())


@pytest.mark.parametrize("done", [0, 1, 4, 9])
def test_a_maximum_whose_search_was_interrupted_is_gone_on_with(asked, tmp_path, monkeypatch, done):
    _, memory, size = asked
    monkeypatch.setattr(crew, "AHEAD", 2)
    monkeypatch.setattr(journal, "WRITTEN_EVERY", -1.0)
    file, fits, expected = tmp_path / "search.json", memory <= 60_000, solve.maximize(size, memory <= 60_000)
    with pytest.raises(KeyboardInterrupt):
        solve.maximize(size, fits, executor=Interrupted(done), resume=file)
    executor = Backwards()
    found = solve.maximize(size, fits, executor=executor, resume=file)
    assert executor.jobs > 0
    assert (found.value, found.proved) == (expected.value, True)
    again = Backwards()
    assert solve.maximize(size, fits, executor=again, resume=file).value == expected.value
    assert again.jobs == 0


def test_a_search_out_of_time_is_gone_on_with_from_its_file(asked, tmp_path):
    _, memory, size = asked
    file = tmp_path / "search.json"
    fits = memory <= 60_000
    solve.minimize(memory, size >= 300, time_limit=0.02, resume=file)
    assert solve.minimize(memory, size >= 300, resume=file).value == solve.minimize(memory, size >= 300).value
    with pytest.raises(DeclarationError, match=r"about another question \(smallest memory with size >= 300"):
        solve.maximize(size, fits, resume=file)
    with pytest.raises(DeclarationError, match="has no workers and no file; leave out executor and resume"):
        solve.maximize(size, fits, engine="z3", resume=file)


def test_the_file_of_a_search_is_not_that_of_a_count(asked, tmp_path):
    again, memory, size = asked
    searched, counted = tmp_path / "search.json", tmp_path / "frontier.json"
    solve.maximize(size, memory <= 60_000, resume=searched)
    again().count(resume=counted)
    with pytest.raises(DeclarationError, match="about another question"):
        again().count(resume=searched)
    with pytest.raises(DeclarationError, match="about another question"):
        solve.maximize(size, memory <= 60_000, resume=counted)


def test_a_file_of_a_better_setting_than_there_is_is_refused(asked, tmp_path):
    _, memory, size = asked
    file, fits = tmp_path / "search.json", memory <= 60_000
    best = solve.maximize(size, fits, resume=file)
    content = saved.SEAL.read(file)
    content["best"]["score"] = best.value + 1
    saved.SEAL.write(file, content)
    with pytest.raises(DeclarationError, match="its best setting is none of this version of the model"):
        solve.maximize(size, fits, resume=file)


def test_a_condition_that_only_python_tells_is_not_given_to_workers():
    lattice = Lattice(Domain(SPACE))
    told = Constraint(None, SPACE.conditions[0], lattice, Normaliser(lattice.domain))
    with pytest.raises(DeclarationError, match="workers cannot be told of it; ask without an executor"):
        question_text(lattice, [told])


NAMES = """
from tests.solve import test_workers as asked
from tests.solve.standins import costs
from fxcost import solve
from fxcost.solve.workers.naming import name_of
from fxcost.solve.workers.plain import question_text
memory, size = costs(asked.SPACE, asked.two_paths)
parts = solve.feasible(memory <= 60_000, size >= 300)._all_parts()
print(sorted(name_of(question_text(part.tree.lattice, part.tree.asked), part.box) for part in parts))
"""


def test_a_question_has_one_name_in_all_processes():
    told = {
        subprocess.run(
            [sys.executable, "-c", NAMES],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1


@pytest.mark.parametrize("seed", range(12))
def test_a_question_that_was_written_and_read_has_the_same_settings(seed):
    for question, _ in questions(seed):
        lattice = question.compiled.lattice
        try:
            text = question_text(lattice, question.facts)
        except DeclarationError:
            continue
        for fibre in range(len(lattice.names)):
            tree = Question.of(json.loads(json.dumps(text))).tree(fibre)
            found = bundles(tree, Frontier(Boxes.of(question.box)), Budget(60))
            assert {point for bundle in found for point in points(bundle.boxes)} == question.met
