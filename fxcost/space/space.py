"""Spaces: the hyperparameters of a model and the conditions between them."""

from __future__ import annotations

import keyword
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from fxcost.errors import ConfigError, DeclarationError
from fxcost.space.conditions import Condition, condition_of
from fxcost.space.config import Config
from fxcost.space.domains import AnyDomain, Choice, Float, Int
from fxcost.space.sampling import sample
from fxcost.space.search import assignments, groups
from fxcost.space.spelling import assignments_text, did_you_mean, spelled


class Space:
    """Named domains and conditions between them; iterating yields every `Config`.

    Args:
        domains: Domains by name, for names held in a dict.
        **more: Domains by name.

    Raises:
        DeclarationError: A name is no Python name, or a value is no domain.

    >>> space = Space(width=Int(64, 128, step=32), heads=Choice(4, 6)).where("width % heads == 0")
    >>> space
    Space(width=Int(64, 128, step=32), heads=Choice(4, 6)).where('width % heads == 0')
    >>> list(space)[:2]
    [Config(width=64, heads=4), Config(width=96, heads=4)]
    >>> space.size, len(space)
    (6, 4)
    """

    __slots__ = ("_conditions", "_domains")

    def __init__(self, domains: Mapping[str, AnyDomain] | None = None, /, **more: AnyDomain) -> None:
        self._domains = {**(domains or {}), **more}
        self._conditions: tuple[Condition, ...] = ()
        for name, domain in self._domains.items():
            _check_domain(name, domain)

    @property
    def domains(self) -> Mapping[str, AnyDomain]:
        """Domains by name, in the order declared."""
        return MappingProxyType(self._domains)

    @property
    def names(self) -> tuple[str, ...]:
        """The hyperparameters, in the order declared."""
        return tuple(self._domains)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What must hold between hyperparameters."""
        return self._conditions

    @property
    def size(self) -> int | float:
        """How many settings there are before any condition: an int, or infinity where a Float is free."""
        sizes = [domain.size for domain in self._domains.values()]
        return math.inf if math.inf in sizes else math.prod(sizes)

    def __getitem__(self, name: str) -> AnyDomain:
        if name in self._domains:
            return self._domains[name]
        raise ConfigError(f"the space has no {name}; {did_you_mean(name, self.names)}")

    def __iter__(self) -> Iterator[Config]:
        candidates = self._values_of(self.names)
        return (Config(found) for found in assignments(candidates, self._conditions) if found is not None)

    def __len__(self) -> int:
        """Count the configurations that satisfy the conditions."""
        counted = 1
        for names in groups(self.names, self._conditions):
            candidates = self._values_of(names)
            conditions = self._conditions_on(names)
            if conditions:
                counted *= sum(found is not None for found in assignments(candidates, conditions))
            else:
                counted *= math.prod(len(values) for values in candidates.values())
        return counted

    def __contains__(self, config: object) -> bool:
        if not isinstance(config, Mapping):
            raise ConfigError(f"{spelled(config)} is no configuration; for a name, write `in space.names`")
        return (
            config.keys() == self._domains.keys()
            and all(config[name] in domain for name, domain in self._domains.items())
            and all(condition.holds(config) for condition in self._conditions)
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Space):
            return NotImplemented
        return (*self._domains.items(),) == (
            *other._domains.items(),
        ) and self._conditions == other._conditions

    def __hash__(self) -> int:
        return hash(((*self._domains.items(),), self._conditions))

    def __repr__(self) -> str:
        conditions = ", ".join(repr(condition.text) for condition in self._conditions)
        where = f".where({conditions})" if conditions else ""
        return f"Space({assignments_text(self._domains)}){where}"

    def config(self, **values: object) -> Config:
        """Return a configuration of this space, its values spelled as the domains do.

        Raises:
            ConfigError: A value is missing, unknown or outside its domain, or a condition does not hold.

        >>> Space(width=Int(64, 512, step=64)).config(width=100)
        Traceback (most recent call last):
        fxcost.errors.ConfigError: width: 100 is not in Int(64, 512, step=64); nearest: 64 and 128
        """
        unknown = [name for name in values if name not in self._domains]
        faults = [f"{name}: unknown; {did_you_mean(name, self.names)}" for name in unknown]
        accepted: dict[str, object] = {}
        for name, domain in self._domains.items():
            try:
                accepted[name] = _accepted(name, domain, values)
            except ConfigError as error:
                faults.append(str(error))
        if faults:
            raise ConfigError("\n".join(faults))
        for condition in self._conditions:
            if not condition.holds(accepted):
                read = assignments_text({name: accepted[name] for name in condition.names})
                raise ConfigError(f'{read}: the condition "{condition}" does not hold')
        return Config(accepted)

    def sample(self, rng: random.Random) -> Config:
        """Draw a configuration.

        Raises:
            EmptySpaceError: No configuration satisfies the conditions, or none was found.

        >>> Space(width=Int(8, 16), heads=Choice(3, 8)).where("width % heads == 0").sample(random.Random(1))
        Config(width=12, heads=3)
        """
        drawn: dict[str, object] = {}
        for names in groups(self.names, self._conditions):
            drawn |= sample({name: self._domains[name] for name in names}, self._conditions_on(names), rng)
        return Config({name: drawn[name] for name in self._domains})

    def where(self, *conditions: Condition | str | Callable[..., object]) -> Space:
        """Return this space under further conditions.

        Args:
            *conditions: Text such as `"width % heads == 0 and batch <= 64"`, or functions whose arguments are
                named as hyperparameters.

        Raises:
            DeclarationError: A condition cannot be read, or names something else.

        >>> space = Space(width=Int(64, 512), heads=Choice(4, 8))
        >>> space.where(lambda width, heads: width % heads == 0).conditions[0].text
        'width % heads == 0'
        """
        added = tuple(condition_of(condition, self.names) for condition in conditions)
        return self._with(self._domains, self._conditions + added)

    def restrict(self, **restrictions: object) -> Space:
        """Return a part of this space: a value fixes a hyperparameter, a pair (low, high) bounds it.

        Raises:
            ConfigError: A name is unknown, or a value is outside its domain.
            EmptySpaceError: A pair holds none of the domain's values.
            DeclarationError: A bound is no number, or a pair bounds options that are not numbers.

        >>> Space(width=Int(64, 4096, step=64), batch=Int(1, 512)).restrict(batch=8, width=(100, 500))
        Space(width=Int(128, 448, step=64), batch=Int(8, 8))
        """
        domains = dict(self._domains)
        for name, restriction in restrictions.items():
            domains[name] = _restricted(name, self[name], restriction)
        return self._with(domains, self._conditions)

    def _values_of(self, names: tuple[str, ...]) -> dict[str, Sequence[object]]:
        for name in names:
            if not self._domains[name].finite:
                advice = f"write Choice(...), or restrict {name} to one value"
                raise DeclarationError(f"{name}={self._domains[name]} cannot be listed; {advice}")
        return {name: self._domains[name].values for name in names}

    def _conditions_on(self, names: tuple[str, ...]) -> tuple[Condition, ...]:
        return tuple(condition for condition in self._conditions if condition.names[0] in names)

    @staticmethod
    def _with(domains: Mapping[str, AnyDomain], conditions: tuple[Condition, ...]) -> Space:
        space = Space(domains)
        space._conditions = conditions
        return space


def _check_domain(name: object, domain: object) -> None:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise DeclarationError(f"{name!r} names no hyperparameter; write a Python name")
    if isinstance(domain, Int | Float | Choice):
        return
    raise DeclarationError(f"{name}={spelled(domain)} is no domain; write {name}={_as_domain(domain)}")


def _as_domain(value: object) -> str:
    """Return the declaration that was probably meant."""
    match value:
        case type():
            declares = issubclass(value, Int | Float | Choice)
            return f"{value.__name__}(...)" if declares else f"Choice({spelled(value)})"
        case range() if value and value.step > 0:
            return str(Int(value[0], value[-1], step=value.step))
        case (int() as low, int() as high) if low < high and isinstance(value, tuple):
            return f"Int({low}, {high})"
        case list() | tuple() | set():
            return f"Choice({', '.join(spelled(option) for option in value)})"
    return f"Choice({spelled(value)})"


def _accepted(name: str, domain: AnyDomain, values: Mapping[str, object]) -> object:
    if name not in values:
        raise ConfigError(f"{name}: missing; write {name}= one of {domain}")
    try:
        return domain.accept(values[name])
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None


def _restricted(name: str, domain: AnyDomain, restriction: object) -> AnyDomain:
    """Return the part of a domain; errors begin with the hyperparameter's name."""
    try:
        if isinstance(restriction, tuple) and len(restriction) == 2 and restriction not in domain:
            return domain.between(*restriction)
        return domain.fixed(restriction)
    except (ConfigError, DeclarationError) as error:
        raise type(error)(f"{name}: {error}") from None
