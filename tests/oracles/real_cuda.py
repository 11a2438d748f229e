"""Real training steps on a GPU that is not there (see pretend.py): what PyTorch's own statistics say of them.

What a CPU's run cannot show is in them: CUDA's operators and what they keep for the backward pass, autocast,
the workspaces of cuBLAS, one for each thread that multiplies, and the allocator's rounding and segments.
"""

from __future__ import annotations

from tests.oracles import memory, pretend


def training_step(factory: str, config: dict, **recipe: object) -> dict[str, int]:
    """Return what `torch.cuda.memory_stats` says of the second of two training steps.

    Args:
        factory: A decorated one: `package.module:name`.
        config: Its configuration.
        recipe: `optimizer`, a name in torch.optim; its `options`; `autocast`, a dtype's name; `capability` of
            the card, such as 90.
    """
    capability = int(str(recipe.pop("capability", 89)))
    asked = {"factory": factory, "config": config} | recipe
    answer = pretend.called("tests.oracles.real_cuda:measured", asked, capability=capability)
    assert isinstance(answer, dict)
    return answer


def measured(asked):
    """Run the steps in this process, which has the pretend CUDA."""
    from importlib import import_module

    import torch
    from torch.utils._pytree import tree_map_only

    module, _, name = asked["factory"].partition(":")
    factory = getattr(import_module(module), name)
    model = memory.real_model(factory, asked["config"]).cuda()
    batch = tree_map_only(
        torch.Tensor, lambda tensor: tensor.cuda(), memory.real_batch(factory, asked["config"])
    )
    optimizer = getattr(torch.optim, asked.get("optimizer", "AdamW"))(
        model.parameters(), **asked.get("options", {})
    )
    loss_of = factory.loss or memory.sum_of_output
    autocast = asked.get("autocast")
    for _ in range(2):
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_stats()
        with torch.autocast("cuda", getattr(torch, autocast or "float16"), enabled=autocast is not None):
            loss = loss_of(memory.called(model, batch))
        loss.backward()
        del loss
        optimizer.step()
        optimizer.zero_grad()
    stats = torch.cuda.memory_stats()
    return {
        "requested_before": before["requested_bytes.all.current"],
        "peak_requested": stats["requested_bytes.all.peak"],
        "peak_allocated": stats["allocated_bytes.all.peak"],
        "peak_reserved": stats["reserved_bytes.all.peak"],
    }
