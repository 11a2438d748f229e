"""What a program asks of the allocator, in order: arrays of numbers, nothing of the program itself."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fxcost.errors import DeclarationError

Integers = npt.NDArray[np.int64]


class Kind(enum.IntEnum):
    """What is asked for.

    `RECORD_STREAM` says that another stream uses an allocation, as `Tensor.record_stream` does; its block
    is then not used again before `SYNCHRONISE`, which is when the device has done all that was asked of it so
    far, or before the allocator itself waits for it because memory ran out.

    `ATTEMPT` is memory that is given back at once, and done without where there is none: a workspace.
    """

    ALLOCATE = 0
    FREE = 1
    RECORD_STREAM = 2
    SYNCHRONISE = 3
    EMPTY_CACHE = 4
    ATTEMPT = 5


@dataclass(frozen=True)
class Events:
    """A program's requests, one a row of each array.

    Attributes:
        kinds: Values of `Kind`.
        ids: Which allocation; an id may be used again once it is freed. Without meaning for the last three.
        sizes: Bytes of the tensor storage, of allocations and attempts. What has no bytes gets no memory, and
            may be freed.
        streams: Which stream allocates, or uses an allocation; 0 is the default one. A block is only ever
            used again by the stream that it was allocated on.
    """

    kinds: Integers
    ids: Integers
    sizes: Integers
    streams: Integers = field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        if not len(self.streams):
            object.__setattr__(self, "streams", np.zeros(len(self.kinds), np.int64))
        lengths = {len(each) for each in (self.kinds, self.ids, self.sizes, self.streams)}
        if len(lengths) > 1:
            raise DeclarationError("events: write arrays of one length")
        unknown = np.flatnonzero((self.kinds < 0) | (self.kinds >= len(Kind)))
        if len(unknown):
            at = int(unknown[0])
            raise DeclarationError(f"event {at}: kind {int(self.kinds[at])}; write a value of Kind")
        negative = np.flatnonzero(np.isin(self.kinds, (Kind.ALLOCATE, Kind.ATTEMPT)) & (self.sizes < 0))
        if len(negative):
            at = int(negative[0])
            raise DeclarationError(f"event {at}: {int(self.sizes[at])} bytes; write 0 or more")

    def __len__(self) -> int:
        return len(self.kinds)

    @classmethod
    def of(cls, rows: Iterable[tuple[object, ...]]) -> Events:
        """Return events written by hand.

        Args:
            rows: ("allocate", id, bytes), ("allocate", id, bytes, stream), ("free", id),
                ("record_stream", id, stream), ("synchronise",), ("empty_cache",) or ("attempt", bytes).

        Raises:
            DeclarationError: A row is none of these.

        >>> len(Events.of([("allocate", 1, 4096), ("free", 1)]))
        2
        """
        table = [_row(at, row) for at, row in enumerate(rows)]
        columns = np.array(table, np.int64).reshape(-1, 4).T
        return cls(*(np.ascontiguousarray(column) for column in columns))

    def served(self) -> Events:
        """Return the same with every attempt an allocation that is freed: where memory does not run out.

        >>> Events.of([("attempt", 4096)]).served().kinds.tolist()
        [0, 1]
        """
        attempts = self.kinds == Kind.ATTEMPT
        if not attempts.any():
            return self
        twice = np.repeat(np.arange(len(self)), 1 + attempts)
        second = np.diff(twice, prepend=-1) == 0
        kinds = np.where(attempts, Kind.ALLOCATE, self.kinds)[twice]
        ids = np.where(attempts, self.ids.max() + 1, self.ids)[twice]
        sizes = np.where(second, 0, self.sizes[twice])
        return Events(np.where(second, Kind.FREE, kinds), ids, sizes, self.streams[twice])

    def without_attempts(self) -> Events:
        """Return what has to be served.

        >>> len(Events.of([("attempt", 4096), ("allocate", 1, 512)]).without_attempts())
        1
        """
        kept = self.kinds != Kind.ATTEMPT
        return Events(self.kinds[kept], self.ids[kept], self.sizes[kept], self.streams[kept])

    @classmethod
    def lifetimes(cls, births: npt.ArrayLike, deaths: npt.ArrayLike, sizes: npt.ArrayLike) -> Events:
        """Return the events of allocations that begin and end at known moments; their ids are their places.

        Args:
            births: When each is allocated: any order, no two equal to each other or to a death.
            deaths: When each is freed; below 0 for never.
            sizes: Bytes of each.

        >>> Events.lifetimes([0, 1], [2, -1], [512, 1024]).sizes.tolist()
        [512, 1024, 0]
        """
        born, died, nbytes = (np.asarray(each, np.int64) for each in (births, deaths, sizes))
        ended = np.flatnonzero(died >= 0)
        moments = np.concatenate([born, died[ended]])
        order = np.argsort(moments, kind="stable")
        kinds = np.repeat(np.array([Kind.ALLOCATE, Kind.FREE], np.int64), [len(born), len(ended)])
        ids = np.concatenate([np.arange(len(born)), ended])
        amounts = np.concatenate([nbytes, np.zeros(len(ended), np.int64)])
        return cls(kinds[order], ids[order], amounts[order])


_COLUMNS = {"allocate": 2, "free": 1, "record_stream": 2, "synchronise": 0, "empty_cache": 0, "attempt": 1}


def _row(at: int, row: tuple[object, ...]) -> tuple[int, int, int, int]:
    """Return a row's kind, id, bytes and stream."""
    name, *numbers = row
    columns = _COLUMNS.get(name) if isinstance(name, str) else None
    if columns is None:
        raise DeclarationError(f"event {at}: {name!r} is none of {', '.join(_COLUMNS)}")
    integers = [number for number in numbers if isinstance(number, int)]
    optional = 1 if name == "allocate" else 0
    if len(integers) != len(numbers) or not columns <= len(integers) <= columns + optional:
        raise DeclarationError(f"event {at}: {row!r}: write {name!r} and {columns} whole numbers")
    kind = Kind[str(name).upper()]
    if kind is Kind.RECORD_STREAM:
        return kind, integers[0], 0, integers[1]
    if kind is Kind.ATTEMPT:
        return kind, 0, integers[0], 0
    integers += [0] * (3 - len(integers))
    return kind, integers[0], integers[1], integers[2]
