"""Units: the only place that scales. Inside, quantities are bytes, FLOP, counts, seconds, joules, dollars."""

from __future__ import annotations

import difflib
import enum
import math
import numbers
import re
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType

from fxcost.errors import UnitError


class Unit(enum.StrEnum):
    """What a quantity is measured in; the value is the word used in messages."""

    BYTES = "bytes"
    FLOP = "FLOP"
    COUNT = "counts"
    SECONDS = "seconds"
    JOULES = "joules"
    DOLLARS = "dollars"

    @property
    def symbol(self) -> str:
        """How one of it is written behind a number or a name."""
        return _SYMBOLS[self]


_SYMBOLS: Mapping[Unit, str] = MappingProxyType(
    {
        Unit.BYTES: "B",
        Unit.FLOP: "FLOP",
        Unit.COUNT: "count",
        Unit.SECONDS: "s",
        Unit.JOULES: "J",
        Unit.DOLLARS: "$",
    }
)


def _powers(base: int, prefixes: str, ending: str) -> dict[str, Fraction]:
    return {prefix + ending: Fraction(base ** (power + 1)) for power, prefix in enumerate(prefixes)}


_ONE = Fraction(1)
_SECONDS = {
    "ns": Fraction(1, 10**9), "us": Fraction(1, 10**6), "µs": Fraction(1, 10**6), "μs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000), "s": _ONE, "min": Fraction(60), "h": Fraction(3600), "d": Fraction(86400),
    "sec": _ONE, "second": _ONE, "seconds": _ONE, "minute": Fraction(60), "minutes": Fraction(60),
    "hour": Fraction(3600), "hours": Fraction(3600), "day": Fraction(86400), "days": Fraction(86400),
}  # fmt: skip

_SCALES: Mapping[Unit, Mapping[str, Fraction]] = MappingProxyType(
    {
        Unit.BYTES: {"B": _ONE, "byte": _ONE, "bytes": _ONE, "kB": Fraction(1000)}
        | _powers(1000, "KMGTPE", "B")
        | _powers(1024, "KMGTPE", "iB"),
        Unit.FLOP: {"FLOP": _ONE, "FLOPs": _ONE, "kFLOP": Fraction(1000), "kFLOPs": Fraction(1000)}
        | _powers(1000, "KMGTPEZ", "FLOP")
        | _powers(1000, "KMGTPEZ", "FLOPs"),
        Unit.COUNT: {"": _ONE, "k": Fraction(1000), "B": Fraction(10**9)} | _powers(1000, "KMGT", ""),
        Unit.SECONDS: _SECONDS,
        Unit.JOULES: {"mJ": Fraction(1, 1000), "J": _ONE, "kJ": Fraction(1000), "Wh": Fraction(3600)}
        | {"MJ": Fraction(10**6), "GJ": Fraction(10**9), "kWh": Fraction(3_600_000)},
        Unit.DOLLARS: {"$": _ONE, "USD": _ONE, "dollar": _ONE, "dollars": _ONE},
    }
)

_EXAMPLES: Mapping[Unit, str] = MappingProxyType(
    {
        Unit.BYTES: "24 GiB",
        Unit.FLOP: "2 PFLOP",
        Unit.COUNT: "124 M",
        Unit.SECONDS: "300 ms",
        Unit.JOULES: "5 kJ",
        Unit.DOLLARS: "$1.20",
    }
)

# What `format` prints: spellings from large to small, and the digits behind the point.
_PRINTED: Mapping[Unit, tuple[tuple[str, ...], int]] = MappingProxyType(
    {
        Unit.BYTES: (("EiB", "PiB", "TiB", "GiB", "MiB", "KiB", "B"), 2),
        Unit.FLOP: (("ZFLOP", "EFLOP", "PFLOP", "TFLOP", "GFLOP", "MFLOP", "kFLOP", "FLOP"), 2),
        Unit.COUNT: (("T", "B", "M", "k", ""), 1),
        Unit.SECONDS: (("h", "min", "s", "ms", "µs", "ns"), 2),
        Unit.JOULES: (("GJ", "MJ", "kJ", "J", "mJ"), 2),
    }
)

_TEXT = re.compile(
    r"""\s*(?P<sign>[-+]?)\s*(?P<dollar>\$?)\s*
    (?P<number>(?:\d{1,3}(?:,\d{3})+|\d+(?:_\d+)*)(?:\.\d*)?|\.\d+)(?P<exponent>[eE][-+]?\d+)?
    \s*(?P<unit>(?:[^\W\d_]|\$)[^\d]*?)?\s*""",
    re.VERBOSE,
)
_LARGEST_EXPONENT = 1000
_LONGEST = 1000


