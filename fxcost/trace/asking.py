"""Who asks for what data decides, for what, and what to declare for it."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, cast

import sympy
import torch

from fxcost.errors import DeclarationError
from fxcost.program import Size, Source
from fxcost.space.text import parse_number
from fxcost.trace.questions import user_frame, user_source

aten = torch.ops.aten
ELEMENTS_OF_FIRST = (
    aten.nonzero.default,
    aten._unique2.default,
    aten._unique.default,
    aten.unique_consecutive.default,
)


class Asked(enum.Enum):
    """What data is asked for."""

    SIZE = "size"
    NUMBER = "value"
    TRUTH = "answer"

    @classmethod
    def of(cls, tensor: torch.Tensor) -> Asked:
        """Return what `.item()` of a tensor asks for.

        Example:
            >>> Asked.of(torch.tensor(3) > 2)
            <Asked.TRUTH: 'answer'>
        """
        return cls.TRUTH if tensor.dtype is torch.bool else cls.NUMBER


@dataclass(frozen=True, slots=True)
class Room:
    """How many elements there are to select from: as a size, and at the hint."""

    size: Size
    hint: int

    @property
    def spelled(self) -> str:
        """It as a declaration's `high`, where it can be written there."""
        if not isinstance(self.size, sympy.Expr):
            return str(self.size)
        try:
            return f'"{parse_number(str(self.size)).text}"'
        except DeclarationError:
            return "<high>"


@dataclass(frozen=True, slots=True)
class Asker:
    """The user's line that asks, and the function it stands in, with that function's module."""

    source: Source | None
    function: tuple[str, ...]

    @classmethod
    def running(cls) -> Asker:
        """Return who asks now."""
        frame = user_frame()
        if frame is None:
            return cls(None, ())
        name = f"{frame.f_globals.get('__name__', '')}.{frame.f_code.co_qualname}"
        return cls(user_source(), tuple(part for part in name.split(".") if part != "<locals>"))

    def is_at(self, place: str) -> bool:
        """Tell whether a declaration's place is this one.

        Example:
            >>> asker = Asker(Source("/home/me/nets/moe.py", 57), ("nets", "moe", "Router", "forward"))
            >>> [asker.is_at(place) for place in ("moe.py:57", "e.py:57", "Router", "moe.Router.forward")]
            [True, False, True, True]
        """
        file, _, line = place.rpartition(":")
        if file:
            wanted = PurePath(file).parts
            source = self.source or Source("", 0)
            return int(line) == source.line and PurePath(source.file).parts[-len(wanted) :] == wanted
        names = tuple(place.split("."))
        starts = range(len(self.function) - len(names) + 1)
        return any(self.function[start : start + len(names)] == names for start in starts)

    def advice(self, asked: Asked, room: Room | None = None) -> str:
        """Return the declaration that the line lacks."""
        if self.source is None:
            return "@fc.model(..., dynamic=[fc.Dynamic(...)])"
        high = "<high>" if room is None else room.spelled
        bounds = {Asked.SIZE: f", 0, {high}", Asked.NUMBER: ", <low>, <high>", Asked.TRUTH: ""}[asked]
        line = self.source.line
        at = f"{PurePath(self.source.file).name}:{line}"
        return f'@fc.model(..., dynamic=[fc.Dynamic("{asked.value}_at_{line}"{bounds}, at="{at}")])'


def room_of(operator: torch._ops.OpOverload, args: Sequence[Any]) -> Room | None:
    """Return how many elements a result whose size data decides can have at most, None where that is open."""
    elements: Any = None
    if operator in ELEMENTS_OF_FIRST:
        elements = args[0].numel()
    elif operator is aten.masked_select.default:
        elements = math.prod(torch.broadcast_shapes(args[0].shape, args[1].shape))  # type: ignore[no-untyped-call]
    elif operator is aten.index.Tensor:
        masks = [index for index in args[1] if index is not None and index.dtype in (torch.bool, torch.uint8)]
        elements = masks[0].numel() if len(masks) == 1 else None
    if isinstance(elements, torch.SymInt):
        return Room(elements.node._expr, cast("int", elements.node.hint))
    return None if elements is None else Room(elements, elements)
