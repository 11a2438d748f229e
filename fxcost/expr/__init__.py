"""Expressions in a model's hyperparameters: normal form, evaluation, pruning, conditions, Z3."""
