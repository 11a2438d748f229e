"""Symbolic numbers as text and as keys of dicts and sets: both need the value, which becomes a question.

Text that only torch, a log or the message of an error or assertion gets decides no size, and asks nothing.
"""

from __future__ import annotations

import dis
import logging
import sys
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any

import sympy

from fxcost.trace.questions import MODEL_CODE_IN_TORCH, PACKAGE_FOLDER, TORCH_FOLDER

WITHOUT_EFFECT = (PACKAGE_FOLDER, TORCH_FOLDER, str(logging.__file__), str(warnings.__file__))
LOGGING = (
    "print",
    "warn",
    "warning",
    "warning_once",
    "info",
    "debug",
    "error",
    "exception",
    "critical",
    "log",
    "_assert",
)
ENDS_OF_A_BLOCK = ("JUMP", "RETURN", "YIELD", "FOR_ITER", "SEND", "RERAISE")


def hashing(original: Callable[[Any], int]) -> Callable[[Any], int]:
    """Hash as the number at the hint does, which is then the value: `table[width]`, `width in {8, 16}`."""

    def hash_of(number: Any) -> int:
        return original(number) if _stays_inside(sys._getframe(1)) else hash(_value(number))

    return hash_of


def writing(original: Callable[[Any], str]) -> Callable[[Any], str]:
    """Write the number at the hint, which is then the value: `f"stage{width}"`, `str(width)`."""

    def text_of(number: Any) -> str:
        frame = sys._getframe(1)
        if _stays_inside(frame):
            return original(number)
        return str(number.node.hint if _says(frame) else _value(number))

    return text_of


def formatting(_original: Callable[[Any, str], str]) -> Callable[[Any, str], str]:
    """Format the number at the hint: `f"{width:04d}"`."""

    def formatted(number: Any, specification: str) -> str:
        frame = sys._getframe(1)
        if not specification and _stays_inside(frame):
            return str(number.node)
        unasked = _stays_inside(frame) or _says(frame)
        return format(number.node.hint if unasked else _value(number), specification)

    return formatted


def _value(number: Any) -> Any:
    """Return the number as Python's, and keep the question."""
    node = number.node
    value = node.pytype(node.hint)
    if node.constant is None:
        node.shape_env.assume(sympy.Eq(node._expr, sympy.sympify(value), evaluate=False))
    return value


def _stays_inside(frame: FrameType) -> bool:
    """Tell whether code asks that decides nothing by a number's text or hash."""
    file = frame.f_code.co_filename
    return file.startswith(WITHOUT_EFFECT) and not file.startswith(MODEL_CODE_IN_TORCH)


def _says(frame: FrameType) -> bool:
    """Tell whether a running function goes straight on to raise an error, is logging or asserting."""
    logged = False
    for instruction in dis.get_instructions(frame.f_code):
        name = instruction.opname
        if instruction.offset <= frame.f_lasti:
            starts_anew = any(end in name for end in (*ENDS_OF_A_BLOCK, "POP_TOP", "STORE_"))
            logged = not starts_anew and (logged or instruction.argval in LOGGING)
        elif name == "RAISE_VARARGS" or (logged and name == "POP_TOP"):
            return True
        elif any(end in name for end in ENDS_OF_A_BLOCK):
            return False
    return False
