"""Says of each recorded storage what it holds."""

from __future__ import annotations

from collections.abc import Sequence

from fxcost.program import Phase, Role, Storage, Weight
from fxcost.trace.recorder import Birth


def described(
    births: Sequence[Birth],
    *,
    weights: Sequence[Weight],
    batch: set[int],
    communication: set[int],
    state: set[int],
    gradients: set[int],
    saved: set[int],
) -> tuple[Storage, ...]:
    """Return the storages with their roles; a weight's storage carries the module that owns it."""
    owners = {weight.storage: weight for weight in reversed(weights)}
    memberships = (
        (batch, Role.BATCH),
        (communication, Role.COMMUNICATION),
        (state, Role.OPTIMIZER_STATE),
        (gradients, Role.GRADIENT),
        (saved, Role.ACTIVATION),
    )
    storages = []
    for index, birth in enumerate(births):
        owner = owners.get(index)
        role = next((role for members, role in memberships if index in members), Role.TEMPORARY)
        module = birth.module
        if owner is not None:
            role = Role.BUFFER if owner.buffer else Role.PARAMETER
            module = owner.name.rpartition(".")[0]
        elif birth.phase is Phase.STEP or role is Role.OPTIMIZER_STATE:
            module = "optimizer"
        storages.append(Storage(index, birth.nbytes, role, birth.phase, birth.operator, module, birth.source))
    return tuple(storages)
