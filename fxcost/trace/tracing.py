"""Traces a factory at one configuration, with its hyperparameters symbolic."""

from __future__ import annotations

import contextlib
import gc
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar, cast
from unittest.mock import patch

import sympy
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from fxcost.errors import FactoryError, FxcostError
from fxcost.expr.domain import Domain
from fxcost.program import Program, Source
from fxcost.space import Config, Dynamic
from fxcost.trace.alternatives import Alternatives
from fxcost.trace.construction import model_modules, symbolic_construction
from fxcost.trace.cuda import Gpu, allocating, copying, imposed, rules_of
from fxcost.trace.declared import chosen, domains_of, is_open
from fxcost.trace.dynamic import AnsweringEnv, DataAnswers
from fxcost.trace.finishing import finished
from fxcost.trace.gates import Gates, Together
from fxcost.trace.lazy import initialise
from fxcost.trace.models import LookedUpError, Models, OptionRefusedError
from fxcost.trace.multiplying import multiplying
from fxcost.trace.options import option
from fxcost.trace.preparing import tensors_of
from fxcost.trace.questions import OWN_FOLDER, TORCH_FOLDER
from fxcost.trace.recipe import Inference, LossFunction, Training
from fxcost.trace.recorder import Recorder
from fxcost.trace.switch import reached
from fxcost.trace.using import Use

Result = TypeVar("Result")
Recipe = TypeVar("Recipe", Training, Inference)


@dataclass(frozen=True)
class Subject:
    """What is traced: a factory, its example batch and how the model is used.

    Attributes:
        factory: Called with the hyperparameters in `factory_names`, by name.
        example: Called with those in `example_names`; returns a tensor, a tuple of positional inputs or
            a dict of keyword inputs.
        loss: From the model's output to a scalar; None is the sum of the output.
        training: The recipe, or None for one inference under `no_grad`.
        dynamic: What data decides, as declared.
        inference: How that inference is run.
        gpu: Whose choices are imposed; None are the CPU's own.
    """

    factory: Callable[..., nn.Module]
    factory_names: tuple[str, ...]
    example: Callable[..., Any]
    example_names: tuple[str, ...]
    loss: LossFunction | None = None
    training: Training | None = None
    dynamic: tuple[Dynamic, ...] = ()
    inference: Inference = field(default_factory=Inference)
    gpu: Gpu | None = None


def trace(
    subject: Subject,
    domain: Domain,
    hint: Config,
    counters: Mapping[str, int] = MappingProxyType({}),
    *,
    together: Together = Together.MODELS,
) -> Program:
    """Trace a subject with the hyperparameters' values in `hint` answering every question.

    Modules that the factory imports while it runs cannot have been patched before: then it is traced again.

    Args:
        subject: What is traced.
        domain: Its hyperparameters.
        hint: The values that answer.
        counters: By hyperparameter, the one value at which the model may fix it, as `range` does.
        together: Which alternatives are traced together; of others, only the chosen one is.

    Raises:
        PinnedError: The model fixes one of the counters at another value.
        FactoryError: The user's code raised; the message names the line.
        DataDependentError: Model code asked for a tensor's data.
        UnknownOperatorError: An operator has no fake kernel.
    """
    if subject.training is not None and subject.training.parallel is not None:
        together = Together.NOTHING  # what wrappers do, they do to the chosen model

    def begin(models: Models) -> _Run:
        return _Run(subject, domain, hint, counters, together, models)

    models = _models(subject, domain, together)
    run = begin(models)  # the first one imports parts of torch
    before = {id(module) for module in model_modules()}
    program = _of_all(run, begin, _Run.program)
    if any(id(module) not in before for module in model_modules()):
        return _of_all(begin(models), begin, _Run.program)
    return program


def builds_all_options(subject: Subject, domain: Domain, hint: Config) -> bool:
    """Tell whether the factory builds the model of each class or function that could be chosen at a hint."""
    models = _models(subject, domain, Together.MODELS)
    if not models.names:
        return True

    def begin(models: Models) -> _Run:
        return _Run(subject, domain, hint, {}, Together.MODELS, models)

    try:
        return _of_all(begin(models), begin, _Run.builds_all)
    except FactoryError:
        return False


def _models(subject: Subject, domain: Domain, together: Together) -> Models:
    free = [name for name in subject.factory_names if name not in subject.example_names]
    return Models.of_code(domain, free if together is Together.MODELS else ())


def _of_all(run: _Run, begin: Callable[[Models], _Run], result: Callable[[_Run], Result]) -> Result:
    """Return the result of a run with all options whose models are traced together, and not refused."""
    while True:
        try:
            return result(run)
        except OptionRefusedError as option:
            run = begin(run.models.without(option.places))
        except LookedUpError as option:
            run = begin(run.models.with_options_of(option.name))


