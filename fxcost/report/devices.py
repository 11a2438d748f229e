"""The device catalogue, as a table and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.table import Table

from fxcost import units
from fxcost.devices import Device

SHOWN = ("fp32", "bf16")


@dataclass(frozen=True)
class Devices:
    """Devices in the order of the catalogue."""

    devices: tuple[Device, ...]

    def shown(self) -> Table:
        """Return a table of memory, bandwidth and dense peaks; `--json` has more dtypes, and the sources.

        Example:
            >>> from fxcost.devices import find
            >>> from fxcost.report.text import as_text
            >>> print(as_text(Devices((find("rtx-4090"),)).shown()))
            name      full name                   memory     bandwidth      fp32 peak       bf16 peak
            rtx-4090  NVIDIA GeForce RTX 4090  23.99 GiB  938.77 GiB/s  82.60 TFLOP/s  165.20 TFLOP/s
        """
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name in ("name", "full name"):
            table.add_column(name, overflow="fold")
        for name in ("memory", "bandwidth", *(f"{dtype} peak" for dtype in SHOWN)):
            table.add_column(name, justify="right", overflow="fold")
        for device in self.devices:
            table.add_row(*_cells(device))
        return table

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {"devices": [_as_dict(device) for device in self.devices]}


def _cells(device: Device) -> tuple[str, ...]:
    memory = units.format(device.memory, units.Unit.BYTES)
    bandwidth = units.format(device.bandwidth, units.Unit.BYTES)
    peaks = (
        f"{units.format(device.peaks[dtype], units.Unit.FLOP)}/s" if dtype in device.peaks else ""
        for dtype in SHOWN
    )
    return device.name, device.full_name, memory, f"{bandwidth}/s", *peaks


def _as_dict(device: Device) -> dict[str, Any]:
    return {
        "name": device.name,
        "full_name": device.full_name,
        "generation": device.generation,
        "compute_capability": ".".join(map(str, device.compute_capability)),
        "memory": device.memory,
        "bandwidth": device.bandwidth,
        "peaks": dict(device.peaks),
        "memory_source": device.memory_source,
        "source": device.source,
    }
