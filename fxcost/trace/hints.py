"""Chooses where to trace: values that coincide with nothing.

At a hint where two sizes happen to be equal, a model that compares them takes the special path.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import combinations

from fxcost.space import Config, Space
from fxcost.trace.recipe import Training

DRAWS = 256
ATTEMPTS = 16
SMALL = 4


def generic_hint(space: Space, count: int = ATTEMPTS) -> Sequence[Config]:
    """Return some configurations of a space, the least special one first; the same each time.

    Example:
        >>> from fxcost.space import Int
        >>> generic_hint(Space(width=Int(16, 64, step=16), batch=Int(1, 8)), 1)
        (Config(width=64, batch=7),)
    """
    draw = random.Random(0)
    drawn = dict.fromkeys(space.sample(draw) for _ in range(DRAWS))
    return tuple(sorted(drawn, key=_coincidences)[:count])


def further_hints(space: Space, training: Training | None) -> Sequence[Config]:
    """Return more of them where a pipeline refuses most: what cannot be divided evenly."""
    pipelined = training is not None and training.parallel is not None and training.parallel.pipelined
    return generic_hint(space, DRAWS)[ATTEMPTS:] if pipelined else ()


def _coincidences(config: Config) -> int:
    numbers = [value for value in config.values() if isinstance(value, int) and not isinstance(value, bool)]
    small = sum(5 for number in numbers if number < SMALL)
    composite = sum(1 for number in numbers if not _is_prime(_odd_part(number)))
    related = sum(
        4 if a == b else 1 for a, b in combinations(filter(None, numbers), 2) if a % b == 0 or b % a == 0
    )
    return small + composite + related


def _odd_part(number: int) -> int:
    while number > 2 and number % 2 == 0:
        number //= 2
    return number


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))
