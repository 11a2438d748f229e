"""Real factories, written as an ordinary user writes them: everything fxcost says is checked on these.

Each has two or more constructor hyperparameters besides the batch and, where there is one, the resolution or
the sequence length, and its depths are hyperparameters wherever the model has any. Sizes are small enough for
real training steps. `ZOO` lists them all; each file holds those of one library or kind.
"""

from __future__ import annotations

from tests.zoo_blocks import BLOCKS
from tests.zoo_language import LANGUAGE
from tests.zoo_papers import PAPERS
from tests.zoo_plain import PLAIN
from tests.zoo_timm import TIMM
from tests.zoo_torchvision import TORCHVISION
from tests.zoo_vision import VISION

TRANSFORMERS = LANGUAGE + VISION
ZOO = TORCHVISION + TIMM + TRANSFORMERS + PLAIN + PAPERS + BLOCKS
