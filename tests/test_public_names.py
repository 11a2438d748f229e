"""`import fxcost` is light, and has every name it promises."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import fxcost


def promised():
    tree = ast.parse(Path(fxcost.__file__).read_text())
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    return {alias.asname for node in guarded.body for alias in node.names}


def test_every_name_that_type_checkers_see_can_be_had():
    assert promised() <= set(fxcost.__all__)
    for name in fxcost.__all__:
        assert getattr(fxcost, name) is not None


def test_importing_fxcost_imports_no_torch():
    code = "import sys, fxcost; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
