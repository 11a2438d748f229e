"""A configuration: one value for each hyperparameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fxcost.errors import ConfigError
from fxcost.space.spelling import assignments_text, did_you_mean


class Config(Mapping[str, object]):
    """Immutable and hashable values by hyperparameter name, in the order of the space.

    >>> config = Config(width=512, heads=8)
    >>> config["width"], dict(config)
    (512, {'width': 512, 'heads': 8})
    >>> config.replace(heads=16)
    Config(width=512, heads=16)
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, object] | None = None, /, **more: object) -> None:
        self._values = {**(values or {}), **more}

    def __getitem__(self, name: str) -> object:
        if name in self._values:
            return self._values[name]
        raise KeyError(f"{name!r} is not set by {self}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __repr__(self) -> str:
        return f"Config({assignments_text(self._values)})"

    def replace(self, **values: object) -> Config:
        """Return a configuration with these values changed; whether a space allows them is not checked.

        Raises:
            ConfigError: A name is not set by this configuration.

        >>> Config(width=512).replace(width=64)
        Config(width=64)
        """
        unknown = [name for name in values if name not in self._values]
        if unknown:
            raise ConfigError(f"{self} sets no {unknown[0]}; {did_you_mean(unknown[0], self._values)}")
        return Config(self._values, **values)
