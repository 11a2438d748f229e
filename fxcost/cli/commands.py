"""How every command ends: with an answer's exit code, or with one clear message."""

from __future__ import annotations

import enum
import traceback

import click

from fxcost.errors import FxcostError


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


class Refusal(click.ClickException):
    """What was asked cannot be answered as it is written."""

    exit_code = Exit.USAGE