class _Run:
    """One trace: the environment, the modes, and what they have seen."""

    def __init__(
        self,
        subject: Subject,
        domain: Domain,
        hint: Config,
        counters: Mapping[str, int],
        together: Together,
        models: Models,
    ) -> None:
        self.subject = subject
        self.domain = domain
        self.hint = hint
        self.env = AnsweringEnv(counters)
        self.fake_mode = FakeTensorMode(shape_env=self.env, allow_non_fake_inputs=True)
        self.fake_mode.cache_enabled = False
        self.gates = Gates(domain, enabled=together >= Together.SWITCHES)
        data = DataAnswers(self.env, domain, hint, subject.dynamic)
        self.recorder = Recorder(self.env, self.fake_mode, self.gates, data, rules_of(subject.gpu))
        self.env.alternatives = Alternatives(self.env, self.gates, self.recorder)
        self.models = models
        taken = {*subject.factory_names, *subject.example_names}
        self.use = Use(
            self.recorder,
            None if subject.training is None else self._as_chosen(subject.training),
            self._as_chosen(subject.inference),
            subject.loss,
            on_gpu=subject.gpu is not None,
        )
        self.batch: set[int] = set()
        self.values = {name: self._value(name) for name in hint if name in taken}

    def _value(self, name: str) -> Any:
        """Return what the factory gets for a hyperparameter: a symbolic number, or the option itself."""
        symbol, value = self.domain.symbols[name], self.hint[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or self._is_index(name):
            self.env.hints[symbol] = self.domain.encode(self.hint)[name]
            options = self.domain.axes[name].options
            if name in self.models.names:
                return value
            if self.gates.enabled and options and all(isinstance(each, str) for each in options):
                return option(self.env, symbol, options, value)
            self.env.assume(sympy.Eq(symbol, self.env.hints[symbol], evaluate=False))
            return value
        return self.env.hyperparameter(symbol, value)

    def _as_chosen(self, recipe: Recipe) -> Recipe:
        """Return a recipe with the hint's values, those symbolic that can be."""
        values: dict[str, Any] = {}
        for name in domains_of(recipe):
            symbol, value = self.domain.symbols[name], self.hint[name]
            if is_open(recipe, name):
                values[name] = self.env.hyperparameter(symbol, cast("int", value))
                continue
            values[name] = value
            self.env.hints[symbol] = self.domain.encode(self.hint)[name]
            self.env.keep(sympy.Eq(symbol, self.env.hints[symbol], evaluate=False))
        return chosen(recipe, values)

    def _is_index(self, name: str) -> bool:
        return self.domain.axes[name].options is not None

    def program(self) -> Program:
        """Run everything and return what was recorded."""
        with _without_garbage_collection(), self._modes():
            with self._user_code():
                model, batch = self._construct()
                args, kwargs = _inputs(batch)
                run = self.use.measured(model, args, kwargs)
            return finished(self.recorder, self.hint, model, self.batch, run)

    def builds_all(self) -> bool:
        """Build the model, and no more; tell whether no option was refused."""
        with self._modes(), self._user_code():
            self._model()
        return not self.models.refused

    @contextlib.contextmanager
    def _modes(self) -> Iterator[None]:
        call = nn.Module.__call__

        def watched_call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            with self.recorder.inside(module):
                return call(module, *args, **kwargs)

        with (
            symbolic_construction(self.env.positions),
            patch.object(nn.Module, "__call__", watched_call),
            imposed(self.subject.gpu, self.use.recipe.attention),
            multiplying(),
            self.fake_mode,
            self.recorder,
            copying(self.subject.gpu),
            allocating(self.subject.gpu),
        ):
            yield

    @contextlib.contextmanager
    def _user_code(self) -> Iterator[None]:
        """Re-raise what user code raises as a FactoryError that names the line and the configuration."""
        try:
            yield
        except FxcostError:
            raise
        except Exception as error:
            failure = FactoryError(f"{_line_of(error)}: {type(error).__name__}: {error} (at {self.hint})")
            failure.questions = tuple(self.env.questions.values())
            raise failure from error

    def _construct(self) -> tuple[nn.Module, Any]:
        subject, recorder = self.subject, self.recorder
        model = self._model()
        batch = subject.example(**{name: self.values[name] for name in subject.example_names})
        initialise(model, *_inputs(batch))
        model, batch = self.use.prepared(model, batch)
        recorder.name_modules(model)
        for parameter_or_buffer, gate in reached(model, self.gates):
            recorder.restrict(parameter_or_buffer, gate)
        for parameter in model.parameters():
            recorder.see(parameter, "parameter", "", None)
            recorder.known.forget(parameter)
        for buffer in model.buffers():
            recorder.see(buffer, "buffer", "", None)
        for tensor in tensors_of(batch):
            recorder.see(tensor, "batch", "", None)
            self.batch.add(recorder.storage_of(tensor))
            recorder.known.typical(tensor)
            if tensor.is_floating_point() or tensor.is_complex():
                recorder.known.forget(tensor)  # tokens and masks are typical, floats are not
        return model, batch

    def _model(self) -> nn.Module:
        """Return what the factory builds, of all options where they are traced together.

        Raises:
            LookedUpError: The factory looks something up by one more hyperparameter.
            OptionRefusedError: It refuses some options.
        """
        subject, hint = self.subject, self.hint
        values = {name: self.values[name] for name in subject.factory_names}
        model = self.models.build(self.env, hint, lambda options: subject.factory(**{**values, **options}))
        for name in self.env.looked_up:
            if self.models.can_have(name):
                raise LookedUpError(name)
        return model


def _inputs(batch: Any) -> tuple[Sequence[Any], Mapping[str, Any]]:
    if isinstance(batch, Mapping):
        return (), batch
    return (batch if isinstance(batch, tuple) else (batch,)), {}


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Keep the order of releases the same in every trace: cycles are left alone while it runs."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _line_of(error: BaseException) -> Source | str:
    """Return the innermost line of a traceback that is outside torch and fxcost's tracer."""
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        if not frame.filename.startswith((TORCH_FOLDER, OWN_FOLDER)):
            return Source(frame.filename, frame.lineno or 0, frame.name)
    return "in the factory"
