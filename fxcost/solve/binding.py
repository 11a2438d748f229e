"""What keeps an optimum from being better: each hyperparameter's next value, and the limits it breaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fxcost.solve.effort import Reading
from fxcost.solve.spelling import compared
from fxcost.space.spelling import spelled
from fxcost.units import Unit

UNREACHED = "and the limits hold: the search did not get there"


@dataclass(frozen=True)
class Stop:
    """A limit that is broken.

    Attributes:
        limit: It in the user's words.
        readings: The comparisons of it that are false.
    """

    limit: str
    readings: tuple[Reading, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {"limit": self.limit, "values": {each.name: each.value for each in self.readings}}


@dataclass(frozen=True)
class Step:
    """A hyperparameter moved to its next value, the others as they are, where that is better.

    Attributes:
        to: The next value that the space and the factory allow.
        value: What is optimised, there.
        stops: The limits that are broken there; none only beside an optimum that is not proved.
    """

    to: object
    value: int
    stops: tuple[Stop, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {"to": self.to, "value": self.value, "stops": [stop.as_dict() for stop in self.stops]}


@dataclass(frozen=True)
class Held:
    """What keeps one hyperparameter where it is.

    Attributes:
        name: The hyperparameter.
        value: Its value at the optimum.
        steps: The moves that would be better.
        remark: Why there is none; "" where there is one.
    """

    name: str
    value: object
    steps: tuple[Step, ...]
    remark: str

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {"value": self.value, "steps": [step.as_dict() for step in self.steps], "remark": self.remark}


@dataclass(frozen=True)
class Binding:
    """What binds at an optimum.

    Attributes:
        name: What is optimised.
        unit: Its unit.
        value: Its value at the optimum.
        hyperparameters: What keeps each of them where it is; those that the question fixes are left out.
    """

    name: str
    unit: Unit
    value: int
    hyperparameters: tuple[Held, ...]

    @property
    def limits(self) -> tuple[str, ...]:
        """The limits that are tight: those that stop a step that would be better."""
        stops = [stop for held in self.hyperparameters for step in held.steps for stop in step.stops]
        return tuple(dict.fromkeys(stop.limit for stop in stops))

    def lines(self) -> list[tuple[str, str]]:
        """Return a line for each hyperparameter: its value, and what keeps it there."""
        return [
            (f"{held.name}={spelled(held.value)}", held.remark or "; ".join(self._texts(held)))
            for held in self.hyperparameters
        ]

    def _texts(self, held: Held) -> Iterator[str]:
        for step in held.steps:
            broken = [reading for stop in step.stops for reading in stop.readings]
            better = f"{self.name} is {compared(step.value, self.value, self.unit)[0]}"
            texts = [] if any(each.name == self.name for each in broken) else [better]
            texts.append(f"{'but ' * bool(texts)}{'; '.join(map(str, broken))}" if broken else UNREACHED)
            yield f"with {spelled(step.to)}, {', '.join(texts)}"

    def __str__(self) -> str:
        return "\n".join(f"{name}: {text}" for name, text in self.lines())

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        held = {each.name: each.as_dict() for each in self.hyperparameters}
        return {"limits": list(self.limits), "hyperparameters": held}
