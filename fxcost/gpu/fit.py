"""Whether something fits on a card, with a margin for what is not known."""

from __future__ import annotations

import enum


class Fit(enum.StrEnum):
    """An answer with three values; the last one is neither yes nor no."""

    FITS = "fits"
    DOES_NOT_FIT = "does not fit"
    TOO_CLOSE = "too close to call"

    @classmethod
    def of(cls, least: int, needed: int, usable: int, margin: float) -> Fit:
        """Return the answer for a card.

        Args:
            least: Bytes below which it is certain not to fit.
            needed: Bytes that it is expected to need.
            usable: Bytes that there are.
            margin: By which part of it the expectation may be wrong.

        >>> str(Fit.of(80, 95, 100, 0.1)), str(Fit.of(80, 89, 100, 0.1)), str(Fit.of(101, 102, 100, 0.1))
        ('too close to call', 'fits', 'does not fit')
        """
        if least > usable or needed * (1 - margin) > usable:
            return cls.DOES_NOT_FIT
        return cls.FITS if needed * (1 + margin) <= usable else cls.TOO_CLOSE
