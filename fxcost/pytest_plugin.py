"""The pytest plugin: limits on costs that hold for all settings, or fail with one that breaks them.

Nothing but pytest is imported until a test uses the marker, or compares a quantity in an assertion.
"""

from __future__ import annotations

import ast
import operator
import sys
import textwrap
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fxcost.compilation import Cost
    from fxcost.devices import Device
    from fxcost.factory import ModelFactory
    from fxcost.solve import Limit
    from fxcost.trace import Training

MARKER = "limit_cost"
USAGE = (
    'limit_cost(gpt, peak_memory="24 GiB", flops="2 PFLOP", where={"batch": (1, 64)}, training=None, '
    'device="rtx-4090")'
)
SECONDS = 10.0
RELATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
}

_COSTS = pytest.StashKey["list[Cost]"]()
_EXPLAINED = pytest.StashKey["list[str]"]()
_MARKS = pytest.StashKey["list[LimitCost]"]()


@dataclass(frozen=True)
class LimitCost:
    """What one marker asks.

    Attributes:
        factory: The decorated factory.
        limits: By quantity, what it is to be at most.
        device: The GPU that is to hold the peak, and whose operators are counted; None for the CPU's.
        where: What is set of the hyperparameters, as `Space.restrict` takes it.
        training: The recipe, None for an inference.
        seconds: The time limit of each proof.
    """

    factory: ModelFactory
    limits: Mapping[str, Any]
    where: Mapping[str, Any]
    training: Training | None
    seconds: float
    device: Device | None = None

    def failures(self, costs: list[Cost]) -> Iterator[str]:
        """Yield what is wrong with each limit that is not proved.

        Args:
            costs: Those compiled so far; more are added to it.
        """
        from fxcost.report.explanation import explained
        from fxcost.solve import Refuted, Unknown

        cost = self._cost(costs)
        limits = list(self.limits.items())
        if self.device is not None:
            limits.insert(0, ("peak_memory", self.device.memory))
        for name, bound in limits:
            limit = cost.quantities[name] <= bound
            verdict = limit.prove(time_limit=self.seconds, **self.where)
            if isinstance(verdict, Refuted):
                yield str(explained(limit, verdict))
            elif isinstance(verdict, Unknown):
                yield str(verdict)

    def _cost(self, costs: list[Cost]) -> Cost:
        import fxcost

        for known in costs:
            recipe = known.factory is self.factory and known.training == self.training
            if recipe and known.gpu == self.device:
                return known
        costs.append(fxcost.cost(self.factory, training=self.training, device=self.device or "cpu"))
        return costs[-1]


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers", f"{USAGE}: the limits hold for every setting of the hyperparameters, or the test fails"
    )
    config.stash[_COSTS] = []
    config.stash[_EXPLAINED] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Read the markers, so that a wrong one is an error before anything runs."""
    for item in items:
        item.stash[_MARKS] = [_read(item, mark) for mark in item.iter_markers(MARKER)]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Fail a test whose limits do not hold, before its body runs."""
    marks = item.stash.get(_MARKS, [])
    if not marks:
        return
    from fxcost.errors import FxcostError

    try:
        failures = [failure for mark in marks for failure in mark.failures(item.config.stash[_COSTS])]
    except FxcostError as error:
        failures = [f"{MARKER}: {error}"]
    if failures:
        pytest.fail("\n\n".join(failures), pytrace=False)


def pytest_assertrepr_compare(
    config: pytest.Config, op: str, left: object, right: object
) -> list[str] | None:
    """Explain `assert cost.peak_memory <= "24 GiB"`."""
    quantities = sys.modules.get("fxcost.quantity")
    if quantities is None or op not in RELATIONS:
        return None
    if not isinstance(left, quantities.Quantity) and not isinstance(right, quantities.Quantity):
        return None
    explanation = _explanation(RELATIONS[op](left, right))
    if explanation is None:
        return None
    config.stash[_EXPLAINED].append(explanation)
    return explanation.splitlines()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Explain `assert fits`, where `fits` is a limit, and what pytest has shortened of other explanations."""
    report = yield
    explained = item.config.stash[_EXPLAINED]
    if call.excinfo is not None and call.excinfo.errisinstance(AssertionError):
        entry = call.excinfo.traceback[-1]
        limits = _asserted_limits(str(entry.statement), entry.frame.raw)
        for explanation in (*explained, *filter(None, map(_explanation, limits))):
            if any(line.strip() not in report.longreprtext for line in explanation.splitlines()):
                report.sections.append(("fxcost", explanation))
    explained.clear()
    return report


def _asserted_limits(statement: str, frame: FrameType) -> list[Limit]:
    """Return the limits that an assertion names."""
    limits = sys.modules.get("fxcost.solve.limits")
    if limits is None:
        return []
    try:
        tree = ast.parse(textwrap.dedent(statement))
    except SyntaxError:
        return []
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    known = frame.f_globals | frame.f_locals
    return [known[name] for name in dict.fromkeys(names) if isinstance(known.get(name), limits.Limit)]


def _explanation(limit: Limit) -> str | None:
    """Return why a limit is refuted, None where it is not."""
    from fxcost.report.explanation import explained
    from fxcost.solve import Refuted

    verdict = limit.prove()
    return str(explained(limit, verdict)) if isinstance(verdict, Refuted) else None


def _read(item: pytest.Item, mark: pytest.Mark) -> LimitCost:
    """Return what a marker asks.

    Raises:
        pytest.UsageError: Its arguments are wrong; the message names the test.
    """
    from fxcost.errors import FxcostError

    try:
        return _limit_cost(*mark.args, **mark.kwargs)
    except (FxcostError, TypeError) as error:
        raise pytest.UsageError(f"{item.nodeid}: {MARKER}: {error}; the form is {USAGE}") from None


def _limit_cost(
    factory: object,
    *,
    where: object = None,
    training: object = None,
    device: object = None,
    time_limit: object = SECONDS,
    **limits: object,
) -> LimitCost:
    """Return a marker's arguments, each checked."""
    from fxcost import units
    from fxcost.costs import DEFINITIONS
    from fxcost.devices import find
    from fxcost.errors import DeclarationError
    from fxcost.factory import ModelFactory
    from fxcost.trace import Training, with_recipe

    if not isinstance(factory, ModelFactory):
        raise DeclarationError(f"{factory!r} is no factory decorated with @fc.model")
    units_of = {definition.name: definition.unit for definition in DEFINITIONS}
    unknown = [name for name in limits if name not in units_of]
    if unknown or not (limits or device):
        problem = f"there is no quantity {unknown[0]}" if unknown else "there is no limit"
        raise DeclarationError(f"{problem}; the quantities are {', '.join(units_of)}")
    for name, bound in limits.items():
        units.parse(bound, units_of[name])
    bounds = {} if where is None else where
    if not isinstance(bounds, Mapping):
        raise DeclarationError(f'where={where!r} is no dict; write where={{"batch": (1, 64)}}')
    if training is not None and not isinstance(training, Training):
        raise DeclarationError(
            f"training={training!r} is no fc.Training; write fc.Training(torch.optim.AdamW)"
        )
    with_recipe(factory.space, training).restrict(**bounds)
    if not isinstance(time_limit, int | float) or time_limit <= 0:
        raise DeclarationError(f"time_limit={time_limit!r} is no number of seconds")
    if device is not None and not isinstance(device, str):
        raise DeclarationError(f'device={device!r} is no name of a GPU; write device="rtx-4090"')
    gpu = None if device is None else find(device)
    return LimitCost(factory, limits, bounds, training, time_limit, gpu)
