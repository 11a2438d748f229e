"""Regions as JSON: what they rest on and their closed forms, not their programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from fxcost.cache.numbers import integer, number, number_record
from fxcost.cache.polynomials import AtomReader, AtomWriter
from fxcost.cache.trees import Writer, entry
from fxcost.costs import DEFINITIONS, Region
from fxcost.costs.stored import Stored
from fxcost.expr import Domain, Normaliser
from fxcost.program import Program, Question, QuestionKind, Source
from fxcost.sealed import DamagedError
from fxcost.space import Config

NAMED = {definition.name: definition for definition in DEFINITIONS}


def is_whole(region: Region) -> bool:
    """Tell whether a region can be written: one of several programs needs all its closed forms."""
    return not region.verified or all(definition in region.expressions for definition in DEFINITIONS)


def region_record(region: Region, writer: Writer) -> dict[str, Any]:
    """Return a region as JSON; its trees are added to a writer.

    Raises:
        UnwritableError: One of its expressions could not be read back as it is.
    """
    record: dict[str, Any] = {
        "hint": _values_record(region.hint, writer.domain),
        "questions": [_question_record(question, writer) for question in region.questions],
        "refusal": region.refusal,
    }
    if region.form is None:
        return record
    atoms = AtomWriter(writer)
    known = [each for each in DEFINITIONS if each in region.expressions]
    return record | {
        "verified": [_values_record(values, writer.domain) for values in region.verified],
        "conditions": [writer.tree(condition) for condition in region.form.normaliser.conditions],
        "expressions": {each.name: atoms.expression(region.expressions[each]) for each in known},
        "atoms": atoms.records,
    }


@dataclass(frozen=True)
class Reader:
    """Reads the regions of one file.

    Attributes:
        domain: The hyperparameters.
        trees: The expressions of the file.
        trace: Traces the factory at a configuration.
    """

    domain: Domain
    trees: list[sympy.Basic]
    trace: Callable[[Config], Program]

    def region(self, record: Mapping[str, Any]) -> Region:
        """Return the region that was written."""
        hint = self._config(record["hint"])
        questions = tuple(self._question(*each) for each in record["questions"])
        if record["refusal"] is not None:
            return Region(hint, questions, refusal=str(record["refusal"]))
        conditions = [self._condition(tree) for tree in record["conditions"]]
        form = Stored(Normaliser(self.domain, conditions), lambda: self.trace(hint))
        atoms = AtomReader(form.normaliser, self.trees, record["atoms"])
        expressions = {NAMED[name]: atoms.expression(each) for name, each in record["expressions"].items()}
        verified = tuple(self._values(values) for values in record["verified"])
        region = Region(hint, questions, None, form, verified, expressions)
        if not is_whole(region):
            raise DamagedError("closed forms are missing")
        return region

    def _config(self, numbers: Mapping[str, Any]) -> Config:
        config = Config(self._values(numbers))
        if config not in self.domain.space:
            raise DamagedError("a setting is outside the space")
        return config

    def _values(self, numbers: Mapping[str, Any]) -> dict[str, object]:
        values = {name: number(record) for name, record in numbers.items()}
        if None in values.values():
            raise DamagedError("a value is missing")
        return {
            name: self.domain.axes[name].decode(value) for name, value in values.items() if value is not None
        }

    def _condition(self, tree: Any) -> sympy.Basic:
        condition = entry(self.trees, tree)
        if not isinstance(condition, sympy.logic.boolalg.Boolean):
            raise DamagedError(f"{condition} is no condition")
        return condition

    def _question(self, tree: Any, kind: Any, source: Any, asked_at: Any) -> Question:
        return Question(self._condition(tree), QuestionKind(kind), _source(source), _source(asked_at))


def _values_record(values: Mapping[str, object], domain: Domain) -> dict[str, Any]:
    return {name: number_record(domain.axes[name].encode(value)) for name, value in values.items()}


def _question_record(question: Question, writer: Writer) -> list[Any]:
    places = [_source_record(question.source), _source_record(question.asked_at)]
    return [writer.tree(question.condition), question.kind.value, *places]


def _source_record(source: Source | None) -> list[Any] | None:
    return None if source is None else [source.file, source.line, source.function]


def _source(record: Any) -> Source | None:
    if record is None:
        return None
    file, line, function = record
    return Source(str(file), integer(line), str(function))
