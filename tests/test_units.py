from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxcost import units
from fxcost.errors import UnitError
from fxcost.units import Unit

WHOLE = (Unit.BYTES, Unit.FLOP, Unit.COUNT)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("24 GiB", Unit.BYTES, 24 * 2**30),
        ("24GB", Unit.BYTES, 24 * 10**9),
        ("24e9 B", Unit.BYTES, 24 * 10**9),
        ("1.5 GiB", Unit.BYTES, 3 * 2**29),
        ("25,769,803,776 bytes", Unit.BYTES, 24 * 2**30),
        ("640_000 B", Unit.BYTES, 640_000),
        ("  64 kB ", Unit.BYTES, 64_000),
        ("64 KiB", Unit.BYTES, 65_536),
        ("2 EiB", Unit.BYTES, 2**61),
        ("2 PFLOP", Unit.FLOP, 2 * 10**15),
        ("1e21 FLOPs", Unit.FLOP, 10**21),
        ("1.5 M", Unit.COUNT, 1_500_000),
        ("7B", Unit.COUNT, 7 * 10**9),
        ("7 G", Unit.COUNT, 7 * 10**9),
        ("12", Unit.COUNT, 12),
        ("300 ms", Unit.SECONDS, Fraction(3, 10)),
        ("5 min", Unit.SECONDS, 300),
        ("1.5 hours", Unit.SECONDS, 5400),
        ("20 µs", Unit.SECONDS, Fraction(1, 50_000)),
        ("2 kWh", Unit.JOULES, 7_200_000),
        ("5 MJ", Unit.JOULES, 5_000_000),
        ("$1.20", Unit.DOLLARS, Fraction(6, 5)),
        ("1.20 USD", Unit.DOLLARS, Fraction(6, 5)),
        (24e9, Unit.BYTES, 24 * 10**9),
        (numpy.int64(7), Unit.FLOP, 7),
        (numpy.float32(0.5), Unit.SECONDS, Fraction(1, 2)),
        (Fraction(1, 3), Unit.SECONDS, Fraction(1, 3)),
    ],
)
def test_a_quantity_is_parsed_exactly(text: object, unit: Unit, value: object) -> None:
    assert units.parse(text, unit) == value


@pytest.mark.parametrize("unit", WHOLE)
def test_whole_quantities_are_ints_and_cut_off(unit: Unit) -> None:
    parsed = units.parse(2.75, unit)
    assert type(parsed) is int
    assert parsed == 2
    assert units.parse("1.3 GiB", Unit.BYTES) == math.floor(Fraction(13, 10) * 2**30)


