"""Traces decorated factories and replays their events at a configuration, as plain integers."""

from __future__ import annotations

import contextlib
import random

from fxcost.errors import FactoryError
from fxcost.expr import Domain, evaluate
from fxcost.trace import Subject, generic_hint, trace
from tests.oracles import memory
from tests.oracles.agreement import RECIPES

SGD, ADAMW = (RECIPES[name][0] for name in ("sgd", "adamw"))


def traced(factory, training=None, **hint):
    """Return the program of a decorated factory, traced at `hint`, or at a generic setting it accepts."""
    if hint:
        return trace(subject_of(factory, training), Domain(factory.space), factory.space.config(**hint))
    for config in generic_hint(factory.space, 16):
        with contextlib.suppress(FactoryError):
            return trace(subject_of(factory, training), Domain(factory.space), config)
    raise LookupError(f"{factory} refuses 16 settings")


def subject_of(factory, training=None):
    """Return what is traced of a decorated factory."""
    return Subject(
        factory.__wrapped__,
        factory.factory_names,
        factory.example,
        factory.example_names,
        factory.loss,
        training,
        factory.dynamic,
    )


class Replay:
    """A program at one configuration, given by the values of its symbols."""

    def __init__(self, program, values):
        self.program, self.values, self.known = program, values, {}

    def number(self, size):
        """Return a size as an int."""
        if isinstance(size, int):
            return size
        if size not in self.known:
            self.known[size] = int(evaluate(size, self.values))
        return self.known[size]

    def holds(self):
        """Tell whether everything the trace rests on holds here."""
        return all(evaluate(question.condition, self.values) for question in self.program.questions)

    def live_bytes(self):
        """Yield the bytes alive before the run, then after each event."""
        sizes = {
            storage.index: self.number(storage.nbytes) * self.there(storage.gate)
            for storage in self.program.storages
        }
        live = sum(sizes[index] for index in self.program.alive)
        yield live
        for event in self.program.events:
            live += sizes[event.storage] if event.allocates else -sizes[event.storage]
            yield live

    def peak(self):
        """Return the most bytes alive at once."""
        return max(self.live_bytes())

    def parameters(self):
        """Return the number of parameters."""
        weights = (weight for weight in self.program.weights if not weight.buffer)
        return sum(self.elements(weight.shape) * self.there(weight.gate) for weight in weights)

    def there(self, gate):
        """Return 1 where a gate holds, else 0."""
        return int(bool(gate) if gate in (True, False) else evaluate(gate, self.values))

    def elements(self, shape):
        """Return the product of some sizes."""
        product = 1
        for size in shape:
            product *= self.number(size)
        return product


def at(factory, program, config):
    """Return a program's replay at a configuration of its factory."""
    return Replay(program, Domain(factory.space).encode(config))


def settings_where_questions_hold(factory, program, count, seed=0, tries=400):
    """Return some random settings inside the traced region, other than the hint."""
    draw, found = random.Random(seed), []
    for _ in range(tries):
        config = factory.space.sample(draw)
        if config != program.hint and config not in found and at(factory, program, config).holds():
            found.append(config)
        if len(found) == count:
            break
    return found


def check_peaks_equal_real_runs(factory, recipe, count=2, **hint):
    """Trace once, then compare the peak with real runs at other settings: equal to the byte."""
    training, real_training = RECIPES[recipe]
    program = traced(factory, training, **hint)
    others = settings_where_questions_hold(factory, program, count)
    assert len(others) == count, f"the region of {program.hint} holds fewer than {count} other settings"
    for config in (program.hint, *others):
        replay = at(factory, program, config)
        assert replay.parameters() == memory.real_parameters(factory, config), config
        real = memory.real_peak(factory, config, real_training)
        assert replay.peak() == real, config
    return program
