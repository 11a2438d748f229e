"""Lifetimes of memory that stand-ins hold, against a simulation of each configuration on its own."""

from __future__ import annotations

import sympy
from hypothesis import given
from hypothesis import strategies as st

from fxcost.expr import Domain, evaluate
from fxcost.program import Event, Phase
from fxcost.space import Choice, Space
from fxcost.trace.gates import Gates
from fxcost.trace.lifetimes import Existence, Link, lifetimes

SPACE = Space(a=Choice("x", "y", "z"), b=Choice("x", "y"))
DOMAIN = Domain(SPACE)
CONFIGS = [DOMAIN.encode(config) for config in SPACE]
GATES = Gates(DOMAIN)
CONDITIONS = [
    sympy.true,
    *(GATES.known(sympy.Eq(DOMAIN.symbols["a"], index)) for index in range(3)),
    *(GATES.known(sympy.Eq(DOMAIN.symbols["b"], index)) for index in range(2)),
]
conditions = st.one_of(
    st.sampled_from(CONDITIONS),
    st.builds(GATES.both, st.sampled_from(CONDITIONS), st.sampled_from(CONDITIONS)),
    st.builds(GATES.either, st.sampled_from(CONDITIONS), st.sampled_from(CONDITIONS)),
)


@st.composite
def runs(draw):
    """Storages that are memory of their own or stand for earlier ones that live, and their lives."""
    existences, events, living, alive = [], [], [], []
    for _ in range(draw(st.integers(1, 12))):
        if living and draw(st.booleans()):
            events.append((living.pop(draw(st.integers(0, len(living) - 1))), False))
            continue
        index = len(existences)
        existences.append(draw(existence(living, existences)))
        living.append(index)
        if not events and draw(st.booleans()):
            alive.append(index)
        else:
            events.append((index, True))
    return existences, alive, events, draw(st.integers(0, len(events)))


def existence(living, existences):
    """A storage of its own under a condition, or a stand-in: in each configuration for one other at most."""
    own = st.builds(Existence, conditions)
    if not living:
        return own
    return st.one_of(own, st.builds(stand_in, st.lists(st.sampled_from(living), min_size=1, max_size=3)))


def stand_in(targets):
    """For each of some targets one value of `a` chooses it."""
    chosen = [GATES.known(sympy.Eq(DOMAIN.symbols["a"], index)) for index in range(3)]
    return Existence(sympy.false, tuple(Link(chosen[i], target) for i, target in enumerate(targets)))


def holds(condition, config):
    return condition is sympy.true or (condition is not sympy.false and bool(evaluate(condition, config)))


def memory_of(existences, index, config):
    """Return the storage that a storage is in one configuration; None where it is not there."""
    if holds(existences[index].gate, config):
        return index
    for link in existences[index].links:
        if holds(link.condition, config):
            return memory_of(existences, link.target, config)
    return None


def simulated(existences, alive, events, config):
    """Yield which memory is alive before the run and after each event, by reference counts."""
    holders = {}
    for index in alive:
        holders.setdefault(memory_of(existences, index, config), set()).add(index)
    yield sorted(root for root, held in holders.items() if held and root is not None)
    for index, born in events:
        held = holders.setdefault(memory_of(existences, index, config), set())
        (held.add if born else held.discard)(index)
        yield sorted(root for root, held in holders.items() if held and root is not None)


def of_pieces(split, config, until):
    """Return which memory is alive after so many events of pieces."""
    alive = set(split.alive)
    for event in split.events[:until]:
        (alive.add if event.allocates else alive.discard)(event.storage)
    return sorted(split.storage[piece] for piece in alive if holds(split.gates[piece], config))


def split_of(existences, alive, events, mark):
    recorded = [Event(index, born, Phase.FORWARD, str(n)) for n, (index, born) in enumerate(events)]
    return lifetimes(existences, alive, recorded, mark, GATES)


def events_until(split, number):
    """Return how many events of pieces belong to the first so many recorded ones."""
    return sum(int(event.node) < number for event in split.events)


@given(runs())
def test_each_configuration_has_the_memory_of_its_own_run(run):
    existences, alive, events, mark = run
    split = split_of(existences, alive, events, mark)
    for config in CONFIGS:
        for number, expected in enumerate(simulated(existences, alive, events, config)):
            assert of_pieces(split, config, events_until(split, number)) == expected, (number, config)


@given(runs())
def test_kept_is_what_the_run_has_made_that_is_alive_at_the_mark(run):
    existences, alive, events, mark = run
    split = split_of(existences, alive, events, mark)
    for config in CONFIGS:
        states = list(simulated(existences, alive, events, config))
        kept = sorted(split.storage[piece] for piece in split.kept if holds(split.gates[piece], config))
        assert kept == sorted(set(states[mark]) - set(states[0]))


@given(runs())
def test_pieces_of_a_storage_never_exist_together(run):
    split = split_of(*run)
    for config in CONFIGS:
        there = [split.storage[piece] for piece, gate in enumerate(split.gates) if holds(gate, config)]
        assert len(there) == len(set(there))
