"""What runs in a process that has a pretend CUDA, for the tests beside this file."""

from __future__ import annotations

import torch
from click.testing import CliRunner

from examples.gpt import gpt

small = gpt.within(width=128, heads=4, depth=2, batch=2, seq=128)


def command(arguments):
    """Run one of fxcost's commands."""
    from fxcost.cli import main

    done = CliRunner().invoke(main, arguments)
    return [done.exit_code, done.stdout, done.stderr]


def after_use(arguments):
    """Run one where the GPU was used before."""
    keep = torch.empty(1, device="cuda")
    found = command(arguments)
    del keep
    return found
