"""Every error fxcost raises on purpose: one tree, each leaf also the builtin it resembles."""

from __future__ import annotations

from typing import Any


class FxcostError(Exception):
    """Root of the tree: catch this to catch everything fxcost raises on purpose."""


class DeclarationError(FxcostError, ValueError):
    """A space, a model declaration or a limit is written wrongly."""


class EmptySpaceError(DeclarationError):
    """No setting of the hyperparameters is allowed."""


class UnitError(FxcostError, ValueError):
    """A quantity's text has a wrong, missing or ambiguous unit."""


class ConfigError(FxcostError, ValueError):
    """A configuration names a wrong hyperparameter or a value outside the space."""


class InvalidConfigError(ConfigError):
    """The factory itself refuses this configuration; the message holds its exception and line."""


class TargetError(FxcostError, LookupError):
    """A command-line target (`file.py:name`, `package.module:name`) leads to no decorated factory."""


class MissingPackageError(FxcostError, ImportError):
    """Something was asked for that needs a package which is not installed; the message says which extra."""


class UnknownDeviceError(FxcostError, LookupError):
    """No device of the catalogue has this name."""


class MeasurementError(FxcostError, RuntimeError):
    """What was to be measured cannot be, on this machine or in this process."""


class FactoryError(FxcostError, RuntimeError):
    """The user's factory, example, model or loss raised while it was traced.

    `questions` are those it had asked before: where their answers are the same, it raises again.
    """

    questions: tuple[Any, ...] = ()


class DataDependentError(FxcostError, RuntimeError):
    """Model code asked for the value of a tensor's element, which no shape decides."""


class UnknownOperatorError(FxcostError, NotImplementedError):
    """An operator has no formula; it is never counted as 0."""


class ExpressionError(FxcostError, TypeError):
    """An expression cannot be normalised, evaluated or lowered."""


class UnknownVerdictError(FxcostError, ValueError):
    """`Unknown` was used as a truth value."""
