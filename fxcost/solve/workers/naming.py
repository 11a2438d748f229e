"""What tells one question from others in any process: whatever order its parts were written in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any


def name_of(text: str, box: object) -> str:
    """Return the name of a question, as `question_text` writes it, in a box.

    >>> facts = [{"every": True, "facts": []}, {"every": False, "facts": []}]
    >>> first = json.dumps({"axes": [], "costs": [], "facts": facts})
    >>> other = json.dumps({"axes": [], "costs": [], "facts": facts[::-1]})
    >>> name_of(first, 0) == name_of(other, 0), name_of(first, 0) == name_of(first, 1)
    (True, False)
    """
    record = json.loads(text)
    costs = [_polynomials(each, each["sides"]) for each in record["costs"]]
    facts = _sorted(_fact(each, costs) for each in record["facts"])
    goal = record.get("goal")
    goals = [] if goal is None else [[costs[goal["cost"]], goal["sign"]]]
    return _digest([record["axes"], facts, str(box), *goals])


def _fact(record: Mapping[str, Any], costs: Sequence[Any]) -> Any:
    if "cost" in record:
        return ["claim", costs[record["cost"]], record["bound"], record["claimed"]]
    if "facts" in record:
        return ["facts", record["every"], _sorted(_fact(each, costs) for each in record["facts"])]
    return ["truths", _truths(record["truths"])]


def _truths(record: Mapping[str, Any]) -> Any:
    if "connective" in record:
        return [record["connective"], _sorted(map(_truths, record["parts"]))]
    if "relation" in record:
        return [record["relation"], _polynomials(record, [1])]
    return [record["support"], record["shape"], record["holds"]]


def _polynomials(record: Mapping[str, Any], sides: Sequence[int]) -> Any:
    """Return polynomials over atoms that are named by their values."""
    atoms = [_digest(each) for each in record["atoms"]]
    rows = [
        _sorted(
            [coefficient, _sorted([atoms[place], power] for place, power in monomial)]
            for coefficient, monomial in terms
        )
        for terms in record["polynomials"]
    ]
    return [_sorted(rows[: sides[0]]), _sorted(rows[sides[0] :])]


def _sorted(items: Any) -> list[Any]:
    return sorted(items, key=json.dumps)


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
