"""Reads what is known of a factory from the cache, and writes what comes to be known."""

from __future__ import annotations

import time
import warnings
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fxcost.cache.file import SEAL, CacheWarning
from fxcost.cache.folder import Folder
from fxcost.cache.key import key_of
from fxcost.cache.numbers import integer
from fxcost.cache.records import Reader, is_whole, region_record
from fxcost.cache.sources import digest_of, digests, model_sources
from fxcost.cache.trees import UnwritableError, Writer, trees
from fxcost.costs import DEFINITIONS, Region, Regions
from fxcost.errors import FxcostError, UnknownOperatorError
from fxcost.expr import Domain
from fxcost.program import Program
from fxcost.sealed import DamagedError
from fxcost.trace import Subject

PATIENCE = 20
"""Writing waits so many times as long as it took the last time."""

MALFORMED = (DamagedError, FxcostError, LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""What reading raises where a file is not what we write."""


def remember(regions: Regions, subject: Subject, device: str) -> None:
    """Read the regions that an earlier process found, and write those that this one finds.

    Nothing is read or written where the cache is off, or where what is declared cannot be described.
    """
    folder = Folder.of()
    key = None if folder is None else key_of(subject, regions.space, device)
    if folder is None or key is None:
        return
    store = Store(folder.file(key), subject_name(subject), regions.domain, regions.known)
    store.least, store.failures = regions.families.least, regions.families.failures
    store.load(regions.trace)
    regions.changed = store.changed
    weakref.finalize(regions, store.flush)


def subject_name(subject: Subject) -> str:
    """Return what a factory is called."""
    return str(getattr(subject.factory, "__name__", type(subject.factory).__name__))


@dataclass
class Store:
    """The file of one key, and what is in it. It holds no `Regions`, whose end it waits for.

    Attributes:
        path: The file.
        name: What the factory is called.
        domain: Its hyperparameters.
        known: Its regions.
        least, failures: What is known of those that count repeats.
    """

    path: Path
    name: str
    domain: Domain
    known: list[Region]
    least: dict[str, int] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    _loaded: frozenset[str] = field(default_factory=lambda: frozenset(model_sources()))
    _whole: int = 0
    _pending: bool = False
    _closed: bool = False
    _next: float = 0.0

    def load(self, trace: Callable[..., Program]) -> None:
        """Read the file; one that is not what we write is warned of and left to be written anew."""
        try:
            content = SEAL.read(self.path)
            if content is not None and _are_as_they_were(content["sources"]):
                least, failures = _counts(content["least"]), _counts(content["failures"])
                self.known.extend(_regions(content, self.domain, trace))
                self.least.update(least)
                self.failures.update(failures)
        except (*MALFORMED, RecursionError) as error:
            self._warn(f"cannot be used: {error}; it will be written anew")
        except OSError as error:
            self._closed = True
            self._warn(f"cannot be read: {error}; FXCOST_CACHE names another folder, or is off")

    def changed(self) -> None:
        """Write what is known, or put that off where it was done a moment ago.

        A region of several programs that lacks a closed form, as an operator lacks a formula, is not written.
        """
        try:
            for region in self.known[self._whole :]:
                if not is_whole(region):
                    for definition in DEFINITIONS:
                        region.expression(definition)
        except UnknownOperatorError:
            self._closed = True
            return
        self._whole = len(self.known)
        self._pending = True
        if time.monotonic() < self._next:
            return
        started = time.monotonic()
        self.flush()
        self._next = time.monotonic() + PATIENCE * (time.monotonic() - started)

    def flush(self) -> None:
        """Write what is known and not yet written, up to the first region that is not whole."""
        if not self._pending or self._closed:
            return
        self._pending = False
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            SEAL.write(self.path, self._content())
        except (UnwritableError, RecursionError):
            self._closed = True
        except OSError as error:
            self._closed = True
            self._warn(f"cannot be written: {error}; FXCOST_CACHE names another folder, or is off")

    def _content(self) -> dict[str, Any]:
        whole = next((at for at, region in enumerate(self.known) if not is_whole(region)), len(self.known))
        writer = Writer(self.domain)
        records = [region_record(region, writer) for region in self.known[:whole]]
        later = {name: module for name, module in model_sources().items() if name not in self._loaded}
        return {
            "factory": self.name,
            "sources": digests(later),
            "least": dict(self.least),
            "failures": dict(self.failures),
            "nodes": writer.nodes,
            "regions": records,
        }

    def _warn(self, problem: str) -> None:
        warnings.warn(f"the cache's file {self.path} {problem}", CacheWarning, stacklevel=2)


def _regions(content: dict[str, Any], domain: Domain, trace: Callable[..., Program]) -> list[Region]:
    reader = Reader(domain, trees(content["nodes"], domain), lambda config: trace(config, {}, False))
    return [reader.region(record) for record in content["regions"]]


def _counts(records: dict[str, Any]) -> dict[str, int]:
    return {str(name): integer(count) for name, count in records.items()}


def _are_as_they_were(sources: dict[str, str]) -> bool:
    """Tell whether modules that were loaded while tracing still read as they did."""
    return all(Path(path).is_file() and digest_of(Path(path)) == digest for path, digest in sources.items())
