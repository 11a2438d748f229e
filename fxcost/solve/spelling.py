"""Numbers and settings as verdicts print them."""

from __future__ import annotations

from fractions import Fraction

from fxcost import units
from fxcost.units import Unit


def amount(value: int | Fraction, unit: Unit) -> str:
    """Return a value in a unit that reads well.

    >>> amount(24 * 2**30, Unit.BYTES)
    '24.00 GiB'
    """
    return units.format(value, unit)


def compared(value: int | Fraction, bound: int | Fraction, unit: Unit) -> tuple[str, str]:
    """Return two different values as texts that differ: to the last digit where rounding hides it.

    >>> compared(2**30 + 1, 2**30, Unit.BYTES)
    ('1,073,741,825 bytes', '1,073,741,824 bytes')
    """
    texts = amount(value, unit), amount(bound, unit)
    if value == bound or texts[0] != texts[1]:
        return texts
    return f"{_digits(value)} {unit}", f"{_digits(bound)} {unit}"


def _digits(value: int | Fraction) -> str:
    return f"{int(value):,}" if value == int(value) else f"{float(value):,}"


def count(size: int | float) -> str:
    """Return a number of settings.

    >>> count(1234567), count(float("inf")), count(1)
    ('1,234,567 settings', 'infinitely many settings', '1 setting')
    """
    if not isinstance(size, int):
        return "infinitely many settings"
    return f"{size:,} setting{'s' * (size != 1)}"
