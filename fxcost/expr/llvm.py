"""A plan as LLVM's intermediate representation: one loop over points, which LLVM turns into vector code.

What is written here are numbers of a plan's own and names made up here; nothing comes from a file or a user.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from fxcost.expr.vectorised import Array

NAME = "largest"
"""The function's name."""

LANES = 8
"""Points calculated side by side: what a 512-bit register holds; narrower machines take several registers."""

_FUNCTION = """
declare i64 @llvm.smax.i64(i64, i64)
declare double @llvm.maxnum.f64(double, double)

define i64 @{name}({parameters}) #0 {{
entry:
{before}
  %nothing = icmp sle i64 %size, 0
  br i1 %nothing, label %exit, label %loop
loop:
  %point = phi i64 [0, %entry], [%next, %loop]
  %outside = phi i64 [0, %entry], [%outside.next, %loop]
{body}
  %next = add nuw nsw i64 %point, 1
  %done = icmp eq i64 %next, %size
  br i1 %done, label %exit, label %loop, !llvm.loop !0
exit:
  %answer = phi i64 [0, %entry], [%outside.next, %loop]
  ret i64 %answer
}}
attributes #0 = {{ nounwind "prefer-vector-width"="512" }}
!0 = distinct !{{!0, !1, !2}}
!1 = !{{!"llvm.loop.vectorize.enable", i1 true}}
!2 = !{{!"llvm.loop.vectorize.width", i32 {lanes}}}
"""


@dataclass(frozen=True, slots=True)
class Lookup:
    """How an input's position is found: `(value - lowest) >> shift`, or what an index holds there.

    Attributes:
        shift: How many last bits of the distance are 0; where they are not, the value has no position.
        indexed: Whether there is an index, with -1 for no position.
    """

    shift: int
    indexed: bool


