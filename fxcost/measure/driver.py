"""What NVIDIA's driver says of a GPU's memory."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any, Self

from fxcost.errors import MeasurementError


class Driver:
    """NVML, while it is open, for the GPU that torch calls by a number.

    Args:
        index: The GPU's number, as torch counts.

    Raises:
        MeasurementError: There is no GPU, or no driver that can be asked.
    """

    def __init__(self, index: int = 0) -> None:
        import torch

        if not torch.cuda.is_available():
            raise MeasurementError(
                f"torch {torch.__version__} sees no NVIDIA GPU on this machine; run it where one is"
            )
        if torch.cuda.memory_reserved(index):
            raise MeasurementError("this process has used the GPU before; ask in a new one")
        self.properties: Any = torch.cuda.get_device_properties(index)
        self._handle: Any = None
        self._before = 0

    def __enter__(self) -> Self:
        import pynvml

        try:
            pynvml.nvmlInit()
            self._handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{self.properties.uuid}".encode())
            self._before = int(pynvml.nvmlDeviceGetMemoryInfo(self._handle).used)
        except pynvml.NVMLError as error:
            raise MeasurementError(f"NVIDIA's driver cannot be asked: {error}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import pynvml

        pynvml.nvmlShutdown()

    @property
    def version(self) -> str:
        """The driver's release."""
        import pynvml

        return str(pynvml.nvmlSystemGetDriverVersion())

    @property
    def total(self) -> int:
        """Bytes that nvidia-smi shows as the total."""
        import pynvml

        return int(pynvml.nvmlDeviceGetMemoryInfo(self._handle).total)

    def of_this_process(self) -> tuple[int, str]:
        """Return the bytes that this process holds, and how that was read.

        In a container the driver may know the process by another number; alone on the GPU, it is still the
        one. Where the driver does not tell, it is what all processes hold more than before.
        """
        import pynvml

        known = pynvml.nvmlDeviceGetComputeRunningProcesses(self._handle)
        own = [each for each in known if each.pid == os.getpid()] or (known if len(known) == 1 else [])
        if own and own[0].usedGpuMemory is not None:
            return int(own[0].usedGpuMemory), "NVML, of the process"
        used = int(pynvml.nvmlDeviceGetMemoryInfo(self._handle).used)
        return used - self._before, "NVML, of the GPU, more than before: nothing else may run on it"
