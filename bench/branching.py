"""Every path of examples/branches.py, three nested branches and one `raise`: none is missing, by proof."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fxcost as fc
from examples.branches import classifier
from fxcost.program import Source


def place_of(source: Source) -> str:
    return f"{Path(source.file).name}:{source.line}"


def figures() -> dict[str, Any]:
    """Return the pieces found, where the invalid one raises, and whether coverage is proved."""
    partition = fc.cost(classifier).partition()
    refusals = [piece.refusal for piece in partition.pieces if piece.refusal is not None]
    return {
        "branches_regions": sum(piece.regions for piece in partition.pieces),
        "branches_pieces": len(partition.pieces),
        "branches_invalid_at": [refusal.line(place_of) for refusal in refusals],
        "branches_coverage_proved": partition.proved,
    }