@pytest.mark.parametrize(
    ("value", "unit", "message"),
    [
        (
            "24 G",
            Unit.BYTES,
            '"24 G" is ambiguous: write "24 GB" (24,000,000,000 bytes) or "24 GiB" (25,769,803,776 bytes)',
        ),
        (
            "0.5k",
            Unit.BYTES,
            '"0.5k" is ambiguous: write "0.5 KB" (500 bytes) or "0.5 KiB" (512 bytes)',
        ),
        ("24", Unit.BYTES, '"24" has no unit: write, for example, "24 GiB", "24 GB" or "24 B"'),
        ("2e15", Unit.FLOP, '"2e15" has no unit: write, for example, "2e15 FLOP" or "2e15 PFLOP"'),
        ("5", Unit.SECONDS, '"5" has no unit: write, for example, "5 s" or "5 ms"'),
        ("1.20", Unit.DOLLARS, '"1.20" has no unit: write, for example, "$1.20"'),
        ("24 GiB", Unit.FLOP, '"24 GiB" is in bytes, and FLOP are asked for: write, for example, "2 PFLOP"'),
        ("$3", Unit.BYTES, '"$3" is in dollars, and bytes are asked for: write, for example, "24 GiB"'),
        ("24 gib", Unit.BYTES, '"24 gib" has an unknown unit "gib": write, for example, "24 GiB"'),
        ("24 Gi", Unit.BYTES, '"24 Gi" has an unknown unit "Gi": write, for example, "24 GiB"'),
        ("24 Gb", Unit.BYTES, '"24 Gb" is in bits, and bytes are asked for: write, for example, "24 GiB"'),
        ("2 P", Unit.FLOP, '"2 P" has an unknown unit "P": write, for example, "2 PFLOP"'),
        (
            "2 PFLOP/s",
            Unit.FLOP,
            '"2 PFLOP/s" is a speed, and an amount of FLOP is asked for: write "2 PFLOP"',
        ),
        ("-3 GB", Unit.BYTES, '"-3 GB" is negative: bytes start at 0'),
        (-1, Unit.COUNT, "-1 is negative: counts start at 0"),
        (math.nan, Unit.BYTES, 'nan is not a finite number of bytes: write, for example, "24 GiB"'),
        (math.inf, Unit.SECONDS, 'inf is not a finite number of seconds: write, for example, "300 ms"'),
        (True, Unit.BYTES, 'True is no quantity of bytes: write, for example, "24 GiB"'),
        (None, Unit.FLOP, 'None is no quantity of FLOP: write, for example, "2 PFLOP"'),
        (Decimal(3), Unit.JOULES, "Decimal('3') is no quantity of joules: write, for example, \"5 kJ\""),
        ("1,5 GiB", Unit.BYTES, '"1,5 GiB" is no quantity of bytes: write, for example, "24 GiB"'),
        ("", Unit.BYTES, '"" is no quantity of bytes: write, for example, "24 GiB"'),
        ("nan B", Unit.BYTES, '"nan B" is no quantity of bytes: write, for example, "24 GiB"'),
        ("1e9999 B", Unit.BYTES, '"1e9999 B" is out of range: its exponent is beyond ±1000'),
        ("9" * 5000 + " B", Unit.BYTES, '"99999999..." has 5,002 characters: write at most 1,000'),
    ],
)
def test_a_wrong_quantity_says_what_to_write(value: object, unit: Unit, message: str) -> None:
    with pytest.raises(UnitError) as caught:
        units.parse(value, unit)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, Unit.BYTES, "0 B"),
        (512, Unit.BYTES, "512 B"),
        (2**20 - 1, Unit.BYTES, "1.00 MiB"),
        (24_000_000_000, Unit.BYTES, "22.35 GiB"),
        (-5 * 2**30, Unit.BYTES, "-5.00 GiB"),
        (1_200_000_000_000_000, Unit.FLOP, "1.20 PFLOP"),
        (124_400_000, Unit.COUNT, "124.4 M"),
        (999, Unit.COUNT, "999"),
        (999_960, Unit.COUNT, "1.0 M"),
        (0.3, Unit.SECONDS, "300.00 ms"),
        (59.999, Unit.SECONDS, "1.00 min"),
        (0, Unit.SECONDS, "0 s"),
        (Fraction(1, 10**12), Unit.SECONDS, "0.00 ns"),
        (1500, Unit.JOULES, "1.50 kJ"),
        (1.2, Unit.DOLLARS, "$1.20"),
        (0.00312, Unit.DOLLARS, "$0.0031"),
        (math.inf, Unit.BYTES, "inf bytes"),
    ],
)
def test_a_quantity_prints_for_a_reader(value: float, unit: Unit, text: str) -> None:
    assert units.format(value, unit) == text


def test_a_unit_has_a_symbol_that_is_read_back() -> None:
    assert [unit.symbol for unit in Unit] == ["B", "FLOP", "count", "s", "J", "$"]
    assert all(units.parse(f"1 {unit.symbol}", unit) == 1 for unit in Unit if unit is not Unit.COUNT)


@given(value=st.integers(0, 10**24), unit=st.sampled_from(Unit))
def test_what_is_printed_reads_back_within_its_digits(value: int, unit: Unit) -> None:
    read = units.parse(units.format(value, unit), unit)
    assert abs(read - value) <= max(1, Fraction(value, 18))


@given(first=st.integers(0, 10**20), second=st.integers(0, 10**20), unit=st.sampled_from(Unit))
def test_printing_keeps_the_order(first: int, second: int, unit: Unit) -> None:
    low, high = sorted((first, second))
    printed = [units.parse(units.format(value, unit), unit) for value in (low, high)]
    assert printed[0] <= printed[1]


@given(text=st.text(max_size=20), unit=st.sampled_from(Unit))
def test_any_text_is_read_or_refused_with_a_unit_error(text: str, unit: Unit) -> None:
    try:
        parsed = units.parse(text, unit)
    except UnitError as error:
        outcome = text in str(error)
    else:
        outcome = parsed >= 0
    assert outcome


@given(value=st.integers(0, 10**30), exponent=st.integers(0, 6))
def test_decimal_and_binary_prefixes_scale_exactly(value: int, exponent: int) -> None:
    prefix = "KMGTPE"[exponent - 1] if exponent else ""
    assert units.parse(f"{value} {prefix}B", Unit.BYTES) == value * 1000**exponent
    if exponent:
        assert units.parse(f"{value} {prefix}iB", Unit.BYTES) == value * 1024**exponent
