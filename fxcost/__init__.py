"""fxcost: what a PyTorch model costs, in closed form, for every setting of its hyperparameters.

Public names are loaded when they are first used, so `import fxcost` imports no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fxcost.compilation import Cost as Cost
    from fxcost.compilation import cost as cost
    from fxcost.factory import model as model
    from fxcost.gpu import Card as Card
    from fxcost.inverse import fewest_gpus as fewest_gpus
    from fxcost.inverse import least_checkpointing as least_checkpointing
    from fxcost.inverse import relaxations as relaxations
    from fxcost.inverse import smallest_card as smallest_card
    from fxcost.solve import Count as Count
    from fxcost.solve import Feasible as Feasible
    from fxcost.solve import Found as Found
    from fxcost.solve import Front as Front
    from fxcost.solve import Infeasible as Infeasible
    from fxcost.solve import Limit as Limit
    from fxcost.solve import Optimum as Optimum
    from fxcost.solve import Partition as Partition
    from fxcost.solve import Proved as Proved
    from fxcost.solve import Refuted as Refuted
    from fxcost.solve import Unknown as Unknown
    from fxcost.solve import feasible as feasible
    from fxcost.solve import find as find
    from fxcost.solve import largest as largest
    from fxcost.solve import maximize as maximize
    from fxcost.solve import minimize as minimize
    from fxcost.solve import pareto as pareto
    from fxcost.solve import prove as prove
    from fxcost.solve import smallest as smallest
    from fxcost.space import Bool as Bool
    from fxcost.space import Choice as Choice
    from fxcost.space import Config as Config
    from fxcost.space import Dynamic as Dynamic
    from fxcost.space import Float as Float
    from fxcost.space import Int as Int
    from fxcost.space import Space as Space
    from fxcost.trace import Checkpointing as Checkpointing
    from fxcost.trace import EightBit as EightBit
    from fxcost.trace import Inference as Inference
    from fxcost.trace import Parallel as Parallel
    from fxcost.trace import Switch as Switch
    from fxcost.trace import Training as Training

_HOMES = {
    "fxcost.space": ("Int", "Float", "Choice", "Bool", "Dynamic", "Space", "Config"),
    "fxcost.factory": ("model",),
    "fxcost.compilation": ("Cost", "cost"),
    "fxcost.gpu": ("Card",),
    "fxcost.inverse": ("fewest_gpus", "least_checkpointing", "relaxations", "smallest_card"),
    "fxcost.solve": (
        "Count",
        "Feasible",
        "Found",
        "Front",
        "Infeasible",
        "Limit",
        "Optimum",
        "Partition",
        "Proved",
        "Refuted",
        "Unknown",
        "feasible",
        "find",
        "largest",
        "maximize",
        "minimize",
        "pareto",
        "prove",
        "smallest",
    ),
    "fxcost.trace": ("Checkpointing", "EightBit", "Inference", "Parallel", "Switch", "Training"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_PACKAGES = ("errors", "units", "devices", "ops")

__all__ = ["devices", "errors", "ops", "units", *_HOME_OF]  # noqa: PLE0604
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name in _PACKAGES:
        return importlib.import_module(f"fxcost.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'fxcost' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
