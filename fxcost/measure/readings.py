"""What a calibration found, and the file of overheads that says it."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from fxcost import units
from fxcost.devices import catalogue
from fxcost.devices.sealing import sealed


@dataclass(frozen=True)
class Readings:
    """What is on one GPU besides tensors, measured.

    Attributes:
        name: What the driver calls the GPU.
        torch: Release.
        driver: Release.
        total: Bytes that nvidia-smi shows as the total.
        visible: Bytes that CUDA calls the total: what the driver keeps for itself is left out.
        context: Bytes of the CUDA context, before any kernel has run and after a training step's have.
        how: How the context was read.
        multiplied: Bytes that cuBLAS keeps after the first multiplication.
        multiplied_lt: Bytes that cuBLASLt keeps, and takes at most during a call.
        convolutions: By convolution, the bytes of cuDNN's workspace over those of its input and output.
    """

    name: str
    torch: str
    driver: str
    total: int
    visible: int
    context: tuple[int, int]
    how: str
    multiplied: int
    multiplied_lt: tuple[int, int]
    convolutions: Mapping[str, float]

    def write(self, file: str | PathLike[str]) -> None:
        """Write the file of overheads that `fc.Card(overheads=...)` reads, whole or not at all.

        Raises:
            OSError: It cannot be written.
        """
        path = Path(file)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=f"{path.stem}.", suffix=".part", delete=False, encoding="utf-8"
        ) as part:
            part.write(self.as_toml())
        os.replace(part.name, path)  # noqa: PTH105 - one step, also where the file is there

    def as_toml(self) -> str:
        """Return that file's text, with a digest in its first line."""
        return sealed("\n".join(_table(row) for row in self.rows()))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of the table of overheads."""
        generations = [device.generation for device in catalogue() if device.full_name == self.name]
        common: dict[str, Any] = {
            "basis": "measured",
            "measured": self.torch.partition("+")[0],
            "source": f"fxcost calibrate: {self.name}, torch {self.torch}, driver {self.driver}",
        } | ({"generation": generations[:1]} if generations else {})
        first, after = self.context
        device = {"place": "device", "per": "process", "lasts": "on"}
        note = f"{self.how}; {first} bytes before any kernel had run"
        yield {"name": "CUDA context", "bytes": after, **device, **common, "note": note}
        kept = {"name": "driver's share", "bytes": self.total - self.visible}
        yield kept | {"place": "device", "per": "card", "lasts": "on"} | common
        handle = {"place": "allocator", "per": "cuBLAS handle and stream"}
        yield {"name": "cuBLAS workspace", "bytes": self.multiplied, **handle, "lasts": "on", **common}
        on, call = self.multiplied_lt
        lasts = "on" if on or not call else "call"
        yield {"name": "cuBLASLt workspace", "bytes": on or call, **handle, "lasts": lasts, **common}
        ratios = sorted(self.convolutions.values())
        place = {"place": "allocator", "per": "call", "lasts": "call"}
        of = f"of {len(ratios)} convolutions: {', '.join(self.convolutions)}"
        most = {"name": "convolution workspace, at most", "times": round(ratios[-1], 3)}
        yield most | place | common | {"note": of}

    def __str__(self) -> str:
        amounts = (
            ("nvidia-smi's total", self.total),
            ("driver's share", self.total - self.visible),
            ("CUDA context, no kernel", self.context[0]),
            ("CUDA context", self.context[1]),
            ("cuBLAS workspace", self.multiplied),
            ("cuBLASLt workspace", max(self.multiplied_lt)),
        )
        rows = [(units.format(nbytes, units.Unit.BYTES), name) for name, nbytes in amounts]
        ratios = self.convolutions.values()
        rows.append((f"{statistics.median(ratios):.2f} x", "convolution workspace, of input and output"))
        rows.append((f"{max(ratios):.2f} x", "convolution workspace, at most"))
        wide = max(len(amount) for amount, _ in rows)
        heading = f"{self.name}, torch {self.torch}, driver {self.driver}"
        return "\n".join([heading, *(f"{amount:>{wide}}  {name}" for amount, name in rows)])

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {"name": self.name, "torch": self.torch, "driver": self.driver, "overheads": list(self.rows())}


def _table(row: Mapping[str, Any]) -> str:
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in row.items())
    return "\n".join(["[[overhead]]", *lines, ""])
