"""Optimizers with states of 8 bits, declared: their own kernels run on a GPU only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from fxcost.errors import DeclarationError

MAPS = 256
"""Numbers that 8 bits stand for."""


class EightBit(torch.optim.Optimizer):
    """States in blocks of 8-bit numbers, and the largest number of each block, as bitsandbytes has them.

    It holds what the optimizers of `bitsandbytes.optim` hold: `init_state` of bitsandbytes/optim/optimizer.py
    in github.com/bitsandbytes-foundation/bitsandbytes. It steps in place, without temporaries, as their
    kernels do; it trains nothing well.

    Args:
        params: The parameters.
        states: For each of them: 2, as Adam, AdamW and LAMB have, or 1, as momentum and Lion have.
        block: Numbers with one scale: 256, and 2048 in older releases.
        least: Parameters with fewer numbers have states in fp32: `min_8bit_size`.

    Raises:
        DeclarationError: `states` is neither 1 nor 2, or `block` is below 1.

    Example:
        >>> weight = torch.nn.Parameter(torch.zeros(64, 80))
        >>> optimizer = EightBit([weight], states=1)
        >>> weight.grad = torch.ones(64, 80)
        >>> optimizer.step()
        >>> {name: (tuple(each.shape), each.dtype) for name, each in optimizer.state[weight].items()}
        ... # doctest: +NORMALIZE_WHITESPACE
        {'state1': ((64, 80), torch.uint8), 'absmax1': ((20,), torch.float32),
         'qmap1': ((256,), torch.float32)}
    """

    def __init__(
        self, params: Iterable[torch.nn.Parameter], states: int = 2, block: int = 256, least: int = 4096
    ) -> None:
        if states not in (1, 2) or block < 1:
            raise DeclarationError(
                f"EightBit(states={states!r}, block={block!r}): write states=1 or states=2, and a block of 1 "
                "or more"
            )
        super().__init__(params, {})
        self.names = range(1, states + 1)
        self.block, self.least = block, least
        self.maps: dict[int, torch.Tensor] = {}

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Change the parameters that have a gradient."""
        del closure
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    if not self.state[parameter]:
                        self.state[parameter] = self._state(parameter)
                    parameter.sub_(parameter.grad)

    def _state(self, parameter: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return a parameter's state."""
        count = parameter.numel()
        if count < self.least:
            names = (f"state{number}" for number in self.names)
            return {name: torch.zeros_like(parameter, dtype=torch.float32) for name in names}
        state = {}
        for number in self.names:
            if number not in self.maps:
                self.maps[number] = parameter.new_zeros(MAPS, dtype=torch.float32)
            state[f"state{number}"] = torch.zeros_like(parameter, dtype=torch.uint8)
            blocks = (count + self.block - 1) // self.block
            state[f"absmax{number}"] = parameter.new_zeros(blocks, dtype=torch.float32)
            state[f"qmap{number}"] = self.maps[number]
        return state
