"""The best setting found, in a line."""

from __future__ import annotations

from typing import TypeAlias

from fxcost import units
from fxcost.solve import Infeasible, Optimum, Unknown
from fxcost.space.spelling import assignments_text

Best: TypeAlias = Optimum | Infeasible | Unknown


def best_of(first: Best, *more: Best) -> tuple[str, str]:
    """Return the values reached and the setting of the last one, and whether all are proved.

    Args:
        first: What was to be best.
        *more: What was to be best after that, with the first as it is.

    Example:
        >>> from fxcost.solve import Effort
        >>> best_of(Infeasible("parameters <= 3", Effort(1, 0.1)))
        ('there is none', 'proved')
    """
    answers = [answer for answer in (first, *more) if isinstance(answer, Optimum)]
    if not answers:
        return ("there is none", "proved") if isinstance(first, Infeasible) else ("unknown", _reason(first))
    values = ", ".join(f"{answer.name} {units.format(answer.value, answer.unit)}" for answer in answers)
    doubts = [answer.reason or "" for answer in answers if not answer.proved]
    best = f"{values} at {assignments_text(answers[-1].config)}"
    return best, f"not proved: {doubts[0]}" if doubts else "proved"


def _reason(answer: Best) -> str:
    return answer.reason if isinstance(answer, Unknown) else ""
