"""By what means a user wants a question answered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fxcost.errors import DeclarationError
from fxcost.solve.routes import Engine, engine_of
from fxcost.solve.workers.crew import Executor


@dataclass(frozen=True)
class Means:
    """What the user wants to answer; None for what the routes say.

    Attributes:
        engine: Who answers.
        executor: Workers for boxes.
        resume: A file with what was found out about the first goal.
    """

    engine: Engine | None = None
    executor: Executor | None = None
    resume: Path | None = None

    @classmethod
    def of(cls, engine: str | None, executor: Executor | None, resume: str | Path | None = None) -> Means:
        """Return what the user wrote.

        Raises:
            DeclarationError: There is no such engine, or it does not search boxes.
        """
        asked = engine_of(engine)
        if asked not in (None, Engine.BOXES) and not (executor is None and resume is None):
            raise DeclarationError(
                f'engine="{engine}" has no workers and no file; leave out executor and resume'
            )
        return cls(asked, executor, None if resume is None else Path(resume))
