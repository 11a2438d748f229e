"""Describes what a declaration holds, so that equal descriptions mean that the same is declared.

Functions are described by their code, defaults and closures, classes by their names and methods, other
objects by their attributes. What has a state that Python cannot see cannot be described.
"""

from __future__ import annotations

import argparse
import dataclasses
import enum
import functools
import json
import operator
import re
import sys
import types
from collections import OrderedDict, defaultdict
from collections.abc import Collection
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath
from typing import Any

import numpy as np
import torch

from fxcost.space.text import TextFunction

PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, type(Ellipsis)})
WRITTEN = (
    range, slice, re.Pattern, PurePath, Fraction, Decimal, np.generic, np.dtype, torch.dtype, torch.device,
    torch.layout, torch.memory_format, TextFunction,
)  # fmt: skip
"""Their `repr` says all there is."""

MAPPINGS = frozenset({dict, OrderedDict, defaultdict, types.MappingProxyType})
BUILTIN = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    types.ClassMethodDescriptorType,
    np.ufunc,
)
RECORDS = (argparse.Namespace, types.SimpleNamespace)
METHODS = (types.FunctionType, staticmethod, classmethod, property)

MOST = 1_000_000
"""Objects described; a declaration that holds more is not described."""


class UndescribableError(ValueError):
    """An object whose state cannot be seen, or whose source cannot be had."""


class Describer:
    """Describes objects as JSON.

    Args:
        sources: The names of the modules of model code; what is defined elsewhere is described by its name.
        strict: Whether an object that cannot be described raises; if not, its type's name stands for it.

    Attributes:
        names: The globals and attributes that the code described so far reads.

    >>> Describer(()).of({"act": torch.nn.ReLU})
    ['builtins.dict', [['str', "'act'"], 'torch.nn.modules.activation.ReLU']]
    """

    def __init__(self, sources: Collection[str], *, strict: bool = True) -> None:
        self.sources = sources
        self.strict = strict
        self._seen: dict[int, tuple[int, object]] = {}
        self._described = 0
        self.names: set[str] = set()

    def of(self, value: object) -> Any:
        """Return an object's description.

        Raises:
            UndescribableError: It has none, and descriptions are strict; or too much was described.
        """
        self._described += 1
        if self._described > MOST:
            raise UndescribableError("it holds too much")
        if type(value) in PLAIN:
            return [type(value).__name__, repr(value)]
        try:
            return self._immutable(value)
        except UndescribableError:
            if self.strict or self._described > MOST:
                raise
            return ["unknown", _name(type(value))]

    def _immutable(self, value: Any) -> Any:
        """Return the description of what is the same wherever it occurs, else that of one object."""
        name = _name(type(value))
        match value:
            case enum.Enum():
                return [name, value.name]
            case types.ModuleType():
                return ["module", value.__name__]
            case types.CodeType():
                return self._code(value)
            case tuple() if type(value) is tuple:
                return [name, *map(self.of, value)]
            case frozenset() | set():
                return [name, *sorted(map(self._alone, value))]
        if isinstance(value, WRITTEN):
            return [name, repr(value)]
        if isinstance(value, BUILTIN):
            owner = getattr(value, "__self__", None)
            bound = None if owner is None or isinstance(owner, types.ModuleType) else self.of(owner)
            return [name, _name(value), bound]
        return self._object(value)

    def _object(self, value: object) -> Any:
        if id(value) in self._seen:
            return ["seen", self._seen[id(value)][0]]
        self._seen[id(value)] = len(self._seen), value  # kept alive, so that no other object gets its id
        name = _name(type(value))
        match value:
            case type():
                return self._class(value)
            case types.FunctionType():
                return self._function(value)
            case types.MethodType():
                return [name, self.of(value.__func__), self.of(value.__self__)]
            case functools.partial():
                return [name, self.of(value.func), self.of(value.args), self.of(value.keywords)]
            case staticmethod() | classmethod() | functools._lru_cache_wrapper():
                return [name, self.of(value.__wrapped__)]
            case property():
                return [name, self.of(value.fget), self.of(value.fset), self.of(value.fdel)]
            case list() if type(value) is list:
                return [name, *map(self.of, value)]
        if type(value) in MAPPINGS:
            return [name, *([self.of(key), self.of(entry)] for key, entry in value.items())]  # type: ignore[attr-defined]
        return self._instance(value)

    def _alone(self, value: object) -> str:
        """Return the description of an element of a set, as text that does not depend on the others."""
        return json.dumps(Describer(self.sources, strict=self.strict).of(value))

    def _instance(self, value: object) -> Any:
        kind = type(value)
        told = (
            self.strict or self._is_ours(kind) or dataclasses.is_dataclass(kind) or issubclass(kind, RECORDS)
        )
        if not told or not all(map(_is_written_in_python, kind.__mro__[:-1])):
            raise UndescribableError(f"the state of a {_name(kind)} cannot be seen")
        slots = [name for base in kind.__mro__ for name in _slots(base) if hasattr(value, name)]
        attributes = {name: getattr(value, name) for name in slots} | getattr(value, "__dict__", {})
        return [self.of(kind), *([name, self.of(entry)] for name, entry in attributes.items())]

    def _is_ours(self, thing: object) -> bool:
        return getattr(thing, "__module__", None) in self.sources

    def _class(self, value: type) -> Any:
        if self._is_ours(value):
            members = {
                name: member
                for name, member in vars(value).items()
                if type(member) in PLAIN or isinstance(member, METHODS)
            }
            described = [[name, self.of(member)] for name, member in members.items()]
            return [_name(value), [self.of(base) for base in value.__bases__], described]
        if "<locals>" in value.__qualname__:
            raise UndescribableError(f"{_name(value)} has no source")
        return _name(value)

    def _function(self, value: types.FunctionType) -> Any:
        home = sys.modules.get(value.__globals__.get("__name__", ""))
        if home is None or vars(home) is not value.__globals__ or getattr(home, "__file__", None) is None:
            raise UndescribableError(f"{_name(value)} has no source")
        if home.__name__ not in self.sources and _found(home, value.__qualname__) is value:
            return _name(value)
        cells = [self._cell(cell) for cell in value.__closure__ or ()]
        defaults = [self.of(value.__defaults__), self.of(value.__kwdefaults__)]
        return [_name(value), self._code(value.__code__), defaults, cells]

    def _cell(self, cell: types.CellType) -> Any:
        try:
            contents = cell.cell_contents
        except ValueError:
            return "empty"
        return self.of(contents)

    def _code(self, code: types.CodeType) -> Any:
        self.names.update(code.co_names)
        constants = [self.of(constant) for constant in code.co_consts]
        names = [code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars]
        numbers = [code.co_firstlineno, code.co_flags, code.co_argcount, code.co_kwonlyargcount]
        tables = [table.hex() for table in (code.co_code, code.co_linetable, code.co_exceptiontable)]
        return [code.co_name, *numbers, *tables, *names, constants]


def _is_written_in_python(kind: type) -> bool:
    """Tell whether a class keeps its state in attributes only."""
    return kind.__module__ == "typing" or not any(
        isinstance(member, BUILTIN) for member in vars(kind).values()
    )


def _slots(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _found(module: types.ModuleType, qualified: str) -> object:
    try:
        return operator.attrgetter(qualified)(module)
    except AttributeError:
        return None


def _name(thing: object) -> str:
    name = getattr(thing, "__qualname__", None) or getattr(thing, "__name__", "")
    return f"{getattr(thing, '__module__', None) or ''}.{name}"
