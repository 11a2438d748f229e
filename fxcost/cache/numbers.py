"""Numbers as JSON, exactly: large integers as decimal text, floats as hexadecimal text."""

from __future__ import annotations

from typing import Any

from fxcost.sealed import DamagedError

LARGE = 2**53
"""Readers that hold numbers as doubles keep integers up to here."""


def integer_record(value: int) -> int | str:
    """Return an integer as JSON.

    >>> integer_record(7), integer_record(2**60)
    (7, '1152921504606846976')
    """
    return value if -LARGE < value < LARGE else str(value)


def integer(record: Any) -> int:
    """Return the integer that was written.

    >>> integer("1152921504606846976")
    1152921504606846976
    """
    if isinstance(record, bool) or not isinstance(record, int | str):
        raise DamagedError(f"{record!r} is no integer")
    return int(record)


def number_record(value: int | float | None) -> Any:
    """Return a number, or None, as JSON.

    >>> number_record(0.1), number_record(3), number_record(None)
    (['0x1.999999999999ap-4'], 3, None)
    """
    return [value.hex()] if isinstance(value, float) else None if value is None else integer_record(value)


def number(record: Any) -> int | float | None:
    """Return the number, or None, that was written.

    >>> number(["0x1.999999999999ap-4"])
    0.1
    """
    if isinstance(record, list):
        (text,) = record
        return float.fromhex(text)
    return None if record is None else integer(record)
