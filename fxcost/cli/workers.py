"""The processes that `--workers` asks for."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager


@contextmanager
def processes(count: int) -> Iterator[Executor | None]:
    """Lend so many processes; None for this one alone."""
    if count == 1:
        yield None
        return
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn")) as executor:
        yield executor
