"""Repeated segments of synthetic timelines, against timelines that are written out."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from fxcost.costs.repeats import repeats
from fxcost.costs.timeline import Step, Timeline, masked
from fxcost.expr import Domain, Normaliser, Polynomial
from fxcost.program import Phase
from fxcost.space import Int, Space

DOMAIN = Domain(Space(n=Int(0, 9), m=Int(0, 9), even=Int(0, 18, step=2), width=Int(1, 6)))
NORMALISER = Normaliser(DOMAIN)
WIDTH = NORMALISER.polynomial(DOMAIN.symbols["width"])


def step(letter, size):
    """A storage made (size above 0) or released, of so many bytes and rows of the width."""
    change = WIDTH * size + size
    return Step(change, Phase.FORWARD, letter, allocates=size > 0)


def timeline(parts, alive=0):
    steps = tuple(itertools.chain(*parts))
    labels = tuple(f"{at}.{each.operator}" for at, each in enumerate(steps))
    return Timeline(Polynomial.constant(alive), steps, labels)


A, B, C, D = (tuple(step(letter, size) for size in sizes) for letter, *sizes in (
    ("a", 3, 2, -4), ("b", 5, -6), ("c", 1), ("d", -1),
))  # fmt: skip
START = (step("start", 9),)
END = (step("end", -9),)


def found_between(make, base, names=None):
    """Return what the timelines at a base and one step further along each counter show."""
    steps = {name: 2 if name == "even" else 1 for name in base}
    lengthened = {name: make(**base | {name: base[name] + steps[name]}) for name in names or base}
    return repeats(make(**base), base, steps, lengthened)


def check_at_all_counts(make, found, names, lowest=0):
    """Compare what is said of every count with the timeline written out there."""
    ranges = [range(lowest, 19, 2) if name == "even" else range(lowest, 10) for name in names]
    for counts in itertools.product(*ranges):
        at = dict(zip(names, counts, strict=True))
        assert found.agrees(make(**at), at), at
        assert_peak_is(make(**at), found, at)


def assert_peak_is(written_out, found, at):
    rows = found.rows(NORMALISER)
    for width in (1, 6):
        values = dict.fromkeys(DOMAIN.symbols, 0) | at | {"width": width}
        said = max(row.polynomial.evaluate(values) for row in rows)
        live = itertools.accumulate(
            (each.change.evaluate(values) for each in written_out.steps),
            initial=written_out.alive.evaluate(values),
        )
        assert said == max(live), (at, width)


def test_a_segment_is_repeated_as_often_as_counted():
    def make(n):
        return timeline([START, *[A] * n, END])

    found = found_between(make, {"n": 2})
    assert found.least == {"n": 0}
    check_at_all_counts(make, found, ["n"])


def test_a_counter_with_steps_of_two_counts_every_second_value():
    def make(even):
        return timeline([START, *[A] * (even // 2), END])

    check_at_all_counts(make, found_between(make, {"even": 2}), ["even"])


def test_what_is_made_layer_by_layer_then_released_layer_by_layer_is_two_segments():
    def make(n):
        return timeline([START, *[A] * n, *[B] * n, END])

    for base in (1, 3):
        found = found_between(make, {"n": base})
        assert [(each.counter, each.copies) for each in found.segments if each.counter] == [("n", base)] * 2
        check_at_all_counts(make, found, ["n"])


def test_four_segments_that_meet_are_told_apart():
    def make(n):
        return timeline([*[A] * n, *[B] * n, *[C] * n, *[D] * n])

    check_at_all_counts(make, found_between(make, {"n": 2}), ["n"])


def test_two_counters_nest_as_forward_and_backward_do():
    def make(n, m):
        return timeline([START, *[A] * n, END, *[B] * m, START, *[D] * m, *[C] * n, END])

    check_at_all_counts(make, found_between(make, {"n": 1, "m": 2}), ["n", "m"])


def test_two_counters_whose_segments_meet_are_told_apart():
    def make(n, m):
        return timeline([*[A] * n, *[B] * m, *[C] * m, *[D] * n])

    check_at_all_counts(make, found_between(make, {"n": 1, "m": 1}), ["n", "m"])


def test_a_segment_that_two_counters_repeat_together_is_shared_between_them():
    def make(n, m):
        return timeline([START, *[A] * (n + m), END])

    found = found_between(make, {"n": 1, "m": 1})
    assert found.least == {"n": -1, "m": 1}
    for n, m in itertools.product(range(8), range(1, 8)):
        assert found.agrees(make(n, m), {"n": n, "m": m})
        assert_peak_is(make(n, m), found, {"n": n, "m": m})


def test_a_base_without_any_copy_counts_from_there():
    def make(n):
        return timeline([START, *[A] * max(0, n - 2), END])

    found = found_between(make, {"n": 2})
    assert found.least == {"n": 2}
    check_at_all_counts(make, found, ["n"], lowest=2)


def test_a_last_repetition_of_another_kind_stays_outside():
    def make(n):
        return timeline([START, *[A] * (n - 1), B, END])

    found = found_between(make, {"n": 2})
    assert found.least == {"n": 1}
    check_at_all_counts(make, found, ["n"], lowest=1)


def test_what_is_alive_before_the_run_grows_with_the_count():
    def make(n):
        return timeline([START, *[A] * n, END], alive=100 + 7 * n)

    check_at_all_counts(make, found_between(make, {"n": 1}), ["n"])


def test_a_segment_that_is_not_there_is_not_the_worst_moment():
    """Both segments end below where they start: with none of them, neither of their maxima is reached."""

    def make(n):
        return timeline([*[(step("x", 50), step("x", -50))] * n, *[B] * n])

    found = found_between(make, {"n": 2})
    assert_peak_is(make(n=0), found, {"n": 0})


def test_repetitions_that_shrink_are_worst_at_first_and_those_that_grow_at_last():
    for growing in (1, -1):
        body = (step("x", 4), step("x", -4 + growing))

        def make(n, body=body):
            return timeline([(step("start", 30),), *[body] * n])

        check_at_all_counts(make, found_between(make, {"n": 2}), ["n"])


def test_another_order_shows_nothing():
    short, long = timeline([A, B]), timeline([B, A, C])
    assert repeats(short, {"n": 1}, {"n": 1}, {"n": long}) is None


def test_sizes_that_depend_on_the_position_do_not_agree_elsewhere():
    def make(n):
        return timeline([[step("x", 2**index)] for index in range(n)])

    found = found_between(make, {"n": 2})
    assert not found.agrees(make(n=4), {"n": 4})


def test_what_is_alive_before_the_run_is_compared_too():
    def make(n):
        return timeline([START, *[A] * n, END], alive=n * n)

    found = found_between(make, {"n": 2})
    assert not found.agrees(make(n=5), {"n": 5})


def test_labels_of_all_layers_are_those_of_one_with_its_number_masked():
    assert masked("forward of 3.norm1, x") == "forward of *.norm1, x"
    assert masked("forward of a.3.b.12, x.4") == "forward of a.*.b.*, x.*"


small_steps = st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from([-2, -1, 1, 2])), max_size=3)
parts = st.lists(st.tuples(st.sampled_from(["n", "m", None]), small_steps, st.integers(0, 1)), max_size=6)


@given(parts, st.integers(1, 3), st.integers(1, 3))
def test_what_agrees_with_a_timeline_has_its_peak(drawn, n, m):
    """Whatever segments are made of: a form is right wherever it agrees, and agrees at least at its base."""

    def make(**counts):
        written = [
            [step(*each) for each in steps] * (1 if name is None else max(0, counts[name] - fewer))
            for name, steps, fewer in drawn
        ]
        return timeline([[step("start", 40)], *written])

    found = found_between(make, {"n": n, "m": m})
    if found is None:
        return
    assert found.agrees(make(n=n, m=m), {"n": n, "m": m})
    for at in ({"n": a, "m": b} for a in (0, 1, 4, 7) for b in (0, 2, 5)):
        reachable = all(at[name] >= least for name, least in found.least.items())
        if reachable and found.agrees(make(**at), at):
            assert_peak_is(make(**at), found, at)


@given(st.lists(st.tuples(st.sampled_from(["n", "m", None]), st.integers(1, 3)), max_size=7))
def test_segments_without_a_step_in_common_are_always_told_apart(drawn):
    def make(**counts):
        written = [
            [step(f"{place}.{index}", 1 + index) for index in range(length)] * counts.get(name, 1)
            for place, (name, length) in enumerate(drawn)
        ]
        return timeline(written)

    found = found_between(make, {"n": 2, "m": 2})
    for at in ({"n": 0, "m": 3}, {"n": 7, "m": 1}, {"n": 0, "m": 0}, {"n": 6, "m": 8}):
        assert found is not None
        assert found.agrees(make(**at), at)
