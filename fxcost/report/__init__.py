"""Reports: what commands and tests show, as rich tables, as text and as JSON."""

from __future__ import annotations
