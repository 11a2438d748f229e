"""Lines along a fibre as LLVM's intermediate representation: up to where none of them passes a bound.

A line belongs to each row of a cost and each setting of the other hyperparameters: `start + step * position`,
both sums of products of tables' values. All rows of a setting are calculated side by side. What is written
here are numbers of a cost's own and names made up here; nothing comes from a file or a user.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fxcost.expr.llvm import FLOATS
from fxcost.expr.vectorised import Array

NAME = "cut"
"""The function's name."""

_FUNCTION = """
declare {vector} @llvm.floor.v{rows}f64({vector})
declare double @llvm.vector.reduce.fmin.v{rows}f64({vector})
declare double @llvm.maxnum.f64(double, double)
declare double @llvm.minnum.f64(double, double)
declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)

define void @{name}({parameters}) #0 {{
entry:
  %above = icmp ne i64 %falls, 0
  %fresh = icmp ne i64 %new, 0
  %bound.one = insertelement {vector} poison, double %bound, i64 0
  %bound.all = shufflevector {vector} %bound.one, {vector} poison, <{rows} x i32> zeroinitializer
{before}
  %nothing = icmp sle i64 %count, 0
  br i1 %nothing, label %exit, label %box
box:
  %number = phi i64 [0, %entry], [%number.next, %next]
{ends}
{loops}
next:
  %number.next = add nuw nsw i64 %number, 1
  %done = icmp eq i64 %number.next, %count
  br i1 %done, label %exit, label %box
exit:
  ret void
}}
attributes #0 = {{ nounwind "prefer-vector-width"="512" }}
"""