def parse(value: object, unit: Unit) -> int | Fraction:
    """Return a quantity in its base unit, exactly.

    Numbers are already in the base unit. Text needs a unit unless a count is asked for; decimal (`GB`) and
    binary (`GiB`) prefixes are told apart, and what could mean both is refused.

    Args:
        value: A number, or text such as `"24 GiB"`, `"24e9 B"`, `"2 PFLOP"`, `"300 ms"`, `"$1.20"`.
        unit: What is asked for.

    Returns:
        An int for bytes, FLOP and counts (a part of one is cut off: `x <= 1.3` and `x <= 1` hold for the same
        whole numbers), a Fraction for the others.

    Raises:
        UnitError: The unit is wrong, missing, unknown or ambiguous, or the number is negative or not finite.

    >>> parse("1.5 GiB", Unit.BYTES)
    1610612736
    >>> parse("300 ms", Unit.SECONDS)
    Fraction(3, 10)
    >>> parse("24 G", Unit.BYTES)
    Traceback (most recent call last):
    fxcost.errors.UnitError: "24 G" is ambiguous: write "24 GB" (24,000,000,000 bytes) ...
    """
    amount = _parse_text(value, unit) if isinstance(value, str) else _parse_number(value, unit)
    return math.floor(amount) if unit in (Unit.BYTES, Unit.FLOP, Unit.COUNT) else amount


def format(value: int | float | Fraction, unit: Unit) -> str:
    """Return a quantity as text, rounded to the digits a reader needs.

    Bytes print with binary prefixes, everything else with decimal ones.

    >>> format(24_000_000_000, Unit.BYTES)
    '22.35 GiB'
    >>> format(1_200_000_000_000_000, Unit.FLOP)
    '1.20 PFLOP'
    >>> format(124_400_000, Unit.COUNT)
    '124.4 M'
    """
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} {unit}"
    amount = Fraction(value)
    if amount < 0:
        return "-" + format(-amount, unit)
    if unit is Unit.DOLLARS:
        return f"${_rounded(amount, 2 if amount >= 1 else _digits_of_cents(amount))}"
    spelling, digits = _printed_in(amount, unit)
    amount /= _SCALES[unit][spelling]
    return f"{_rounded(amount, digits)} {spelling}".rstrip()


def format_bound(value: int | Fraction, unit: Unit, *, up: bool) -> str:
    """Return a quantity as text that `parse` reads as no less (or no more) than it is.

    Args:
        value: The quantity, 0 or more.
        unit: Its unit.
        up: Whether the text may say more than the value, or less.

    >>> format_bound(24_000_000_001, Unit.BYTES, up=True), format_bound(1049, Unit.COUNT, up=False)
    ('22.36 GiB', '1.0 k')
    """
    amount = Fraction(value)
    spelling, digits = ("$", 2) if unit is Unit.DOLLARS else _printed_in(amount, unit)
    steps = amount / _SCALES[unit][spelling] * 10**digits
    rounded = _rounded(Fraction(math.ceil(steps) if up else math.floor(steps), 10**digits), digits)
    return f"${rounded}" if unit is Unit.DOLLARS else f"{rounded} {spelling}".rstrip()


def _printed_in(amount: Fraction, unit: Unit) -> tuple[str, int]:
    """Return the largest unit that `amount` fills when printed, and the digits behind the point."""
    spellings, usual = _PRINTED[unit]
    scales = [_SCALES[unit][spelling] for spelling in spellings]
    if not amount:
        return spellings[scales.index(_ONE)], 0
    index = next((index for index, scale in enumerate(scales) if amount >= scale), len(scales) - 1)
    digits = 0 if scales[index] == 1 and amount.denominator == 1 else usual
    if index and round(amount / scales[index], digits) * scales[index] >= scales[index - 1]:
        return spellings[index - 1], usual
    return spellings[index], digits


def _rounded(amount: Fraction, digits: int) -> str:
    """Return `amount` with `digits` digits behind the point, rounded exactly (half to even)."""
    whole, part = divmod(round(amount * 10**digits), 10**digits)
    return f"{whole}.{part:0{digits}d}" if digits else str(whole)


def _digits_of_cents(amount: Fraction) -> int:
    """Return how many digits show two significant ones of an amount below one dollar."""
    digits = 2
    while amount and amount * 10 ** (digits - 1) < 1 and digits < 9:
        digits += 1
    return digits


