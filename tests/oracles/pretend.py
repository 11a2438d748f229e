"""PyTorch with a GPU that is not there: its compiled CUDA code, over the pretend libraries of pretend_cuda.c.

What PyTorch allocates, and which operators it chooses, is then as with a real one, but for what only a GPU's
libraries know: how much workspace a convolution wants. Values are meaningless. It needs Linux, a C compiler,
`nm`, and a torch that is built for CUDA 13; `missing` says which of these is not there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = Path(__file__).with_name("pretend_cuda.c")
LIBRARY = "pretend.so"
ALIASES = ("libcuda.so.1", "libnvidia-ml.so.1")
VENDOR = re.compile(r"(__cuda|cu|cuda|cublas|cublasLt|cudnn|cufft|curand|cusolver|cusparse)[A-Z]\w*")


def missing() -> str:
    """Return why there can be no pretend GPU here, or nothing."""
    import torch

    if sys.platform != "linux":
        return "a pretend CUDA is preloaded on Linux only"
    if not (torch.version.cuda or "").startswith("13."):
        return f"torch {torch.__version__} is not built for CUDA 13"
    absent = [tool for tool in ("cc", "nm") if shutil.which(tool) is None]
    return f"there is no {absent[0]}" if absent else ""


def called(
    target: str, argument: object, *, total: int = 2**40, capability: int = 89, **pretended: object
) -> object:
    """Return what a function returns to a process that believes in a GPU: `package.module:function`.

    Its argument, and what it returns, are written as JSON.

    Args:
        target: The function.
        argument: Its only one.
        total: Bytes of the card.
        capability: Such as 90: what its operators choose depends on it.
        **pretended: What else the driver says, as pretend_cuda.c reads it: `context=2**28`.
    """
    more = {f"PRETEND_{name.upper()}": str(value) for name, value in pretended.items()}
    with environment(total, capability) as variables:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", __file__, target],
            input=json.dumps(argument),
            env=variables | more,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{target} failed: {done.stderr[-3000:]}")
    return json.loads(done.stdout.rpartition("\n")[2])


@contextmanager
def environment(total: int, capability: int) -> Iterator[dict[str, str]]:
    """Return the variables of such a process, as long as its libraries are there."""
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        variables = {name: value for name, value in os.environ.items() if "ALLOC_CONF" not in name}
        yield variables | {
            "LD_PRELOAD": str(Path(folder, LIBRARY)),
            "LD_LIBRARY_PATH": folder,
            "PRETEND_TOTAL": str(total),
            "PRETEND_CAPABILITY": str(capability),
            "PYTHONPATH": str(ROOT),
            "CUDA_VISIBLE_DEVICES": "0",
        }


def build(folder: Path) -> None:
    """Build the library: what pretend_cuda.c has, and for all else that torch wants what has no effect."""
    library, rest = folder / LIBRARY, folder / "rest.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-w", SOURCE, "-o", library], check=True)
    others = sorted(wanted() - symbols(library, "--defined-only"))
    rest.write_text("".join(f"long {name}(void) {{ return 0; }}\n" for name in others), encoding="utf-8")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-w", SOURCE, rest, "-o", library], check=True)
    for name in ALIASES:
        Path(folder, name).symlink_to(library)


@cache
def wanted() -> frozenset[str]:
    """Return the functions of CUDA's libraries that torch's libraries want."""
    import torch

    libraries = Path(torch.__file__).parent.joinpath("lib").glob("lib*.so")
    return frozenset(name for library in libraries for name in symbols(library, "--undefined-only"))


def symbols(library: Path, which: str) -> set[str]:
    listed = subprocess.run(["nm", "-D", which, library], check=True, capture_output=True, text=True).stdout
    names = {line.split()[-1].partition("@")[0] for line in listed.splitlines() if line.split()}
    return {name for name in names if VENDOR.fullmatch(name)}


def pretend_library():
    """Return the preloaded library, in a process that has it."""
    import ctypes

    library = ctypes.CDLL(os.environ["LD_PRELOAD"])
    library.pretend_capacity.argtypes = [ctypes.c_size_t]
    library.pretend_used.restype = ctypes.c_size_t
    return library


if __name__ == "__main__":
    module, _, function = sys.argv[1].partition(":")
    answer = getattr(import_module(module), function)(json.load(sys.stdin))
    sys.stdout.write("\n" + json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)  # torch's threads of a GPU that is none sometimes abort when the process takes them down
