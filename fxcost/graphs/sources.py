"""What a graph from elsewhere is: a factory that returns it, a space, and an example batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch.export import ExportedProgram
from torch.fx import GraphModule

from fxcost.errors import DeclarationError
from fxcost.factory import ModelFactory
from fxcost.graphs.programs import Exported
from fxcost.space import AnyDomain, Space
from fxcost.trace import LossFunction
from fxcost.trace.existing import replica

Declared: TypeAlias = "Space | Mapping[str, AnyDomain] | None"


class Built:
    """A factory of no arguments that returns a module built before, or its replica while a trace runs."""

    def __init__(self, module: torch.nn.Module, name: str) -> None:
        self.module = module
        self.__name__ = name

    def __call__(self) -> torch.nn.Module:
        """Return the module."""
        return replica(self.module)

    def __repr__(self) -> str:
        return self.__name__


def factory_of(source: object, example: Any, space: Declared, loss: LossFunction | None) -> ModelFactory:
    """Return an exported program or a graph module as a factory.

    Args:
        source: The program or the module; it is left as it is.
        example: For a graph module: builds its inputs from hyperparameters, or is them.
        space: Domains of the hyperparameters; of a program's sizes, those that it bounds need none.
        loss: From the output to a scalar tensor.

    Raises:
        DeclarationError: `source` is neither, or the example or the space does not suit it.

    Example:
        >>> from fxcost.space import Int
        >>> graph = torch.fx.symbolic_trace(torch.nn.Linear(4, 2))
        >>> factory_of(graph, lambda batch: torch.zeros(batch, 4), {"batch": Int(1, 8)}, None)
        <model factory GraphModule: Space(batch=Int(1, 8))>
    """
    declared = space if isinstance(space, Space) else Space(space or {})
    if isinstance(source, ExportedProgram):
        return _of_program(source, example, declared, loss)
    if isinstance(source, GraphModule):
        return _of_graph(source, example, declared, loss)
    advice = "write @fc.model(...) above the function that builds it"
    if isinstance(source, torch.nn.Module):
        advice = f"{advice}, or cost its graph: fc.cost(torch.fx.symbolic_trace(module), example)"
    raise DeclarationError(f"fc.cost({_shortened(source)}): not a decorated factory; {advice}")


def _of_program(
    source: ExportedProgram, example: Any, declared: Space, loss: LossFunction | None
) -> ModelFactory:
    if example is not None:
        raise DeclarationError(
            "fc.cost(program, example): an exported program says itself what its inputs are; "
            "leave the example out, and bound its dynamic sizes with space="
        )
    program = Exported(source)
    return ModelFactory(
        Built(program.module, "ExportedProgram"), program.space(declared), program.batch, loss
    )


def _of_graph(source: GraphModule, example: Any, declared: Space, loss: LossFunction | None) -> ModelFactory:
    if example is None:
        raise DeclarationError(
            "fc.cost(graph_module): its inputs are not known; write fc.cost(graph_module, lambda batch: "
            'torch.zeros(batch, 3), space={"batch": fc.Int(1, 64)}), or give the inputs themselves'
        )
    build: Callable[..., Any] = example if callable(example) else lambda: replica(example)
    return ModelFactory(Built(source, "GraphModule"), declared, build, loss)


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 and "\n" not in text else f"<{type(value).__name__}>"
