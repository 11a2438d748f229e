"""Who asks a question while a model runs, and how the question is kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import FrameType

import sympy
import torch

from fxcost.program import Question, QuestionKind, Source
from fxcost.trace.captured import captured_source

TORCH_FOLDER = str(Path(torch.__file__).parent) + os.sep
OWN_FOLDER = str(Path(__file__).absolute().parent) + os.sep
PACKAGE_FOLDER = str(Path(__file__).absolute().parent.parent) + os.sep
PLUMBING = (
    OWN_FOLDER,
    str(Path(sympy.__file__).parent) + os.sep,
    TORCH_FOLDER + "__init__.py",
    str(Path(TORCH_FOLDER, "fx", "experimental", "sym_node.py")),
    str(Path(TORCH_FOLDER, "fx", "experimental", "symbolic_shapes.py")),
)
MODEL_CODE_IN_TORCH = (
    str(Path(TORCH_FOLDER, "nn", "modules")) + os.sep,
    str(Path(TORCH_FOLDER, "nn", "functional.py")),
)
NEGATED = {
    sympy.Eq: sympy.Ne,
    sympy.Ne: sympy.Eq,
    sympy.Lt: sympy.Ge,
    sympy.Ge: sympy.Lt,
    sympy.Gt: sympy.Le,
    sympy.Le: sympy.Gt,
}


class PinnedError(BaseException):
    """A hyperparameter was fixed at another value than it should be; no model code is to catch this."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is fixed")
        self.name = name


def negation(condition: sympy.Basic) -> sympy.Basic:
    """Return the opposite of a condition without letting SymPy rewrite its sides.

    Example:
        >>> negation(sympy.Lt(sympy.Symbol("a"), sympy.Symbol("b"), evaluate=False))
        a >= b
    """
    opposite = NEGATED.get(type(condition))
    if opposite is None:
        return sympy.Not(condition)
    return opposite(*condition.args, evaluate=False)


def source_of(frame: FrameType) -> Source:
    """Return the line a frame stands on."""
    return Source(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


def user_source() -> Source | None:
    """Return the innermost line of the running stack that is the user's, or None where none led here."""
    frame = user_frame()
    return None if frame is None else captured_source(frame, TORCH_FOLDER) or source_of(frame)


def user_frame() -> FrameType | None:
    """Return the innermost frame of the running stack that runs the user's code, or None."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _inside(frame, (TORCH_FOLDER, *PLUMBING)):
        frame = frame.f_back
    return None if frame is None or _inside(frame, (PACKAGE_FOLDER,)) else frame


def runs_in(folder: str) -> bool:
    """Tell whether a file of a folder is on the running stack."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not _inside(frame, (folder,)):
        frame = frame.f_back
    return frame is not None


def asked(condition: sympy.Basic, *, pinned: bool = False) -> Question:
    """Return the question that the running stack asks; `condition` is true now."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _inside(frame, PLUMBING):
        frame = frame.f_back
    innermost = source_of(frame) if frame is not None else None
    return Question(condition, _kind(innermost, pinned), user_source(), innermost)


def goes_to_a_kernel(frame: FrameType | None) -> bool:
    """Tell whether a float is being handed to a C++ operator that only computes with it.

    `float(x)` in Python passes through `SymFloat.__float__`; `interpolate` hands scale factors to an
    operator that derives sizes from them; anything else is a scalar argument such as a scale or a rate.
    """
    while frame is not None and _inside(frame, (OWN_FOLDER,)):
        frame = frame.f_back
    return frame is not None and frame.f_code.co_name not in ("__float__", "__int__", "interpolate")


def _inside(frame: FrameType, places: tuple[str, ...]) -> bool:
    return frame.f_code.co_filename.startswith(places)


def _kind(innermost: Source | None, pinned: bool) -> QuestionKind:
    if pinned:
        return QuestionKind.SPECIALISATION
    if innermost is None:
        return QuestionKind.LAYOUT
    in_torch = innermost.file.startswith(TORCH_FOLDER)
    if not in_torch or innermost.file.startswith(MODEL_CODE_IN_TORCH):
        return QuestionKind.MODEL
    return QuestionKind.LAYOUT
