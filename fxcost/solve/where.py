"""Where something holds, as people read it: sets of conditions, each with who asked and the line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from fxcost.program import Question, Source
from fxcost.solve.cubes import Clause, Cube, Frame

Place: TypeAlias = "Callable[[Source], str]"
"""Writes a line of code."""


@dataclass(frozen=True)
class Held:
    """A condition.

    Attributes:
        text: In Python.
        questions: Who asked; several where regions with different questions were put together.
    """

    text: str
    questions: tuple[Question, ...]

    @property
    def kind(self) -> str:
        """The kinds of its questions: a model condition, a layout assumption, a specialisation."""
        return ", ".join(dict.fromkeys(str(question.kind) for question in self.questions))

    def line(self, place: Place = str) -> str:
        """Return the user's lines that asked."""
        sources = [question.source for question in self.questions if question.source is not None]
        return ", ".join(dict.fromkeys(map(place, sources)))

    def remark(self, place: Place = str) -> str:
        """Return who asked, and where."""
        return ", ".join(filter(None, (self.kind, self.line(place))))


@dataclass(frozen=True)
class Where:
    """The settings that satisfy all conditions of one of some sets; an empty set holds everywhere."""

    sets: tuple[tuple[Held, ...], ...]

    @property
    def text(self) -> str:
        """Return it as a condition in Python, what all sets share first.

        >>> wide, deep, even = Held("width > 8", ()), Held("depth > 2", ()), Held("width % 2 == 0", ())
        >>> Where(((even, wide), (deep, even))).text
        'width % 2 == 0 and (width > 8 or depth > 2)'
        """
        shared, rest = self._split
        either = [_joined(alternative, len(rest) > 1) for alternative in rest]
        several = f"({' or '.join(either)})" if shared and len(either) > 1 else " or ".join(either)
        texts = [_operand(held.text, len(shared) + len(rest) > 1) for held in shared]
        return " and ".join([*texts, *filter(None, [several])]) or "True"

    def lines(self, place: Place = str) -> list[tuple[str, str]]:
        """Return it as lines of Python, each with a remark; `place` writes lines of code."""
        shared, rest = self._split
        lines = [(held.text, held.remark(place)) for held in shared]
        for index, alternative in enumerate(rest):
            remark = "; ".join(filter(None, (held.remark(place) for held in alternative)))
            lines.append(("or " * (index > 0) + _joined(alternative, len(rest) > 1), remark))
        return lines or [("every setting", "")]

    def as_list(self, place: Place = str) -> list[list[dict[str, Any]]]:
        """Return it for JSON; `place` writes lines of code."""
        return [
            [{"condition": each.text, "kind": each.kind, "line": each.line(place)} for each in held]
            for held in self.sets
        ]

    @property
    def _split(self) -> tuple[list[Held], list[list[Held]]]:
        """What all sets share, and what each has besides; nothing, where one has nothing besides."""
        texts = [{held.text for held in each} for each in self.sets]
        common = set.intersection(*texts) if texts else set()
        shared = [held for held in self.sets[0] if held.text in common]
        rest = [[held for held in each if held.text not in common] for each in self.sets]
        return shared, rest if all(rest) else []


def where(frame: Frame, cubes: Iterable[Cube]) -> Where:
    """Return parts of a space as they are read."""
    return Where(tuple(tuple(_held(frame, clause) for clause in cube.values()) for cube in cubes))


def _held(frame: Frame, clause: Clause) -> Held:
    return Held(frame.text(clause), clause.questions)


def _joined(alternative: list[Held], several: bool) -> str:
    """Return conditions that all hold as an operand of `or`, where there are several such."""
    text = " and ".join(_operand(held.text, len(alternative) > 1) for held in alternative)
    return f"({text})" if several and len(alternative) > 1 else text


def _operand(text: str, several: bool) -> str:
    """Return a condition as an operand of `and`."""
    return f"({text})" if several and " or " in text else text
