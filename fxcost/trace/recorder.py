"""Records each operator as a node of a torch.fx graph, and each storage's life as events."""

from __future__ import annotations

import operator
import os
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sympy
import torch
from torch._library.custom_ops import OPDEFS
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
    UnsupportedOperatorException,
)
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map, tree_map_only

from fxcost.errors import DataDependentError, UnknownOperatorError
from fxcost.program import Event, Phase, Question, QuestionKind, Size, Source, TensorMeta
from fxcost.trace.asking import Asked
from fxcost.trace.captured import captured_module
from fxcost.trace.dynamic import DataAnswers
from fxcost.trace.gates import Gates
from fxcost.trace.gating import EVERYWHERE, Gated, Gating
from fxcost.trace.kernels import Kernel, in_order, kernel_of
from fxcost.trace.known import EXAMPLE, KnownValues
from fxcost.trace.lifetimes import Existence, Link
from fxcost.trace.questions import TORCH_FOLDER, runs_in, user_source
from fxcost.trace.symbols import SYMBOLIC, HyperparameterEnv

Rules = Mapping[torch._ops.OpOverload, Kernel]
NODE = "_fxcost_node"
READS_ONE_ELEMENT = torch.ops.aten._local_scalar_dense.default
BOOKKEEPING = ("profiler", "prim")
SHAPE = frozenset({torch.ops.aten.size.default})
"""What torch 2.11's C++ reads of a symbolic tensor by an operator."""

OPTIMIZERS = f"{TORCH_FOLDER}optim{os.sep}"
ALWAYS = Existence()


@dataclass(frozen=True, slots=True)
class Place:
    """Where an operator runs: in which module, at which line of the user's, and when at all."""

    module: str
    source: Source | None
    gate: sympy.Basic = sympy.true


NOWHERE = Place("", None)


@dataclass(frozen=True, slots=True)
class Like:
    """What a stand-in looks like."""

    shape: tuple[Any, ...]
    strides: tuple[Any, ...]
    dtype: torch.dtype

    @classmethod
    def of(cls, tensor: torch.Tensor) -> Like:
        """Return what a tensor looks like."""
        return cls(tuple(tensor.shape), tuple(tensor.stride()), tensor.dtype)


def stands_for(*tensors: torch.Tensor) -> torch.Tensor:
    """Return the first of the tensors that a stand-in may be; which one it is, its gates tell."""
    return tensors[0]


