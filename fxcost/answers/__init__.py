"""What the command line answered before, told again where all that it follows from is as it was.

The closed forms of a factory are in the cache already; what takes seconds still is to import torch and the
user's file. An answer is kept with every file and folder that was read for it. Where they, the arguments and
the environment are the same, so is the answer, and nothing needs to be imported.
"""

from __future__ import annotations

from fxcost.answers.question import Question
from fxcost.answers.recording import Recording

__all__ = ["Question", "Recording"]
