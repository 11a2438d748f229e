"""Which kernel of attention PyTorch's own CUDA code chooses, asked over a pretend CUDA (see pretend.py)."""

from __future__ import annotations

from importlib.metadata import version

from tests.oracles import pretend


def chosen(calls: list[dict], capability: int) -> list[str]:
    """Return the kernels chosen for calls on a card, with the cuDNN that this torch brings.

    Args:
        calls: Each with its `dtype`; the shapes of `query`, `key`, `value` and `mask`, which may be None;
            `dropout`; whether it is `causal`, whether it `trains`, whether it is `grouped`.
        capability: The card's, such as 90.
    """
    major, minor, patch = version("nvidia-cudnn-cu13").split(".")[:3]
    cudnn = int(major) * 10000 + int(minor) * 100 + int(patch)
    answer = pretend.called("tests.oracles.choices:asked", calls, capability=capability, cudnn=cudnn)
    assert isinstance(answer, list)
    return answer


def asked(calls):
    """Ask in this process, which has the pretend CUDA."""
    import torch

    names = {
        backend.value: name.removesuffix("_ATTENTION").lower()
        for name, backend in torch.nn.attention.SDPBackend.__members__.items()
    }
    kernels = []
    for call in calls:
        dtype = getattr(torch, call["dtype"])
        inputs = [
            torch.empty(call[name], dtype=dtype, device="cuda", requires_grad=call["trains"])
            for name in ("query", "key", "value")
        ]
        mask = None if call["mask"] is None else torch.empty(call["mask"], dtype=torch.bool, device="cuda")
        choice = torch._fused_sdp_choice(
            *inputs, mask, call["dropout"], call["causal"], enable_gqa=call["grouped"]
        )
        kernels.append(names[choice])
    return kernels