@dataclass
class Birth:
    """What is known of a storage when it is allocated; a tensor refers to it where `presence` holds."""

    nbytes: Size
    phase: Phase
    node: str
    operator: str
    module: str
    source: Source | None
    existence: Existence = ALWAYS
    presence: sympy.Basic = sympy.true


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches the operators of one trace.

    Whoever drives the run sets `phase`; `times`, how often the run does the same; and, for the optimizer's
    step, `stepped`: when a parameter takes part.
    """

    def __init__(
        self,
        env: HyperparameterEnv,
        fake_mode: FakeTensorMode,
        gates: Gates,
        data: DataAnswers,
        rules: Rules,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.env = env
        self.data = data
        self.rules = rules
        self.gating = Gating(gates)
        self.fake_mode = fake_mode
        self.graph = torch.fx.Graph()
        self.known = KnownValues()
        self.phase = Phase.CONSTRUCT
        self.times: Any = 1
        self.births: list[Birth] = []
        self.events: list[Event] = []
        self.alive: dict[int, int] = {}
        self.communication: set[int] = set()
        self.stepped: dict[int, sympy.Basic] = {}
        self._watches: dict[int, weakref.ref[Any]] = {}
        self._module_stack: list[Any] = []
        self._names: dict[int, str] = {}
        self._forward_places: dict[int, Place] = {}
        self._last = ""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is READS_ONE_ELEMENT:
            return self._element(args[0])
        if func.namespace in BOOKKEEPING or func in SHAPE:
            return func(*args, **kwargs)
        result = self._run(func, args, kwargs)
        self._record(func, args, kwargs, result)
        self.known.propagate(func, args, kwargs, result)
        return result

    def _run(self, func: Any, args: Any, kwargs: Any) -> Any:
        try:
            return self._fake(func, args, kwargs)
        except (DataDependentOutputException, DynamicOutputShapeException, DataDependentError):
            known = self.known.result(func, args, kwargs)
            if known is None or EXAMPLE in known[1]:
                return self.data.result(func, args, lambda: self._fake(func, args, kwargs))
            values, symbols = known
            self._pin(symbols)
            return tree_map_only(torch.Tensor, self._static_fake, values)
        except (UnsupportedOperatorException, RuntimeError) as error:
            if not (isinstance(error, UnsupportedOperatorException) or _lacks_fake_kernel(func)):
                raise
            raise UnknownOperatorError(
                f"{user_source()}: {func} cannot be traced: it has no fake kernel; "
                "give it one with torch.library.register_fake"
            ) from error

    def _fake(self, func: Any, args: Any, kwargs: Any) -> Any:
        rule = self.rules.get(func) or kernel_of(func)
        if rule is None:
            return func(*args, **kwargs)
        with self.fake_mode:
            return rule(*args, **kwargs)

    def _element(self, tensor: torch.Tensor) -> Any:
        """Answer `.item()`: constants and shapes decide it, or what is declared of data."""
        known = self.known.element(tensor)
        if known is None and tensor.is_floating_point() and runs_in(OPTIMIZERS):
            return 1.0  # torch's optimizers scale updates by norms; no size depends on one
        if known is None or (EXAMPLE in known[1] and self.data.declares(Asked.of(tensor))):
            return self.data.element(tensor)
        value, symbols = known
        if symbols and isinstance(value, bool) and not self.known.by_value(tensor):
            question = Question(sympy.true, QuestionKind.DATA, user_source())
            self.env.questions.setdefault((question.source, value), question)
        else:
            self._pin(symbols)
        return value

    def _pin(self, symbols: frozenset[sympy.Symbol]) -> None:
        """Keep that hyperparameters have their hints' values: a known value that depends on them was used."""
        for symbol in sorted(symbols - {EXAMPLE}, key=str):
            self.env.assume(sympy.Eq(symbol, self.env.hints[symbol], evaluate=False))

    def _static_fake(self, value: torch.Tensor) -> torch.Tensor:
        return self.fake_mode.from_tensor(value, static_shapes=True)

    def _record(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        place = self._place()
        sums = self._adds_gradients(args)
        gates = self.gating.of(func, args, kwargs, self._presence, place.gate, sums=sums)
        node = self.graph.call_function(
            func, tree_map(self._argument, args), tree_map(self._argument, kwargs)
        )
        self._last = node.name
        for position, leaf in in_order(func, tree_leaves(result)):
            if isinstance(leaf, torch.Tensor):
                self.see(leaf, str(func), place.module, place.source, gates.of_result(position))
        node.meta.update(value=tree_map(self.meta, result), phase=self.phase)
        node.meta.update(module=place.module, source=place.source, gate=gates.of_node, sums=sums)
        node.meta["times"] = size_of(self.times)
        if isinstance(result, torch.Tensor):
            result.__dict__[NODE] = node
        elif isinstance(result, (tuple, list)):
            self._unpack(node, result)

    def _adds_gradients(self, args: Sequence[Any]) -> bool:
        """Tell whether arguments are gradients: the autograd engine adds those that reach one tensor."""
        return self._differentiates() and all(
            isinstance(argument, torch.Tensor) and self._phase_of(argument) is Phase.BACKWARD
            for argument in args
        )

    def _differentiates(self) -> bool:
        """Tell whether backward operators run, and no checkpointed module for the second time."""
        return self.phase is Phase.BACKWARD and not self._module_stack

    def _phase_of(self, tensor: torch.Tensor) -> Phase | None:
        index = self.alive.get(tensor.untyped_storage()._cdata)
        return None if index is None else self.births[index].phase

    def _unpack(self, node: torch.fx.Node, results: Any) -> None:
        for position, leaf in enumerate(results):
            if isinstance(leaf, torch.Tensor):
                item = self.graph.call_function(operator.getitem, (node, position))
                item.meta.update(node.meta, value=self.meta(leaf))
                leaf.__dict__[NODE] = item

    def _argument(self, leaf: Any) -> Any:
        if isinstance(leaf, SYMBOLIC):
            return leaf.node._expr
        if not isinstance(leaf, torch.Tensor):
            return leaf
        node = leaf.__dict__.get(NODE)
        if node is None:
            node = self.graph.placeholder(f"constant_{len(self.graph.nodes)}")
            node.meta.update(value=self.meta(leaf), phase=self.phase, module="", source=None, gate=sympy.true)
        return node

    def meta(self, leaf: Any) -> Any:
        """Return what is kept of a tensor; other values as they are."""
        if not isinstance(leaf, torch.Tensor):
            return leaf
        key = leaf.untyped_storage()._cdata
        return TensorMeta(tuple(map(size_of, leaf.shape)), leaf.dtype, self.alive.get(key, -1))

    def see(
        self,
        tensor: torch.Tensor,
        operator: str,
        module: str,
        source: Source | None,
        gated: Gated = EVERYWHERE,
    ) -> None:
        """Note a tensor's storage, once, and its release when that comes."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self.alive:
            return
        index = self.alive[key] = len(self.births)
        links = tuple(Link(condition, self.storage_of(other)) for condition, other in gated.links)
        self.births.append(
            Birth(
                size_of(storage.nbytes()),
                self.phase,
                self._last,
                operator,
                module,
                source,
                Existence(gated.gate, links),
                gated.presence,
            )
        )
        self.events.append(Event(index, True, self.phase, self._last))
        self._watches[index] = weakref.ref(storage, lambda _: self._release(key, index))

    def _release(self, key: int, index: int) -> None:
        self.events.append(Event(index, False, self.phase, self._last))
        del self.alive[key]
        del self._watches[index]
        self.known.released(key)

    def allocate(self, tensor: torch.Tensor, operator: str) -> None:
        """Note that a tensor gets memory again, as `UntypedStorage.resize_` gives it."""
        self.see(tensor, operator, self._module_path(), user_source())
        self.communicates(tensor)

    def communicates(self, tensor: torch.Tensor) -> None:
        """Note that a tensor is there for communication between GPUs."""
        self.communication.add(self.storage_of(tensor))

    def free(self, tensor: torch.Tensor) -> None:
        """Note that a tensor's memory is taken, as `UntypedStorage.resize_(0)` takes it."""
        key = tensor.untyped_storage()._cdata
        if key in self.alive:
            self._release(key, self.alive[key])

    def storage_of(self, tensor: torch.Tensor) -> int:
        """Return the index of a tensor's storage."""
        return self.alive[tensor.untyped_storage()._cdata]

    def stand_in(self, like: Like, targets: Sequence[tuple[sympy.Basic, torch.Tensor]]) -> torch.Tensor:
        """Return a tensor without memory of its own: where a condition holds it is that one's tensor."""
        with _disable_current_modes(), self.fake_mode:
            tensor = torch.empty_strided(like.shape, like.strides, dtype=like.dtype)
        presence = self.gating.gates.any_of(condition for condition, _ in targets)
        gated = Gated(sympy.false, presence, tuple(targets))
        place = self._place()
        node = self.graph.call_function(stands_for, tuple(self._argument(target) for _, target in targets))
        self._last = node.name
        self.see(tensor, stands_for.__name__, place.module, place.source, gated)
        node.meta.update(value=self.meta(tensor), phase=self.phase, gate=presence)
        node.meta.update(module=place.module, source=place.source)
        tensor.__dict__[NODE] = node
        self.known.copy(targets[0][1], tensor)
        return tensor

    def restrict(self, tensor: torch.Tensor, gate: sympy.Basic) -> None:
        """Note that a tensor, seen already or not, exists only where a condition holds."""
        if gate is sympy.true:
            return
        self.see(tensor, "parameter", "", None)
        birth = self.births[self.storage_of(tensor)]
        both = self.gating.gates.both(birth.existence.gate, gate)
        birth.existence, birth.presence = Existence(both, birth.existence.links), both

    def presence(self, tensor: torch.Tensor) -> sympy.Basic:
        """Return when a tensor exists."""
        return self.births[self.storage_of(tensor)].presence

    def _presence(self, tensor: torch.Tensor) -> sympy.Basic:
        index = self.alive.get(tensor.untyped_storage()._cdata)
        if index is None:
            return sympy.true
        presence = self.births[index].presence
        if self.phase is Phase.STEP and index in self.stepped:
            return self.gating.gates.both(presence, self.stepped[index])
        return presence

    def _place(self) -> Place:
        """Return the module path and the user's line of the running operator, and when it runs.

        Backward operators take those of the forward operator that they differentiate.
        """
        if self._differentiates():
            node: Any = torch._C._current_autograd_node()
            if node is None:
                return NOWHERE
            variable = getattr(node, "variable", None)
            if variable is not None:
                return Place(self._names.get(id(variable), ""), None, self._presence(variable))
            return self._forward_places.get(node._sequence_nr(), NOWHERE)
        place = Place(self._module_path(), user_source(), self.gating.gates.current)
        if self.phase is Phase.FORWARD:
            self._forward_places.setdefault(torch._C._autograd._get_sequence_nr() - 1, place)
        return place

    def _module_path(self) -> str:
        """Return the path of the innermost module that has one; a graph's code has that of its origin."""
        module = next((module for module in reversed(self._module_stack) if id(module) in self._names), None)
        captured = captured_module() if isinstance(module, torch.fx.GraphModule) else None
        return self._names.get(id(module), "") if captured is None else captured

    def name_modules(self, model: torch.nn.Module) -> None:
        """Learn the names of a model's modules and of the modules that own its parameters."""
        for name, module in model.named_modules():
            self._names.setdefault(id(module), name)
            for parameter in module.parameters(recurse=False):
                self._names.setdefault(id(parameter), name)

    @contextmanager
    def inside(self, module: torch.nn.Module) -> Iterator[None]:
        """Count operators towards a module while it runs."""
        self._module_stack.append(module)
        try:
            yield
        finally:
            self._module_stack.pop()


def _lacks_fake_kernel(operator: torch._ops.OpOverload) -> bool:
    """Tell whether an operator made with `torch.library.custom_op` has nothing that says its shape."""
    definition = OPDEFS.get(operator._schema.name)
    return definition is not None and definition._abstract_fn is None


def restate(result: torch.Tensor, arguments: Mapping[int, Any]) -> None:
    """Write what positional arguments stand for into the node of a result whose schema takes plain ints."""
    node = result.__dict__[NODE]
    node = node.args[0] if node.target is operator.getitem else node
    sizes = {position: size_of(number) for position, number in arguments.items()}
    node.args = tuple(sizes.get(position, argument) for position, argument in enumerate(node.args))


def size_of(value: Any) -> Size:
    """Return a size as an int or a SymPy expression."""
    return value.node._expr if isinstance(value, torch.SymInt) else int(value)
