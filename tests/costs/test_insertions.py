"""Insertions between two sequences, against all ways there are."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fxcost.costs.insertions import insertions

letters = st.integers(0, 2)
shorts = st.lists(letters, max_size=5)
longs = st.lists(letters, max_size=9)


@st.composite
def lengthened(draw):
    """A sequence and a longer one, made of it by putting runs in."""
    short = draw(shorts)
    long = list(short)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(long)))
        long[place:place] = draw(st.lists(letters, min_size=1, max_size=2))
    return short, long


def found(short, long):
    return insertions(np.array(short, dtype=np.int64), np.array(long, dtype=np.int64))


def all_ways(short, long):
    """Yield every way to make `long` of `short`: by position in `short`, what is put in before it."""
    for kept in itertools.combinations(range(len(long)), len(short)):
        if [long[index] for index in kept] == short:
            borders = [-1, *kept, len(long)]
            runs = [tuple(long[a + 1 : b]) for a, b in itertools.pairwise(borders)]
            yield {position: run for position, run in enumerate(runs) if run}


def applied(short, runs):
    long = []
    for position in range(len(short) + 1):
        long += runs.get(position, ())
        long += short[position : position + 1]
    return long


@given(lengthened())
def test_insertions_make_the_long_sequence_of_the_short_one(pair):
    short, long = pair
    runs = {each.position: each.elements for each in found(short, long)}
    assert applied(short, runs) == long


@given(lengthened())
def test_no_way_has_fewer_insertions(pair):
    short, long = pair
    assert len(found(short, long)) == min(map(len, all_ways(short, long)))


@given(lengthened())
def test_the_last_insertion_is_as_late_as_in_any_way_with_as_few(pair):
    short, long = pair
    ways = list(all_ways(short, long))
    fewest = min(map(len, ways))
    lasts = [max(way) for way in ways if len(way) == fewest and way]
    assert [each.position for each in found(short, long)][-1:] == ([max(lasts)] if lasts else [])


@given(lengthened())
def test_insertions_are_in_order_and_never_meet(pair):
    positions = [each.position for each in found(*pair)]
    assert positions == sorted(set(positions))


@given(shorts, longs)
def test_none_is_said_just_where_there_is_no_way(short, long):
    assert (found(short, long) is None) == (not any(True for _ in all_ways(short, long)))


def test_equal_sequences_need_nothing():
    assert found([1, 2], [1, 2]) == ()


def test_a_shorter_sequence_is_not_made():
    assert found([1, 2, 3], [1, 2]) is None
