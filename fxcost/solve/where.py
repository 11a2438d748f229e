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
        """Return it as a condition in Python.

        >>> wide, deep = Held("width > 8", ()), Held("depth > 2 or width > 4", ())
        >>> Where(((wide, deep), (deep,))).text
        '(width > 8 and (depth > 2 or width > 4)) or (depth > 2 or width > 4)'
        """
        if not all(self.sets):
            return "True"
        several = len(self.sets) > 1
        texts = [
            " and ".join(_operand(held.text, " or ", len(each) > 1) for held in each) for each in self.sets
        ]
        return " or ".join(
            _operand(text, " ", several and (" and " in text or " or " in text)) for text in texts
        )

    def lines(self, place: Place = str) -> list[str]:
        """Return it as lines of Python, each condition with a remark; `place` writes lines of code."""
        lines: list[str] = []
        for index, held in enumerate(self.sets):
            lines += ["or"] * (index > 0)
            lines += [
                f"{each.text}  # {each.remark(place)}" if each.questions else each.text for each in held
            ]
            lines += ["every setting"] * (not held)
        return lines

    def as_list(self, place: Place = str) -> list[list[dict[str, Any]]]:
        """Return it for JSON; `place` writes lines of code."""
        return [
            [{"condition": each.text, "kind": each.kind, "line": each.line(place)} for each in held]
            for held in self.sets
        ]


def where(frame: Frame, cubes: Iterable[Cube]) -> Where:
    """Return parts of a space as they are read."""
    return Where(tuple(tuple(_held(frame, clause) for clause in cube.values()) for cube in cubes))


def _held(frame: Frame, clause: Clause) -> Held:
    return Held(frame.text(clause), clause.questions)


def _operand(text: str, operator: str, inside: bool) -> str:
    return f"({text})" if inside and operator in text else text
