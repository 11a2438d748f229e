"""How every command ends: with an answer's exit code, or with one clear message."""

from __future__ import annotations

import enum
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from fxcost.answers import Question, Recording
from fxcost.errors import FxcostError
from fxcost.sealed import DamagedError

ASKING = (["cost"], ["check"], ["solve"], ["memory"], ["regions"])
"""The commands whose answer follows from a target, its recipe and limits."""


class Exit(enum.IntEnum):
    """What a command's exit code says."""

    HOLDS = 0
    FAILS = 1
    USAGE = 2
    UNKNOWN = 3


def exit_of(answer: object) -> Exit:
    """Return the exit code of a solver's answer.

    Example:
        >>> from fxcost.solve import Effort, Unknown
        >>> exit_of(Unknown("parameters <= 3", "the time limit is over", Effort(1, 30.0)))
        <Exit.UNKNOWN: 3>
    """
    from fxcost.solve import Count, Found, Infeasible, Optimum, Proved, Refuted

    match answer:
        case Proved() | Optimum(proved=True) | Found() | dict():
            return Exit.HOLDS
        case Refuted() | Infeasible():
            return Exit.FAILS
        case Count(exact=True):
            return Exit.HOLDS if answer else Exit.FAILS
    return Exit.UNKNOWN


class Commands(click.Group):
    """A group whose commands show errors as one message, and never end with 1 by accident.

    1 says "does not fit"; an error of fxcost itself leaves the answer unknown.
    """

    def main(self, args: Sequence[str] | None = None, *rest: Any, **more: Any) -> Any:
        """Run a command; one that this process was started with may have its answer already."""
        question = None if args is not None or sys.argv[1:2] not in ASKING else Question.of(sys.argv[1:])
        if question is None:
            return super().main(args, *rest, **more)
        _tell_again(question)
        recording = Recording(question.path.parent)
        recording.start()
        try:
            return super().main(args, *rest, obj=recording, **more)
        except SystemExit as ended:
            _keep(question, recording, ended.code)
            raise

    def invoke(self, ctx: click.Context) -> object:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except FxcostError as error:
            raise Refusal(str(error)) from error
        except KeyboardInterrupt:
            raise click.exceptions.Exit(130) from None
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception:
            traceback.print_exc()
            click.echo("Error: this is a bug of fxcost; nothing is known about the model", err=True)
            raise click.exceptions.Exit(Exit.UNKNOWN) from None


def _tell_again(question: Question) -> None:
    """Print what a question was answered before, and end; return where that may be another answer now."""
    try:
        answer = question.answer()
    except (DamagedError, OSError) as error:
        click.echo(f"fxcost: {question.path} cannot be used: {error}; it is asked anew", err=True)
        return
    if answer is None:
        return
    for warning in answer.warned:
        click.echo(warning, err=True)
    click.echo(answer.text, nl=False)
    told = f"answered before, and {answer.files:,} files are as they were; FXCOST_CACHE=off asks anew"
    click.echo(f"fxcost: {told}", err=True)
    sys.exit(answer.code)


def _keep(question: Question, recording: Recording, code: object) -> None:
    """Keep an answer that follows from files alone."""
    answered = recording.text is not None and code in (Exit.HOLDS, Exit.FAILS)
    footing = recording.footing() if answered else None
    if footing is None:
        return
    try:
        question.keep(recording, Exit.HOLDS if code == Exit.HOLDS else Exit.FAILS, footing)
    except OSError as error:
        click.echo(f"fxcost: {question.path} cannot be written: {error}", err=True)


class Refusal(click.ClickException):
    """What was asked cannot be answered as it is written."""

    exit_code = Exit.USAGE
