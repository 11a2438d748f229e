"""Where the operators of a graph module come from: the model code that was captured as a graph."""

from __future__ import annotations

import re
import sys
from types import FrameType
from typing import Any, cast

import torch
from torch.fx import GraphModule

from fxcost.program import Source

GENERATED = "<eval_with_key>"
FRAME = re.compile(r'^ *File "(.+)", line (\d+), in (.+)$', re.MULTILINE)
NODES = "_fxcost_nodes"
ROOT = re.compile(r"^L\['self'\]\.?")


def captured_source(frame: FrameType, not_model_code: str) -> Source | None:
    """Return the line of model code that a running line of a graph module was captured from.

    None where the frame is no graph's, or the graph does not say. Files whose names begin with
    `not_model_code` are passed over where others are left.
    """
    node = _node_of(frame)
    if node is None or node.stack_trace is None:
        return None
    lines = [Source(file, int(line), function) for file, line, function in FRAME.findall(node.stack_trace)]
    users = [line for line in lines if not line.file.startswith(not_model_code)]
    return next(reversed(users or lines), None)


def captured_module() -> str | None:
    """Return the path of the module whose code the running line of a graph was captured from."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not frame.f_code.co_filename.startswith(GENERATED):
        frame = frame.f_back
    node = None if frame is None else _node_of(frame)
    stack = None if node is None else node.meta.get("nn_module_stack")
    if not stack:
        return None
    path, _ = list(stack.values())[-1]
    return ROOT.sub("", path)


def _node_of(frame: FrameType) -> torch.fx.Node | None:
    """Return the node that a running line of a graph's generated code stands for."""
    if not frame.f_code.co_filename.startswith(GENERATED):
        return None
    module = frame.f_locals.get("self")
    if not isinstance(module, GraphModule):
        return None
    code, nodes = vars(module).get(NODES, (None, None))
    if nodes is None or code is not frame.f_code:
        nodes = _nodes_by_line(module)
        vars(module)[NODES] = (frame.f_code, nodes)
    return cast("torch.fx.Node | None", nodes.get(frame.f_lineno - frame.f_code.co_firstlineno))


def _nodes_by_line(module: GraphModule) -> dict[int, torch.fx.Node]:
    indices = cast("dict[int, int | None]", cast("Any", module)._lineno_map or {})
    nodes = list(module.graph.nodes)
    return {line: nodes[index] for line, index in indices.items() if index is not None}