_BODY = """
  %first.address = getelementptr inbounds i64, ptr %first, i64 %at{level}
  %last.address = getelementptr inbounds i64, ptr %last, i64 %at{level}
  %first.known = load i64, ptr %first.address
  %last.known = load i64, ptr %last.address
  %first.old = select i1 %fresh, i64 %first.whole, i64 %first.known
  %last.old = select i1 %fresh, i64 %last.whole, i64 %last.known
  %any = icmp sle i64 %first.old, %last.old
  br i1 %any, label %work, label %latch{level}
work:
  %room = fsub {vector} %bound.all, {starts}
  %flat = fcmp oeq {vector} {steps}, zeroinitializer
  %fits = fcmp oge {vector} %room, zeroinitializer
  %all.or.none = select <{rows} x i1> %fits, {vector} {end}, {vector} {none}
  %dividend = select <{rows} x i1> %flat, {vector} %all.or.none, {vector} %room
  %divisor = select <{rows} x i1> %flat, {vector} {one}, {vector} {steps}
  %divided = fdiv {vector} %dividend, %divisor
  %whole = call {vector} @llvm.floor.v{rows}f64({vector} %divided)
  %product = fmul {vector} %whole, %divisor
  %too.high = fcmp ogt {vector} %product, %dividend
  %lower = fsub {vector} %whole, {one}
  %lowered = select <{rows} x i1> %too.high, {vector} %lower, {vector} %whole
  %higher = fadd {vector} %lowered, {one}
  %next.product = fmul {vector} %higher, %divisor
  %too.low = fcmp ole {vector} %next.product, %dividend
  %quotient = select <{rows} x i1> %too.low, {vector} %higher, {vector} %lowered
  %least = call nnan double @llvm.vector.reduce.fmin.v{rows}f64({vector} %quotient)
  %least.low = call nnan double @llvm.maxnum.f64(double %least, double {before_first})
  %clipped = call nnan double @llvm.minnum.f64(double %least.low, double {last_one})
  %threshold = fptosi double %clipped to i64
  %after = add i64 %threshold, 1
  %first.above = call i64 @llvm.smax.i64(i64 %first.old, i64 %after)
  %last.below = call i64 @llvm.smin.i64(i64 %last.old, i64 %threshold)
  %first.new = select i1 %above, i64 %first.above, i64 %first.old
  %last.new = select i1 %above, i64 %last.old, i64 %last.below
  store i64 %first.new, ptr %first.address
  store i64 %last.new, ptr %last.address
  %passed = icmp slt i64 %threshold, %first.old
  %over = and i1 %passed, %all.further
  br i1 %over, label %leave{level}, label %latch{level}"""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Where an atom's values stand among those of all tables.

    Attributes:
        offset: The first of them.
        loops: The hyperparameters whose positions find one, as places in the order of the loops.
        strides: How far apart the values of neighbouring positions are.
    """

    offset: int
    loops: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """What is calculated for every setting.

    Attributes:
        loops: How many hyperparameters there are besides the fibre; the last one's loop is innermost.
        lookups: The atoms.
        products: For each column the lookups whose product it is.
        starts: For each row and column, what the column is multiplied by in the line's start.
        steps: The same for its step.
        end: The last position of the fibre.
        rises: Whether no line falls along any of the loops: where one is above a bound, all further are.
    """

    loops: int
    lookups: tuple[Lookup, ...]
    products: tuple[tuple[int, ...], ...]
    starts: Array
    steps: Array
    end: int
    rises: bool

    @property
    def rows(self) -> int:
        """How many lines are calculated side by side, in full registers: the last of them is repeated."""
        count = len(self.starts)
        return 1 << (count - 1).bit_length() if count <= 8 else -(-count // 8) * 8


def text(lines: Lines) -> str:
    """Return a function that cuts fibres to where no line is above a bound, or to where one is.

    Its parameters are the number of boxes, whether a line is to be above, whether fibres were not cut before,
    the bound, the place of each box's first fibre in the results, all tables' values, the results - first and
    last position of each fibre, not written where no later one has any - and each box's ends, those of the
    fibre first.

    >>> import numpy as np
    >>> lookup = Lookup(offset=0, loops=(0,), strides=(1,))
    >>> twice = Lines(1, (lookup,), ((0,),), np.array([[1]]), np.array([[2]]), end=9, rises=True)
    >>> [line.strip() for line in text(twice).splitlines() if "fmul contract <" in line]
    ['%v7 = fmul contract <1 x double> %v6, <double 0x3ff0000000000000>',
     '%v9 = fmul contract <1 x double> %v6, <double 0x4000000000000000>']
    """
    writer = _Writer(lines)
    ends = [f"ptr %low{loop}, ptr %high{loop}" for loop in ("", *range(lines.loops))]
    fixed = "i64 %count, i64 %falls, i64 %new, double %bound, ptr %starts, ptr %tables"
    before = writer.level(-1)
    nest = writer.nest()
    return _FUNCTION.format(
        name=NAME,
        vector=writer.vector,
        rows=lines.rows,
        parameters=", ".join([fixed, "ptr noalias %first, ptr noalias %last", *ends]),
        before=before,
        ends=writer.ends(),
        loops=nest,
    )


class _Writer:
    """Writes the loops from the outermost inwards; each sum as far out as its tables allow."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.vector = f"<{lines.rows} x double>"
        self._sums = {"starts": "zeroinitializer", "steps": "zeroinitializer"}
        self._written: list[str] = []
        self._count = 0

    def nest(self) -> str:
        """Return all loops."""
        levels = range(self.lines.loops)
        opened = [self._opened(level) + "\n" + self.level(level) for level in levels]
        closed = [self._closed(level) for level in reversed(levels)]
        return "\n".join([*opened, self._body(), *closed])

    def level(self, level: int) -> str:
        """Return what is calculated once for each position of one loop; -1: once for all boxes."""
        self._written = []
        for column, lookups in enumerate(self.lines.products):
            depth = max((self._depth(place) for place in lookups), default=-1)
            if depth == level:
                self._add(column, sorted(lookups, key=self._depth))
        return "\n".join(self._written)

    def _depth(self, place: int) -> int:
        return max(self.lines.lookups[place].loops, default=-1)

    def _add(self, column: int, lookups: Sequence[int]) -> None:
        """Add a column, multiplied, to the sums."""
        value = FLOATS.literal(1)
        for place in lookups:
            value = self._new(f"fmul contract double {value}, {self._looked_up(self.lines.lookups[place])}")
        one = self._new(f"insertelement {self.vector} poison, double {value}, i64 0")
        mask = f"<{self.lines.rows} x i32> zeroinitializer"
        every = self._new(f"shufflevector {self.vector} {one}, {self.vector} poison, {mask}")
        for name, table in (("starts", self.lines.starts), ("steps", self.lines.steps)):
            factors = table[:, column].tolist()
            if any(factors):
                factors += factors[-1:] * (self.lines.rows - len(factors))
                product = self._new(f"fmul contract {self.vector} {every}, {self._constant(factors)}")
                total = f"fadd contract {self.vector} {self._sums[name]}, {product}"
                self._sums[name] = self._new(total)

    def _looked_up(self, lookup: Lookup) -> str:
        index = str(lookup.offset)
        for loop, stride in zip(lookup.loops, lookup.strides, strict=True):
            index = self._new(f"add i64 {self._new(f'mul i64 %position{loop}, {stride}')}, {index}")
        address = self._new(f"getelementptr inbounds double, ptr %tables, i64 {index}")
        return self._new(f"load double, ptr {address}")

    def ends(self) -> str:
        """Return what is read of a box: its ends, its first fibre's place, and how far others are apart."""
        innermost = self.lines.loops - 1
        named = [("starts", "start"), ("low", "first.whole"), ("high", "last.whole")]
        for loop in range(self.lines.loops):
            named += [(f"low{loop}", f"low{loop}.end"), (f"high{loop}", f"high{loop}.end")]
        lines = []
        for array, name in named:
            lines.append(f"  %{name}.address = getelementptr inbounds i64, ptr %{array}, i64 %number")
            lines.append(f"  %{name} = load i64, ptr %{name}.address")
        lines.append(f"  %stride{innermost} = add i64 0, 1")
        for loop in reversed(range(innermost)):
            inner = loop + 1
            lines.append(f"  %length.less{inner} = sub i64 %high{inner}.end, %low{inner}.end")
            lines.append(f"  %length{inner} = add i64 %length.less{inner}, 1")
            lines.append(f"  %stride{loop} = mul i64 %stride{inner}, %length{inner}")
        if self.lines.rises:
            lines.append("  %at.most = xor i1 %above, true")
            lines.append("  %all.further = and i1 %fresh, %at.most")
        else:
            lines.append("  %all.further = and i1 false, false")
        return "\n".join(lines)

    def _opened(self, level: int) -> str:
        """Return the begin of a loop."""
        place = f"%at{level - 1}" if level else "%start"
        return f"""  br label %enter{level}
enter{level}:
  br label %head{level}
head{level}:
  %position{level} = phi i64 [%low{level}.end, %enter{level}], [%position{level}.next, %latch{level}]
  %offset{level} = sub i64 %position{level}, %low{level}.end
  %moved{level} = mul i64 %offset{level}, %stride{level}
  %at{level} = add i64 {place}, %moved{level}"""

    def _closed(self, level: int) -> str:
        """Return the end of a loop, and where it is left early: outer loops too, where they just began."""
        after = f"latch{level - 1}" if level else "next"
        outer = f"leave{level - 1}" if level else "next"
        return f"""latch{level}:
  %position{level}.next = add i64 %position{level}, 1
  %more{level} = icmp sle i64 %position{level}.next, %high{level}.end
  br i1 %more{level}, label %head{level}, label %{after}
leave{level}:
  %began{level} = icmp eq i64 %position{level}, %low{level}.end
  br i1 %began{level}, label %{outer}, label %{after}"""

    def _body(self) -> str:
        end, none, one = (FLOATS.literal(number) for number in (self.lines.end, -1, 1))
        everywhere = {"end": end, "none": none, "one": one}
        constants = {name: self._constant([], fill) for name, fill in everywhere.items()}
        return _BODY.format(
            level=self.lines.loops - 1,
            vector=self.vector,
            rows=self.lines.rows,
            before_first=none,
            last_one=end,
            **constants,
            **self._sums,
        )

    def _constant(self, numbers: Sequence[int], fill: str = "") -> str:
        literals = [FLOATS.literal(number) for number in numbers] or [fill] * self.lines.rows
        return f"<{', '.join(f'double {literal}' for literal in literals)}>"

    def _new(self, instruction: str) -> str:
        name = f"%v{self._count}"
        self._count += 1
        self._written.append(f"  {name} = {instruction}")
        return name
