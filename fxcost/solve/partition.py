"""A space divided into pieces with one closed form or one refusal each, and a proof that none is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fxcost.solve.agreement import Group
from fxcost.solve.budget import DEFAULT_SECONDS, Budget, Progress
from fxcost.solve.cells import Ground
from fxcost.solve.effort import Effort
from fxcost.solve.exploration import Exploration, explored
from fxcost.solve.piecewise import Piecewise, piecewise
from fxcost.solve.quantities import Quantity
from fxcost.solve.refusals import Refusal
from fxcost.solve.spelling import count
from fxcost.solve.where import Place, Where
from fxcost.space import Config, Space
from fxcost.space.spelling import assignments_text

REGIONS = 64
"""A partition traces at most so many regions that were not known before, where it is told no number."""


@dataclass(frozen=True, eq=False)
class Piece:
    """A part of a space where all costs have one closed form each, or which the factory refuses.

    Attributes:
        where: Its settings: those that satisfy all conditions of one of these sets.
        hint: A setting of it, the first that was traced.
        settings: How many there are; None where they are too many to look at.
        regions: How many regions were put together.
        basis: What its numbers rest on: "exact", "enumerated at ..." or "verified at ...", each once.
        refusal: The factory's exception and its line, None where it builds the model.
    """

    where: Where
    hint: Config
    settings: int | None
    regions: int
    basis: tuple[str, ...]
    refusal: Refusal | None

    @property
    def condition(self) -> str:
        """What its settings satisfy, in Python."""
        return self.where.text

    @property
    def size(self) -> str:
        """How many settings there are, in words."""
        return "some settings" if self.settings is None else count(self.settings)

    def lines(self, place: Place = str) -> list[str]:
        """Return it as lines of text; `place` writes lines of code."""
        which = f"such as {assignments_text(self.hint)}"
        refused = "" if self.refusal is None else f" refused: {self.refusal.text(place)}"
        head = f"{self.size}{refused}, {which}"
        verified = [f"  {basis}" for basis in self.basis if basis.startswith("verified")]
        return [head, *(f"  {line}" for line in _lines(self.where, place)), *verified]

    def as_dict(self, place: Place = str) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "condition": self.condition,
            "where": self.where.as_list(place),
            "hint": dict(self.hint),
            "settings": self.settings,
            "regions": self.regions,
            "basis": list(self.basis),
            "refusal": None if self.refusal is None else self.refusal.as_dict(place),
        }


@dataclass(frozen=True, eq=False)
class Partition:
    """All pieces that are known of a space. A setting that several cover belongs to the first region traced.

    Attributes:
        space: The part of the space that was asked about.
        pieces: Its pieces, in the order in which they were found.
        settings: How many settings the space has; None where they are too many to look at.
        reason: Why settings may be left that no piece covers; None where it is proved that there are none.
        uncovered: A setting that no piece covers, None where none is known.
        uncovered_where: All settings that no piece covers; None where there are none, or that takes too
            many conditions to say.
        effort: What it took.
    """

    space: Space
    pieces: tuple[Piece, ...]
    settings: int | None
    reason: str | None
    uncovered: Config | None
    uncovered_where: Where | None
    effort: Effort
    _exploration: Exploration = field(repr=False)
    _groups: tuple[Group, ...] = field(repr=False)

    @property
    def proved(self) -> bool:
        """Whether every setting is proved to lie in a piece."""
        return self.reason is None

    def at(self, **config: object) -> Piece | None:
        """Return the piece of a setting, None where it is not covered.

        Raises:
            ConfigError: The setting does not lie in the space asked about.
        """
        part = self._exploration.part_at(self.space.config(**config))
        groups = zip(self.pieces, self._groups, strict=True)
        return next((piece for piece, group in groups if part in group.parts), None)

    def of(self, quantity: Quantity) -> Piecewise:
        """Return one quantity's closed form, piece by piece; regions where it alone agrees are one piece.

        Raises:
            DeclarationError: The quantity belongs to another factory.
        """
        return piecewise(self._exploration, quantity)

    @property
    def summary(self) -> str:
        """How many pieces there are, and whether they are proved to be all."""
        size = "every setting" if self.settings is None else f"all {count(self.settings)}"
        number = f"{len(self.pieces)} piece{'s' * (len(self.pieces) != 1)}"
        covers = f"proved to cover {size}" if self.proved else f"not proved to cover {size}: {self.reason}"
        return f"{number}, {covers} ({self.effort})"

    def text(self, place: Place = str) -> str:
        """Return it as text; `place` writes lines of code."""
        lines = [self.summary]
        for index, piece in enumerate(self.pieces, start=1):
            first, *more = piece.lines(place)
            lines += [f"{index:>2}  {first}", *(f"    {line}" for line in more)]
        if self.uncovered is not None:
            lines.append(f"not covered: settings such as {assignments_text(self.uncovered)}")
        if self.uncovered_where is not None:
            lines += [f"      {line}" for line in _lines(self.uncovered_where, place)]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()

    def as_dict(self, place: Place = str) -> dict[str, Any]:
        """Return what `--json` prints; `place` writes lines of code."""
        left = self.uncovered_where
        return {
            "proved": self.proved,
            "settings": self.settings,
            "pieces": [piece.as_dict(place) for piece in self.pieces],
            "reason": self.reason,
            "uncovered": None if self.uncovered is None else dict(self.uncovered),
            "uncovered_where": None if left is None else left.as_list(place),
            "regions": self.effort.regions,
            "seconds": round(self.effort.seconds, 3),
        }


def partition(
    quantities: Sequence[Quantity],
    /,
    *,
    regions: int = REGIONS,
    time_limit: float = DEFAULT_SECONDS,
    progress: Progress | None = None,
    **restriction: object,
) -> Partition:
    """Divide a space into pieces, tracing until each setting is proved to lie in one, or the budget is spent.

    Regions where all quantities agree are one piece: one closed form is proved to be right in all of them,
    such as at size 1, where torch lays tensors out in another way.

    Args:
        quantities: The costs of one factory.
        regions: At most so many regions are traced that were not known before.
        time_limit: Seconds of search; tracing and comparing closed forms are not counted.
        progress: Is told what happens, in a few words at a time.
        **restriction: Hyperparameters to fix, or to bound by a pair, as in `Space.restrict`.

    Raises:
        DeclarationError: The quantities belong to different factories, or a limit is no number above 0.
        EmptySpaceError: The restriction or the space's conditions leave no setting.
        FactoryError: The factory raises whatever the setting is.
    """
    ground = Ground(quantities, restriction, Budget(time_limit, progress, regions))
    exploration = explored(ground)
    ground.budget.tell(f"comparing the costs of {len(exploration.parts)} regions")
    groups = tuple(exploration.agreement.groups(exploration.parts, quantities))
    return Partition(
        space=ground.space,
        pieces=tuple(_piece(exploration, group) for group in groups),
        settings=exploration.settings,
        reason=exploration.reason,
        uncovered=exploration.uncovered,
        uncovered_where=exploration.outside(),
        effort=Effort(len(exploration.parts), ground.budget.spent()),
        _exploration=exploration,
        _groups=groups,
    )


def _piece(exploration: Exploration, group: Group) -> Piece:
    sizes = [exploration.settings_of(part) for part in group.parts]
    return Piece(
        where=exploration.where(group),
        hint=group.parts[0].hint,
        settings=None if None in sizes else sum(size or 0 for size in sizes),
        regions=len(group.parts),
        basis=() if group.refusal else tuple(dict.fromkeys(part.region.basis for part in group.parts)),
        refusal=group.refusal,
    )


def _lines(where: Where, place: Place) -> list[str]:
    return [f"{text}  # {remark}" if remark else text for text, remark in where.lines(place)]