@dataclass(frozen=True, slots=True)
class Gather:
    """Where an atom's values stand: from `offset` on, by the positions that some lookups find.

    Attributes:
        offset: The first of its values among those of all tables.
        lookups: Which lookups find the positions.
        sizes: How many positions each of them has.
    """

    offset: int
    lookups: tuple[int, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """What is calculated at every point.

    Attributes:
        lookups: How the first inputs are looked up; the others are calculated with.
        sources: For each atom, where it is gathered from, or which input holds its values.
        products: The two columns whose product each further column holds; columns are 1, then the atoms.
        coefficients: For each row and column.
    """

    lookups: tuple[Lookup, ...]
    sources: tuple[Gather | int, ...]
    products: tuple[tuple[int, int], ...]
    coefficients: Array

    @property
    def inputs(self) -> int:
        """How many arrays are read."""
        return len(self.lookups) + sum(isinstance(source, int) for source in self.sources)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """A number type. Floats never round here: all values are integers within bounds."""

    kind: str
    add: str
    multiply: str
    maximum: str

    def literal(self, value: int) -> str:
        """Return a number as LLVM writes it."""
        return str(value) if self.kind == "i64" else f"0x{struct.pack('>d', float(value)).hex()}"


INTEGERS = Arithmetic("i64", "add", "mul", "call i64 @llvm.smax.i64")
FLOATS = Arithmetic(
    "double", "fadd contract nnan nsz", "fmul contract nnan nsz", "call nnan nsz double @llvm.maxnum.f64"
)


@dataclass
class _Block:
    """Instructions, each with a fresh name."""

    prefix: str
    lines: list[str] = field(default_factory=list)

    def add(self, instruction: str) -> str:
        name = f"%{self.prefix}{len(self.lines)}"
        self.lines.append(f"  {name} = {instruction}")
        return name

    def load(self, kind: str, array: str, index: object) -> str:
        address = self.add(f"getelementptr inbounds {kind}, ptr {array}, i64 {index}")
        return self.add(f"load {kind}, ptr {address}")


def text(loop: Loop, arithmetic: Arithmetic) -> str:
    r"""Return a function that writes the largest row at every point, in LLVM's intermediate representation.

    Its parameters are the number of points, the lowest and highest value of each input, all tables' values
    in the number type, the indices, the result and the inputs as int64. It returns what is negative where
    an input is outside its limits or has no position.

    >>> loop = Loop((), (0,), ((1, 1),), np.array([[0, 0, 1], [0, 8, 0]]))
    >>> lines = text(loop, INTEGERS).splitlines()
    >>> print("\n".join(line.strip() for line in lines if "mul" in line or "= call" in line))
    %v4 = mul i64 %v1, %v1
    %v5 = mul i64 %v4, 1
    %v6 = mul i64 %v1, 8
    %v7 = call i64 @llvm.smax.i64(i64 %v5, i64 %v6)
    """
    entry, body = _Block("e"), _Block("v")
    limits = [entry.load("i64", "%limits", index) for index in range(2 * loop.inputs)]
    values, checks = _read(body, loop.inputs, limits)
    positions = []
    for at, lookup in enumerate(loop.lookups):
        position, more = _position(body, lookup, at, values[at], limits)
        positions.append(position)
        checks += more
    columns = _columns(body, loop, arithmetic, values, positions)
    largest = _largest(body, loop.coefficients, arithmetic, columns)
    if arithmetic.kind != "i64":
        largest = body.add(f"fptosi double {largest} to i64")
    address = body.add("getelementptr inbounds i64, ptr %result, i64 %point")
    body.lines.append(f"  store i64 {largest}, ptr {address}")
    outside = "%outside"
    for check in checks:
        outside = body.add(f"or i64 {outside}, {check}")
    body.lines.append(f"  %outside.next = or i64 {outside}, 0")
    indices = [f"ptr %index{at}" for at, lookup in enumerate(loop.lookups) if lookup.indexed]
    inputs = [f"ptr %input{at}" for at in range(loop.inputs)]
    parameters = ["i64 %size", "ptr %limits", "ptr %tables", *indices, "ptr noalias %result", *inputs]
    return _FUNCTION.format(
        name=NAME,
        parameters=", ".join(parameters),
        before="\n".join(entry.lines),
        body="\n".join(body.lines),
        lanes=LANES,
    )


def _read(body: _Block, inputs: int, limits: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the inputs at a point, and numbers that are negative where these are outside their limits.

    Of the two differences, one is negative even where the other wraps around.
    """
    values = [body.load("i64", f"%input{at}", "%point") for at in range(inputs)]
    above = [body.add(f"sub i64 {value}, {low}") for value, low in zip(values, limits[::2], strict=True)]
    below = [body.add(f"sub i64 {high}, {value}") for value, high in zip(values, limits[1::2], strict=True)]
    return values, above + below


def _position(
    body: _Block, lookup: Lookup, at: int, value: str, limits: Sequence[str]
) -> tuple[str, list[str]]:
    """Return where a value stands on its axis, 0 where nowhere, and what is negative there."""
    low, high = limits[2 * at : 2 * at + 2]
    distance, last = body.add(f"sub i64 {value}, {low}"), body.add(f"sub i64 {high}, {low}")
    inside = body.add(f"icmp ule i64 {distance}, {last}")
    distance = body.add(f"select i1 {inside}, i64 {distance}, i64 0")
    checks = []
    if lookup.shift:
        rest = body.add(f"and i64 {distance}, {(1 << lookup.shift) - 1}")
        checks.append(body.add(f"sub i64 0, {rest}"))
        distance = body.add(f"lshr i64 {distance}, {lookup.shift}")
    if not lookup.indexed:
        return distance, checks
    position = body.load("i64", f"%index{at}", distance)
    return body.add(f"call i64 @llvm.smax.i64(i64 {position}, i64 0)"), [*checks, position]


def _columns(
    body: _Block, loop: Loop, arithmetic: Arithmetic, values: Sequence[str], positions: Sequence[str]
) -> list[str]:
    columns = [arithmetic.literal(1)]
    for source in loop.sources:
        if isinstance(source, Gather):
            columns.append(body.load(arithmetic.kind, "%tables", _index(body, source, positions)))
        elif arithmetic.kind == "i64":
            columns.append(values[source])
        else:
            columns.append(body.add(f"sitofp i64 {values[source]} to double"))
    for left, right in loop.products:
        columns.append(body.add(f"{arithmetic.multiply} {arithmetic.kind} {columns[left]}, {columns[right]}"))
    return columns


def _index(body: _Block, source: Gather, positions: Sequence[str]) -> str:
    index = "0"
    for lookup, size in zip(source.lookups, source.sizes, strict=True):
        index = body.add(f"add i64 {body.add(f'mul i64 {index}, {size}')}, {positions[lookup]}")
    return body.add(f"add i64 {index}, {source.offset}")


def _largest(body: _Block, coefficients: Array, arithmetic: Arithmetic, columns: Sequence[str]) -> str:
    """Return the largest row, each calculated from the one that it differs least from."""
    rows: dict[int, str] = {}
    largest = ""
    for row, start in in_turn(coefficients):
        known = coefficients[start] if start is not None else np.zeros_like(coefficients[row])
        terms = []
        for column in np.flatnonzero(coefficients[row] != known).tolist():
            factor = arithmetic.literal(int(coefficients[row, column]) - int(known[column]))
            if column:
                factor = body.add(f"{arithmetic.multiply} {arithmetic.kind} {columns[column]}, {factor}")
            terms.append(factor)
        rows[row] = _sum(body, arithmetic, terms)
        if start is not None:
            rows[row] = body.add(f"{arithmetic.add} {arithmetic.kind} {rows[start]}, {rows[row]}")
        pair = f"({arithmetic.kind} {largest}, {arithmetic.kind} {rows[row]})"
        largest = body.add(arithmetic.maximum + pair) if largest else rows[row]
    return largest


def _sum(body: _Block, arithmetic: Arithmetic, terms: Sequence[str]) -> str:
    """Return a sum taken in halves, so that few additions wait for each other."""
    if not terms:
        return arithmetic.literal(0)
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    left, right = _sum(body, arithmetic, terms[:half]), _sum(body, arithmetic, terms[half:])
    return body.add(f"{arithmetic.add} {arithmetic.kind} {left}, {right}")


def in_turn(coefficients: Array) -> Iterator[tuple[int, int | None]]:
    """Yield every row, and the row before it from which it differs in fewest terms; None: from nothing.

    >>> list(in_turn(np.array([[1, 2, 3, 4], [5, 0, 0, 0], [1, 2, 3, 5]])))
    [(1, None), (0, None), (2, 0)]
    """
    fewest = np.count_nonzero(coefficients, axis=1)
    nearest = np.full(len(coefficients), -1)
    left = np.ones(len(coefficients), dtype=bool)
    while left.any():
        row = int(np.argmin(np.where(left, fewest, np.iinfo(np.int64).max)))
        yield row, int(nearest[row]) if nearest[row] >= 0 else None
        left[row] = False
        apart = np.count_nonzero(coefficients != coefficients[row], axis=1)
        nearest[apart < fewest] = row
        fewest = np.minimum(fewest, apart)
