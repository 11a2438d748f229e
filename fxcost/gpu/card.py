"""A GPU with the software on it, which decides what it holds besides tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from os import PathLike

import torch

from fxcost import devices
from fxcost.allocator import Settings
from fxcost.costs import Sizes
from fxcost.devices import Device, Overhead, Place, overhead
from fxcost.errors import DeclarationError
from fxcost.program import Phase

MARGIN = 0.05
"""By so much the smallest capacity may be wrong, either way, before the answer is too close to call."""

WORKSPACES = ("cuBLAS workspace", "cuBLASLt workspace")
DROPOUT = "cuDNN dropout state"

MULTIPLIED = frozenset(
    {
        "mm", "bmm", "addmm", "baddbmm", "addbmm", "_addmm_activation", "mv", "addmv", "dot", "vdot",
        "_scaled_mm", "_grouped_mm", "linear", "matmul", "addr",
    }
)  # fmt: skip
"""The operators that cuBLAS and cuBLASLt calculate."""

MULTIPLYING = (Phase.FORWARD, Phase.BACKWARD)
"""The phases with a thread of their own that multiplies."""

FUSED = frozenset({"addmm", "_addmm_activation", "_scaled_mm"})
"""Those that cuBLASLt calculates, with what comes after the product: `addmm_out_cuda_impl` of ATen."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """Memory that a library keeps from the first time it is used in a phase: by which node."""

    name: str
    nbytes: int
    phase: Phase
    node: str


@dataclass(frozen=True)
class Card:
    """A GPU, a release of torch and the allocator's settings.

    Attributes:
        device: The GPU.
        settings: The allocator's.
        release: Of torch.
        margin: By which part of it the capacity that a step needs may be wrong before whether it fits is too
            close to call.
        overheads: TOML of what is on a GPU besides tensors, as `fxcost calibrate` writes it; its rows go
            before those of fxcost.

    >>> Card.of("rtx-4090").device.full_name
    'NVIDIA GeForce RTX 4090'
    """

    device: Device
    settings: Settings = field(default_factory=Settings)
    release: str = torch.__version__
    margin: float = MARGIN
    overheads: str | PathLike[str] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.margin < 1:
            raise DeclarationError(f"Card(margin={self.margin}): write a part of 1, such as 0.05")

    @classmethod
    def of(cls, device: str | Device | Card) -> Card:
        """Return a card as it is, and a GPU, or what is known by a name, with the defaults.

        Raises:
            UnknownDeviceError: No GPU has that name.
        """
        if isinstance(device, Card):
            return device
        return cls(device if isinstance(device, Device) else devices.find(device))

    def runs_as(self, other: Card | None) -> bool:
        """Tell whether another one takes the same operators and types; None is a CPU."""
        if other is None:
            return False
        alike = other.device.compute_capability == self.device.compute_capability
        return alike and other.release == self.release

    @property
    def usable(self) -> int:
        """Bytes that the allocator can have, a forecast: all but the CUDA context's and the driver's."""
        return self.device.memory - self.row("CUDA context").nbytes - self.row("driver's share").nbytes

    def row(self, name: str) -> Overhead:
        """Return what of a name there is besides tensors."""
        return overhead(name, torch=self.release, generation=self.device.generation, file=self.overheads)

    def workspaces(self, sizes: Sizes) -> Iterator[Workspace]:
        """Yield what libraries keep: cuBLAS for each thread that multiplies, cuDNN once.

        Autograd's thread is another than the user's.
        """
        met: set[tuple[str, Phase | None]] = set()
        for node in sizes.operators():
            phase = node.meta["phase"]
            wanted = [(name, phase) for name in _workspaces(operator_name(node)) if phase in MULTIPLYING]
            for name, thread in [*wanted, *([(DROPOUT, None)] if _drops(node) else [])]:
                row = self.row(name)
                lasts = row.place is Place.ALLOCATOR and row.lasts == "on"
                if (name, thread) not in met and lasts and row.nbytes:
                    yield Workspace(name, row.nbytes, phase, node.name)
                met.add((name, thread))


def _drops(node: torch.fx.Node) -> bool:
    """Tell whether an operator is a recurrent layer of cuDNN's that drops elements."""
    if node.target is not torch.ops.aten._cudnn_rnn.default:
        return False
    dropout, train = node.args[11:13]
    return bool(dropout) and bool(train)


def _workspaces(operator: str) -> tuple[str, ...]:
    """Return the workspaces that an operator uses."""
    if operator in FUSED:
        return WORKSPACES
    return WORKSPACES[:1] if operator in MULTIPLIED else ()


def operator_name(node: torch.fx.Node) -> str:
    """Return the name of a node's operator, without its namespace and its overload."""
    return str(node.target).split(".")[1]
