"""Compile a loop by LLVM, and run it over arrays."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from fxcost.expr import llvm
from fxcost.expr.vectorised import Array

CHUNK = 1 << 15
"""Points that are run over at once where inputs are broadcast."""

NO_GATHER = ",+prefer-no-gather"
"""Single loads: since processors guard against Downfall, gathering is slower."""


class Native:
    """A loop compiled for this machine; the code lives in memory as long as this object.

    Args:
        loop: What is calculated.
        arithmetic: The number type.
        tables: The values of all tables, then the indices.

    >>> loop = llvm.Loop((), (0,), ((1, 1),), np.array([[0, 0, 1], [0, 8, 0]]))
    >>> square_or_eightfold, result = Native(loop, llvm.FLOATS, [np.zeros(0)]), np.empty(2, dtype=np.int64)
    >>> square_or_eightfold.run(result, [np.array([2, 9])], [(0, 9)]), result
    (True, array([16, 81]))
    """

    def __init__(self, loop: llvm.Loop, arithmetic: llvm.Arithmetic, tables: Sequence[Array]) -> None:
        self.loop = loop
        self.arithmetic = arithmetic
        values = tables[0].astype(np.int64 if arithmetic.kind == "i64" else np.float64)
        self.tables = [values, *map(np.ascontiguousarray, tables[1:])]

    def run(self, result: Array, inputs: Sequence[Array], limits: Sequence[tuple[int, int]]) -> bool:
        """Write the largest row at every point; False where an input is outside its limits somewhere.

        Args:
            result: Contiguous int64.
            inputs: int64 arrays that broadcast to the result.
            limits: The lowest and highest value of each.
        """
        bounds = np.array(limits, dtype=np.int64).reshape(-1)
        constant = [array.ctypes.data for array in (bounds, *self.tables)]
        flags: Any = ["external_loop", "buffered", "grow_inner"]
        uses: Any = [["writeonly", "contig"], *([["readonly", "contig"]] * len(inputs))]
        with np.nditer([result, *inputs], flags, uses, order="C", buffersize=CHUNK) as chunks:
            for chunk in chunks:
                arrays: Any = chunk if inputs else (chunk,)
                varying = [array.ctypes.data for array in arrays]
                if self._function(len(arrays[0]), *constant, *varying) < 0:
                    return False
        return True

    @cached_property
    def _function(self) -> Any:
        types = [ctypes.c_void_p] * (2 + len(self.tables) + self.loop.inputs)
        address = self._engine.get_function_address(llvm.NAME)
        return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, *types)(address)

    @cached_property
    def _engine(self) -> Any:
        return machine_code(llvm.text(self.loop, self.arithmetic))


def machine_code(text: str) -> Any:
    """Return LLVM's intermediate representation compiled for this machine.

    The code lives in memory as long as what is returned, which gives the functions' addresses.
    """
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    features = binding.get_host_cpu_features().flatten()
    if platform.machine() in ("x86_64", "AMD64"):
        features += NO_GATHER
    target = binding.Target.from_default_triple()
    machine = target.create_target_machine(
        cpu=binding.get_host_cpu_name(), features=features, opt=3, jit=True
    )
    module = binding.parse_assembly(text)
    module.verify()
    passes = binding.create_pass_builder(machine, binding.create_pipeline_tuning_options(speed_level=3))
    passes.getModulePassManager().run(module, passes)
    engine = binding.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine
