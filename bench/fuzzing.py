"""Limits at the edges of numbers: does anything crash, and is every answer that of plain Python?

    python bench/fuzzing.py 1000000 1
    python bench/fuzzing.py 100000 2 cpsat

Costs are random sums of products, maxima of some, over a few settings with values around 2²⁶, 2³¹, 2⁵³ and
2⁶³; bounds are values of theirs and their neighbours, the edges themselves, floats, fractions, text, and what
is no bound at all. Python's integers evaluate every setting.
"""

from __future__ import annotations

import json
import math
import operator
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from pathlib import Path as File
from random import Random
from time import perf_counter
from typing import Any

import sympy

sys.path.insert(0, str(File(__file__).resolve().parent.parent))

from bench.comparison import progress
from fxcost import solve
from fxcost.errors import FxcostError
from fxcost.space import Int, Space
from tests.solve.standins import Cost, Path, costs

EDGES = (0, 1, 2**26, 2**31, 2**32, 2**51, 2**53, 2**62, 2**63, 2**64, 10**30)
STARTS = (0, 1, 1, 2, 3, 2**26, 2**31 - 2, 2**53 - 2, 2**53, 2**62 - 1, 2**63 - 2)
STEPS = (1, 1, 2, 2**26, 2**31)
FACTORS = (1, 1, 2, 3, -1, -3, 2**20, 2**31 - 1, -(2**32), 2**53 + 1, 2**63)

NO_BOUNDS = (
    *(math.nan, math.inf, -math.inf, -1, -0.5, True, None, (), [], {}, object(), 1j, b"1 B"),
    *(
        "",
        " ",
        "B",
        "1",
        "1 G",
        "-1 B",
        "nan B",
        "inf B",
        "1e99999999 B",
        "1 FLOP",
        "24 GIB",
        "0x10 B",
        "1,0 B",
    ),
    *("1_ B", "1..2 B", "١ X", "1 B B", "1e B", "e9 B", "\x00", "9" * 5000 + " X"),
)
"""What is refused."""

ABOUT_EACH = 200
"""So many questions are asked about the same costs."""

RELATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
}


@dataclass(frozen=True)
class Subject:
    """Two costs, and their values at every setting."""

    memory: Cost
    size: Cost
    values: Sequence[tuple[int, int]]


def subject(draw: Random) -> Subject:
    """Return random costs over a random small space."""
    names = "abc"[: draw.randint(1, 3)]
    domains = {}
    for name in names:
        low, step = draw.choice(STARTS), draw.choice(STEPS)
        domains[name] = Int(low, low + step * draw.randint(0, 3), step=step)
    space = Space(domains)
    written = [[polynomial(draw, names) for _ in range(draw.choice([1, 1, 2, 3]))] for _ in range(2)]

    def paths(**symbols: sympy.Symbol) -> list[Path]:
        rows = [[symbolic(row, symbols) for row in quantity] for quantity in written]
        return [Path(costs={"memory": rows[0], "size": rows[1]})]

    memory, size = costs(space, paths)
    values = [tuple(max(value(row, config) for row in quantity) for quantity in written) for config in space]
    return Subject(memory, size, values)


def polynomial(draw: Random, names: str) -> list[tuple[int, str]]:
    """Return a sum of products: factors, and the hyperparameters that each is multiplied with."""
    return [
        (draw.choice(FACTORS), "".join(draw.choices(names, k=draw.randint(0, 3))))
        for _ in range(draw.randint(1, 3))
    ]


def symbolic(row: Sequence[tuple[int, str]], symbols: Any) -> sympy.Expr:
    return sympy.Add(*(factor * sympy.Mul(*(symbols[name] for name in product)) for factor, product in row))


def value(row: Sequence[tuple[int, str]], config: Any) -> int:
    return sum(
        factor * reduce(operator.mul, (config[name] for name in product), 1) for factor, product in row
    )


def bound(draw: Random, values: Sequence[int]) -> tuple[Any, Fraction]:
    """Return a bound as a user may write it, and what it is."""
    near = draw.choice([draw.choice(values), draw.choice(EDGES)]) + draw.randint(-2, 2)
    near = max(near, 0)
    kind = draw.choice(["int", "int", "int", "float", "fraction", "text", "binary"])
    if kind == "float":
        exact = float(near) if near < 10**300 else 1e300
        return exact, Fraction(exact)
    if kind == "fraction":
        exact = Fraction(near) + Fraction(draw.randint(0, 4), 5)
        return exact, exact
    if kind == "text":
        return draw.choice([f"{near} B", f"{near:,} bytes", f"{near}.0 B"]), Fraction(near)
    if kind == "binary":
        return f"{near} GiB", Fraction(near * 2**30)
    return near, Fraction(near)


