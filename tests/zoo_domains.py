"""The domains and example batches that the zoo's factories share."""

from __future__ import annotations

import torch

import fxcost as fc

CLASSES = fc.Int(10, 100, step=10)
VOCABULARY = fc.Int(100, 1000, step=100)
BATCH = fc.Int(2, 6)
DEPTH = fc.Int(1, 6)
STAGE = fc.Int(1, 3)
PICTURES = {"batch": BATCH, "resolution": fc.Int(64, 128, step=16)}
TEXTS = {"batch": BATCH, "seq": fc.Int(8, 64, step=4)}


def pictures(batch, resolution):
    return torch.randn(batch, 3, resolution, resolution)


def texts(batch, seq):
    return torch.zeros(batch, seq, dtype=torch.long)


def signals(batch, seq, features):
    return torch.randn(batch, seq, features)


def hidden_states(batch, seq, width):
    return torch.randn(batch, seq, width)
