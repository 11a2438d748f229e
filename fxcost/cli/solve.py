"""`fxcost solve`: the largest or the smallest cost under limits, or all settings that keep them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fxcost.cli import options
from fxcost.cli.commands import exit_of
from fxcost.cli.output import write
from fxcost.cli.progress import Tell, progress

if TYPE_CHECKING:
    from fxcost.cli.limits import LimitText
    from fxcost.report.fitting import Counted, Near, Ranged
    from fxcost.report.solved import Solved
    from fxcost.report.subject import Subject

QUESTIONS = ("maximize", "minimize", "count", "sample", "near", "ranges")


@click.command("solve")
@options.about_a_factory
@click.option("--maximize", metavar="QUANTITY", help="What is to be large.")
@click.option("--minimize", metavar="QUANTITY", help="What is to be small.")
@click.option("--count", is_flag=True, help="Tell how many settings keep the limits.")
@click.option("--workers", metavar="N", type=click.IntRange(min=1), help="Count, or search, by N processes.")
@click.option(
    "--resume",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what is known to a file, and go on from it.",
)
@click.option("--sample", metavar="N", type=click.IntRange(min=1), help="Draw N of them evenly.")
@click.option("--seed", type=click.IntRange(min=0), help="Draw others; without one it is 0.")
@click.option(
    "--near",
    multiple=True,
    metavar="NAME=VALUE",
    help="Find the one nearest to a setting; once for each hyperparameter that --set leaves open.",
)
@click.option("--ranges", is_flag=True, help="Tell their first and last value of each hyperparameter.")
@options.LIMITS
@options.ENGINE
@options.SECONDS
@options.AS_JSON
@click.pass_context
def solve_command(
    ctx: click.Context,
    /,
    asked: options.Asked,
    limits: tuple[str, ...],
    seconds: float,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Find the setting with the largest, or the smallest, cost or hyperparameter for which limits hold.

    Shows what keeps it from being better; where no setting keeps the limits, which are in conflict.
    Or tells of all settings that keep the limits: how many, some of them, the nearest to one, their ranges.

    Exits with 0 where that is proved, 1 where no setting keeps the limits, 2 for a wrong question, 3 where
    it stays unknown.
    """
    question = _question(wanted, limits)
    from fxcost.cli.limits import read_limit
    from fxcost.cli.subjects import subject_of

    texts = [read_limit(text) for text in limits]
    with progress() as tell:
        report = _answer(question, wanted, subject_of(asked, tell), texts, seconds, tell)
    write(report, as_json)
    ctx.exit(exit_of(report.answer))


def _question(wanted: dict[str, Any], limits: tuple[str, ...]) -> str:
    """Return which of the questions is asked.

    Raises:
        click.UsageError: None or several are, or one without what it takes.
    """
    asked = [name for name in QUESTIONS if wanted[name] not in (None, False, ())]
    if len(asked) != 1:
        which = ", ".join(f"--{name}" for name in QUESTIONS[:-1])
        raise click.UsageError(f"write one of {which} and --ranges, such as --maximize parameters")
    (question,) = asked
    if question not in ("maximize", "minimize") and not limits:
        raise click.UsageError(f"--{question} is about limits; add --limit 'flops <= 1 PFLOP'")
    if question not in ("maximize", "minimize") and wanted["engine"] is not None:
        raise click.UsageError("--engine is about --maximize and --minimize")
    shared = ("count", "maximize", "minimize")
    if question not in shared and (wanted["workers"] or wanted["resume"]) is not None:
        raise click.UsageError("--workers and --resume are about --count, --maximize and --minimize")
    if question != "sample" and wanted["seed"] is not None:
        raise click.UsageError("--seed is about a sample; add --sample 10")
    return question


def _answer(
    question: str,
    wanted: dict[str, Any],
    subject: Subject,
    texts: list[LimitText],
    seconds: float,
    tell: Tell,
) -> Solved | Counted | Near | Ranged:
    from fxcost.cli.fitting import Fitting
    from fxcost.cli.solving import Ways, solved

    fitting = Fitting(subject, texts, seconds, tell)
    match question:
        case "count":
            return fitting.counted(wanted["workers"] or 1, wanted["resume"])
        case "sample":
            return fitting.sampled(wanted["sample"], wanted["seed"] or 0)
        case "near":
            return fitting.near(wanted["near"])
        case "ranges":
            return fitting.ranged()
    goal = wanted[question]
    return solved(
        subject,
        ("largest" if question == "maximize" else "smallest", goal),
        texts,
        seconds,
        tell,
        Ways(wanted["engine"], wanted["workers"] or 1, wanted["resume"]),
    )