@dataclass(frozen=True)
class Asked:
    """A limit, and what Python makes of it."""

    limit: solve.Limit
    holds: Callable[[int, int], bool]


def comparison(draw: Random, about: Subject) -> Asked:
    relation = draw.choice(list(RELATIONS))
    compare = RELATIONS[relation]
    if draw.random() < 0.1:
        other = Cost("size", about.memory.unit, about.memory.regions)
        return Asked(compare(about.memory, other), compare)
    written, exact = bound(draw, [pair[0] for pair in about.values])
    return Asked(compare(about.memory, written), lambda x, _: compare(x, exact))


def asked(draw: Random, about: Subject) -> Asked:
    """Return a comparison, or two connected ones."""
    left = comparison(draw, about)
    kind = draw.choice(["one", "one", "and", "or", "not"])
    if kind == "one":
        return left
    if kind == "not":
        return Asked(~left.limit, lambda *pair: not left.holds(*pair))
    right = comparison(draw, about)
    if kind == "and":
        return Asked(left.limit & right.limit, lambda *pair: left.holds(*pair) and right.holds(*pair))
    return Asked(left.limit | right.limit, lambda *pair: left.holds(*pair) or right.holds(*pair))


def right(draw: Random, about: Subject, engine: str | None) -> bool | None:
    """Ask one question; return whether its answer is right, None where it is unknown."""
    kind = draw.choice(["prove", "prove", "find", "find", "largest", "smallest", "refused"])
    if kind == "refused":
        return refused(draw, about)
    question = asked(draw, about)
    truths = [question.holds(*pair) for pair in about.values]
    if kind == "prove":
        verdict = question.limit.prove(engine=engine)
        return None if isinstance(verdict, solve.Unknown) else bool(verdict) is all(truths)
    if kind == "find":
        found = question.limit.find(engine=engine)
        return None if isinstance(found, solve.Unknown) else bool(found) is any(truths)
    best = (solve.maximize if kind == "largest" else solve.minimize)(
        about.size, question.limit, engine=engine
    )
    kept = [pair[1] for pair, truth in zip(about.values, truths, strict=True) if truth]
    if isinstance(best, solve.Optimum):
        extreme = (max if kind == "largest" else min)(kept)
        return best.value == extreme if best.proved else None
    return None if isinstance(best, solve.Unknown) else not kept


def refused(draw: Random, about: Subject) -> bool:
    """Tell whether what is no bound is refused with an error of fxcost's."""
    relation = RELATIONS[draw.choice(list(RELATIONS))]
    written = draw.choice(NO_BOUNDS)
    try:
        relation(about.memory, written)
    except FxcostError:
        return True
    return False


def subjects(seed: int) -> Iterator[Subject]:
    draw = Random(seed)
    while True:
        yield subject(draw)


def figures(questions: int, seed: int, engine: str | None = None) -> dict[str, Any]:
    """Return how many questions were asked, and how many answers are wrong, unknown or a crash.

    Args:
        questions: How many to ask.
        seed: The same seed asks the same.
        engine: Who answers; None for what the routes say.
    """
    draw, total, drawn = Random(f"questions {seed}"), Counter[str](), subjects(seed)
    while total["questions"] < questions:
        about = next(drawn)
        for _ in range(min(ABOUT_EACH, questions - total["questions"])):
            total["questions"] += 1
            try:
                answer = right(draw, about, engine)
            except Exception:
                total["crashes"] += 1
                progress(f"{traceback.format_exc()}\n{about}")
                continue
            total["wrong"] += answer is False
            total["unknown"] += answer is None
            if answer is False:
                progress(f"wrong: {about}, question {total['questions']}")
        if total["questions"] % 20_000 == 0:
            progress(f"  {total['questions']:,} of {questions:,} questions: {dict(total)}")
    return {name: total[name] for name in ("questions", "crashes", "wrong", "unknown")}


def main() -> None:
    questions, seed, engine, *_ = (*sys.argv[1:], *("1000000", "1", None)[len(sys.argv[1:]) :])
    started = perf_counter()
    measured = figures(int(questions), int(seed), engine)
    print(json.dumps(measured | {"seconds": round(perf_counter() - started)}))


if __name__ == "__main__":
    main()
