"""Reports: what commands and tests show, as rich tables, as text and as JSON.

Nothing is re-exported, as `fxcost --help` needs `fxcost.report.text` and not torch.
"""

from __future__ import annotations
