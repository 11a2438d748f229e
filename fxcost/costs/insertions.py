"""Where one sequence was lengthened into another: as few runs of new elements as possible."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Sequence = npt.NDArray[np.int64]

IMPOSSIBLE = 1 << 20


@dataclass(frozen=True, slots=True)
class Insertion:
    """Elements put in before the element at `position` of the shorter sequence."""

    position: int
    elements: tuple[int, ...]


def insertions(short: Sequence, long: Sequence) -> tuple[Insertion, ...] | None:
    """Return the fewest insertions that make `long` of `short`, each as late as can be, or None.

    Dynamic programming over (elements of `short` matched, elements inserted): time and memory grow with
    len(short) times len(long) - len(short).

    Example:
        >>> insertions(np.array([1, 2, 3, 9]), np.array([1, 2, 3, 2, 3, 9]))
        (Insertion(position=3, elements=(2, 3)),)
        >>> insertions(np.array([1, 2]), np.array([2, 3, 1])) is None
        True
    """
    extra = len(long) - len(short)
    if extra < 0:
        return None
    matched = np.full((len(short) + 1, extra + 1), IMPOSSIBLE, dtype=np.int32)
    inserted = np.full_like(matched, IMPOSSIBLE)
    matched[0, 0] = 0
    for done in range(len(short) + 1):
        if done:
            window = long[done - 1 : done + extra]
            best = np.minimum(matched[done - 1], inserted[done - 1])
            matched[done] = np.where(window == short[done - 1], best, IMPOSSIBLE)
        inserted[done, 1:] = np.minimum.accumulate(matched[done, :-1]) + 1
    if min(matched[-1, -1], inserted[-1, -1]) >= IMPOSSIBLE:
        return None
    return _traced_back(matched, inserted, long)


def _traced_back(
    matched: npt.NDArray[np.int32], inserted: npt.NDArray[np.int32], long: Sequence
) -> tuple[Insertion, ...]:
    """Follow the cheapest path back from the ends of both sequences, inserting as early on it as possible."""
    done, used = matched.shape[0] - 1, matched.shape[1] - 1
    found: list[Insertion] = []
    while done or used:
        if inserted[done, used] <= matched[done, used]:
            before = np.flatnonzero(matched[done, :used] + 1 == inserted[done, used])[-1]
            elements = tuple(long[done + before : done + used].tolist())
            found.append(Insertion(done, elements))
            used = int(before)
        else:
            done -= 1
    return tuple(reversed(found))
