"""What only a machine can tell: its GPU's overheads, and what a step really takes."""

from __future__ import annotations

from fxcost.measure.calibration import calibrate
from fxcost.measure.readings import Readings
from fxcost.measure.running import Run
from fxcost.measure.validation import Compared, Validation, validate

__all__ = ["Compared", "Readings", "Run", "Validation", "calibrate", "validate"]
