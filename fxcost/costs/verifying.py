"""Compares alternatives that were traced together with one that was traced alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from fxcost.costs.definitions import SUMS
from fxcost.costs.forms import Form, Traced, answered
from fxcost.costs.region import Region
from fxcost.errors import FactoryError
from fxcost.expr import Domain
from fxcost.expr.functions import Number
from fxcost.space import Config

ATTEMPTS = 64


def verified_alternatives(region: Region, domain: Domain, alone: Callable[[Config], Traced]) -> Region | None:
    """Return a region, verified where other alternatives are chosen; None where these cost something else.

    Args:
        region: What was traced.
        domain: The hyperparameters.
        alone: Traces one configuration, with the chosen alternatives only.
    """
    names = sorted(region.form.alternatives) if region.form is not None else []
    config = _with_others_chosen(region, domain, names)
    if config is None or region.form is None:
        return region
    try:
        single = alone(config)
    except FactoryError:
        return None
    if not _alike(region.form, single, domain.encode(config)):
        return None
    return replace(region, verified=(*region.verified, {name: config[name] for name in names}))


def _with_others_chosen(region: Region, domain: Domain, names: list[str]) -> Config | None:
    """Return a configuration of the region that chooses otherwise as often as can be, None: there is none."""
    draw = random.Random(0)
    space, best, most = domain.space, None, 0
    for _ in range(ATTEMPTS if names else 0):
        config = region.hint.replace(**{name: draw.choice(list(space[name].values)) for name in names})
        different = sum(config[name] != region.hint[name] for name in names)
        if different > most and config in space and region.covers(domain.encode(config)):
            best, most = config, different
    return best


def _alike(form: Form, single: Traced, values: Mapping[str, Number]) -> bool:
    """Tell whether all quantities of two forms are equal at a point."""
    peaks = [max(row.polynomial.evaluate(values) for row in each.rows()) for each in (form, single)]
    known = answered(form, SUMS)
    return (
        peaks[0] == peaks[1]
        and known == answered(single, known)
        and all(form.total(each).evaluate(values) == single.total(each).evaluate(values) for each in known)
    )
