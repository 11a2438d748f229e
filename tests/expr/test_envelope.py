"""The envelope against brute force: every point of small random spaces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fxcost.expr import Domain, Normaliser
from fxcost.expr.envelope import envelope
from fxcost.space import Choice, Int, Space

coefficients = st.integers(-20, 20)
rows = st.lists(st.tuples(coefficients, coefficients, coefficients, coefficients), min_size=1, max_size=12)


@given(rows, st.integers(2, 40))
def test_the_rows_of_an_envelope_are_the_maximum_at_every_point(drawn, high):
    domain = Domain(Space(width=Choice(1, 3, 7), act=Choice("relu", "gelu"), batch=Int(1, high)))
    width, act, batch = map(Normaliser(domain).polynomial, domain.symbols.values())
    polynomials = [a + b * width * act + c * batch + d * batch * width for a, b, c, d in drawn]
    chosen = envelope(polynomials, domain)
    for config in domain.space:
        values = [polynomial.evaluate(domain.encode(config)) for polynomial in polynomials]
        assert max(values) == max(values[index] for index in chosen)


def test_too_many_points_are_left_to_other_proofs():
    domain = Domain(Space(width=Int(1, 10**6), batch=Int(1, 10**7)))
    width, batch = map(Normaliser(domain).polynomial, domain.symbols.values())
    assert envelope([width**2, 64 * batch], domain) is None
