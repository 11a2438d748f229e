"""Benchmarks: what they time is compiling, not reading what was compiled before."""

import os

os.environ["FXCOST_CACHE"] = "off"
