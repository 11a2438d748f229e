"""Arguments that several commands take."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import click

Command: TypeAlias = "Callable[..., Any]"


@dataclass(frozen=True)
class Asked:
    """What a command is about, as the user wrote it.

    Attributes:
        target: The factory.
        training: The recipe.
        settings: What is set of the hyperparameters.
        recipe: What is said of the recipe besides, by the names of its fields.
        device: The GPU whose operators are counted, None for the CPU's.
    """

    target: str
    training: str
    settings: tuple[str, ...]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    device: str | None = None


RECIPE = (
    click.option("--precision", metavar="fp32|bf16-mixed|...", help="The types, as of fc.Training."),
    click.option("--accumulation", type=int, metavar="COUNT", help="Micro-batches in a training step."),
    click.option("--checkpoint", metavar="PATTERN", help="What runs twice, such as 'blocks.*'."),
    click.option("--clip-norm", type=float, metavar="NORM", help="Clip gradients by their norm."),
    click.option("--ema", type=float, metavar="DECAY", help="Keep a moving average of the weights."),
    click.option("--channels-last", is_flag=True, default=None, help="Lay pictures out with channels last."),
    click.option("--attention", metavar="flash|efficient|cudnn|math", help="The only backend of attention."),
)
RECIPE_FIELDS = ("precision", "accumulation", "checkpoint", "clip_norm", "ema", "channels_last", "attention")


def about_a_factory(command: Command) -> Command:
    """Give a command a target, a recipe, settings and a device, as its argument `asked`."""

    @click.argument("target")
    @click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="NAME=VALUE|NAME=LOW:HIGH",
        help="Fix a hyperparameter, or bound it; repeatable.",
    )
    @click.option(
        "--training",
        default="none",
        show_default=True,
        metavar="none|adamw|adam|sgd|MODULE:NAME",
        help="Count a training step with this optimizer instead of one inference.",
    )
    @click.option(
        "--device", metavar="GPU", help="Count what this GPU would run; `fxcost devices` lists them."
    )
    @functools.wraps(command)
    def called(*args: Any, settings: tuple[str, ...], **others: Any) -> Any:
        said = {name: others.pop(name) for name in RECIPE_FIELDS}
        recipe = {name: value for name, value in said.items() if value is not None}
        target, training, device = (others.pop(name) for name in ("target", "training", "device"))
        return command(*args, asked=Asked(target, training, settings, recipe, device), **others)

    for option in reversed(RECIPE):
        called = option(called)
    return called


LIMITS = click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="'QUANTITY <= BOUND'",
    help="Such as 'flops <= 1 PFLOP'; and, or, not and parentheses work; repeatable.",
)
SECONDS = click.option(
    "--time-limit",
    "seconds",
    default=30.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds for each question.",
)
ENGINE = click.option(
    "--engine",
    metavar="boxes|z3+boxes|z3|cpsat",
    help="What is to answer, instead of what suits the question; cpsat needs the extra of this name.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on stdout.")