def _parse_number(value: object, unit: Unit) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise UnitError(f"{value!r} is no quantity of {unit}: write, for example, {_example(unit)}")
    if not isinstance(value, numbers.Rational) and not math.isfinite(value):
        raise UnitError(f"{value!r} is not a finite number of {unit}: write, for example, {_example(unit)}")
    if value < 0:
        raise UnitError(f"{value!r} is negative: {unit} start at 0")
    return Fraction(int(value)) if isinstance(value, numbers.Integral) else _exact(value)


def _exact(value: numbers.Real) -> Fraction:
    return Fraction(value) if isinstance(value, Fraction) else Fraction(float(value))


def _parse_text(text: str, unit: Unit) -> Fraction:
    if len(text) > _LONGEST:
        raise UnitError(f'"{text[:8]}..." has {len(text):,} characters: write at most {_LONGEST:,}')
    match = _TEXT.fullmatch(text)
    if match is None:
        raise UnitError(f'"{text}" is no quantity of {unit}: write, for example, {_example(unit)}')
    number, exponent = match["number"].replace(",", "").replace("_", ""), match["exponent"] or ""
    if abs(int(exponent[1:] or 0)) > _LARGEST_EXPONENT:
        raise UnitError(f'"{text}" is out of range: its exponent is beyond ±{_LARGEST_EXPONENT}')
    amount = Fraction(f"{number}{exponent}")
    if match["sign"] == "-" and amount:
        raise UnitError(f'"{text}" is negative: {unit} start at 0')
    spelling = match["unit"] or ""
    if match["dollar"]:
        spelling = f"${spelling}"
    scale = _SCALES[unit].get(spelling)
    if scale is None:
        raise UnitError(_explanation(text, f"{match['number']}{exponent}", amount, spelling, unit))
    return amount * scale


def _explanation(text: str, number: str, amount: Fraction, spelling: str, unit: Unit) -> str:
    """Say why `spelling` is no unit of `unit`, and what to write."""
    if not spelling:
        return f'"{text}" has no unit: write, for example, {_with_units(number, unit)}'
    if unit is Unit.BYTES and spelling in tuple("kKMGTPE"):
        decimal, binary = f"{spelling.upper()}B", f"{spelling.upper()}iB"
        return (
            f'"{text}" is ambiguous: write "{number} {decimal}" ({_bytes_in(amount, decimal)} bytes) '
            f'or "{number} {binary}" ({_bytes_in(amount, binary)} bytes)'
        )
    if spelling.upper().endswith(("FLOPS", "FLOP/S")) and unit is Unit.FLOP:
        work = re.sub(r"(?i)(FLOP)(/?s)$", "FLOP", spelling)
        return f'"{text}" is a speed, and an amount of FLOP is asked for: write "{number} {work}"'
    owner = next((other for other in Unit if spelling in _SCALES[other]), None)
    if owner is not None:
        return f'"{text}" is in {owner}, and {unit} are asked for: write, for example, {_example(unit)}'
    if re.fullmatch(r"[kKMGTPE]i?b|(?i:.*bits?)", spelling):
        return f'"{text}" is in bits, and {unit} are asked for: write, for example, {_example(unit)}'
    near = _nearest_spelling(spelling, unit)
    return f'"{text}" has an unknown unit "{spelling}": write, for example, ' + (
        f'"{number} {near}"' if near else _example(unit)
    )


def _bytes_in(amount: Fraction, spelling: str) -> str:
    return f"{math.floor(amount * _SCALES[Unit.BYTES][spelling]):,}"


def _with_units(number: str, unit: Unit) -> str:
    spellings = {
        Unit.BYTES: f'"{number} GiB", "{number} GB" or "{number} B"',
        Unit.FLOP: f'"{number} FLOP" or "{number} PFLOP"',
        Unit.SECONDS: f'"{number} s" or "{number} ms"',
        Unit.JOULES: f'"{number} J" or "{number} kWh"',
        Unit.DOLLARS: f'"${number}"',
    }
    return spellings[unit]


def _example(unit: Unit) -> str:
    return f'"{_EXAMPLES[unit]}"'


def _nearest_spelling(spelling: str, unit: Unit) -> str | None:
    """Return the unit that differs only in case or in a letter or two."""
    names = [name for name in _SCALES[unit] if name]
    same = [name for name in names if name.lower() == spelling.lower()]
    endings = [name for name in names if name.lower() in (f"{spelling}b".lower(), f"{spelling}flop".lower())]
    return next(iter(same + endings + difflib.get_close_matches(spelling, names, 1, 0.75)), None)
