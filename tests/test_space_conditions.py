from __future__ import annotations

import functools
import pickle
import re
from typing import Any

import numpy
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fxcost.errors import DeclarationError
from fxcost.space import Choice, Condition, Int, Space

SPACE = Space(width=Int(64, 512), heads=Choice(4, 8, 16), batch=Int(1, 64), norm=Choice("layer", "rms", None))
KNOWN = "the hyperparameters are width, heads, batch, norm"


def condition(written: object) -> Condition:
    return SPACE.where(written).conditions[0]  # type: ignore[arg-type]


def fault(written: object) -> str:
    with pytest.raises(DeclarationError) as caught:
        SPACE.where(written)  # type: ignore[arg-type]
    return str(caught.value)


atoms = st.one_of(st.sampled_from(["a", "b", "c"]), st.integers(-5, 20).map(str))
numbers = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, st.sampled_from(["//", "%"])).map(lambda t: f"({t[0]} {t[1]} 7)"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
        inner.map(lambda text: f"abs({text})"),
        inner.map(lambda text: f"(-{text})"),
        inner.map(lambda text: f"{text} ** 2" if text in "abc" else text),
    ),
    max_leaves=6,
)
comparisons = st.one_of(
    st.tuples(numbers, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), numbers).map(" ".join),
    st.tuples(numbers, numbers, numbers).map(lambda t: f"{t[0]} <= {t[1]} < {t[2]}"),
    st.tuples(numbers, numbers, numbers).map(lambda t: f"{t[0]} in ({t[1]}, {t[2]})"),
    st.tuples(numbers, numbers).map(lambda t: f"{t[0]} not in [{t[1]}]"),
)
texts = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
        inner.map(lambda text: f"not ({text})"),
    ),
    max_leaves=4,
)


@given(text=texts, values=st.tuples(st.integers(-9, 9), st.integers(-9, 9), st.integers(-9, 9)))
def test_interpreting_a_text_gives_what_python_gives(text: str, values: tuple[int, int, int]) -> None:
    names = set(re.findall(r"\b[abc]\b", text))
    assume(names)
    config = dict(zip("abc", values, strict=True))
    written = Space(a=Int(-9, 9), b=Int(-9, 9), c=Int(-9, 9)).where(text).conditions[0]
    assert written.holds(config) is eval(text, {}, config)
    assert set(written.names) == names


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("width % heads == 0", {"width": 512, "heads": 8}, True),
        ("norm == 'rms' and width > 64", {"norm": "rms", "width": 65}, True),
        ("norm in (None, 'layer')", {"norm": None}, True),
        ("norm != None", {"norm": None}, False),
        ("64 < width <= 128 != heads", {"width": 128, "heads": 128}, False),
        ("heads != 0 and width % heads == 0", {"width": 512, "heads": 0}, False),
        ("2 ** -1 == 0.5 and width > 0", {"width": 1}, True),
    ],
)
def test_a_text_condition_holds_where_it_says(text: str, values: dict[str, object], expected: bool) -> None:
    assert condition(text).holds(values) is expected


def test_names_stand_in_the_order_written() -> None:
    assert condition("max(heads, batch) < width and heads > 1").names == ("heads", "batch", "width")
    assert condition(lambda heads, *, width: width > heads).names == ("heads", "width")


class Symbol:
    """Writes down what is asked of it, and answers yes."""

    def __init__(self, text: str, asked: list[str]) -> None:
        self.text, self.asked = text, asked

    def __mod__(self, other: object) -> Symbol:
        return Symbol(f"{self.text} % {getattr(other, 'text', other)}", self.asked)

    def __eq__(self, other: object) -> Any:
        return Symbol(f"{self.text} == {getattr(other, 'text', other)}", self.asked)

    def __lt__(self, other: object) -> Any:
        return Symbol(f"{self.text} < {getattr(other, 'text', other)}", self.asked)

    def __gt__(self, other: object) -> Any:
        return Symbol(f"{self.text} > {getattr(other, 'text', other)}", self.asked)

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        self.asked.append(self.text)
        return True


def test_a_text_condition_runs_on_symbolic_operands() -> None:
    asked: list[str] = []
    operands = {name: Symbol(name, asked) for name in ("width", "heads", "batch")}
    result = condition("width % heads == 0 and 1 < batch < 8").function(**operands)
    assert isinstance(result, Symbol)
    assert result.text == "batch < 8"
    assert asked == ["width % heads == 0", "batch > 1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("widht % heads == 0", 'the condition "widht % heads == 0" names widht: did you mean width?'),
        ("x == 1", f'the condition "x == 1" names x: {KNOWN}'),
        ("1 < 2", f'the condition "1 < 2" names no hyperparameter; {KNOWN}'),
        ("heads % 4", '"heads % 4" is a number, no condition; write a comparison such as "heads % 4 == 0"'),
        (
            "width > 1 and heads - 4",
            '"heads - 4" is a number, no condition; write a comparison such as "heads - 4 == 0"',
        ),
        (
            "width / 2 == 8",
            'the condition "width / 2 == 8" cannot hold "width / 2": '
            "/ rounds; write // or a product, such as 2 * heads <= width",
        ),
        (
            "width > 3 & heads > 3",
            'the condition "width > 3 & heads > 3" cannot hold "3 & heads": write `and`',
        ),
        ("norm is None", 'the condition "norm is None" cannot hold "norm is None": write =='),
        (
            "log2(width) > 3",
            'the condition "log2(width) > 3" cannot hold "log2(width)": '
            "only min, max and abs can be called; write a lambda over the hyperparameters",
        ),
        (
            "width.real > 3",
            'the condition "width.real > 3" cannot hold "width.real": '
            "write a lambda over the hyperparameters",
        ),
        ("width = 3", 'the condition "width = 3" cannot be read: invalid syntax; write == to compare'),
        ("", 'the condition "" cannot be read: invalid syntax'),
        ("-" * 10**5 + "heads > 1", f'the condition "{"-" * 80}" cannot be read: it is nested too deeply'),
    ],
)
def test_a_wrong_text_is_shown_with_what_to_write(text: str, message: str) -> None:
    assert fault(text) == message


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true') == 0",
        "(lambda: width)() == 1",
        "[each for each in (1, 2)] == width",
        "width == 1j",
        "width == b'1'",
        "width == ...",
        "f'{width}' == '1'",
        "width[0] == 1",
        "min(*norm) == 1",
        "max(width, key=abs) == 1",
        "(width := 3) == 3",
        "width == 1 if heads else 2",
        "~width == 1",
        "min.__call__(width) == 1",
    ],
)
def test_nothing_but_the_documented_grammar_is_read(text: str) -> None:
    assert "cannot hold" in fault(text)


def test_a_lambda_prints_as_its_body() -> None:
    limit = 4096
    first, second = (lambda width, heads: width % heads == 0), (lambda batch: batch * 8 <= limit)
    assert [str(condition(each)) for each in (first, second)] == ["width % heads == 0", "batch * 8 <= limit"]


def test_a_function_prints_as_a_call() -> None:
    def divides(width: int, heads: int, remainder: int = 0) -> bool:
        return width % heads == remainder

    assert str(condition(divides)) == "divides(width, heads)"
    assert condition(divides).names == ("width", "heads")
    assert condition(functools.partial(divides, remainder=1)).holds({"width": 9, "heads": 8})


def test_a_lambda_without_source_still_has_a_text() -> None:
    written = eval("lambda width: width > 64")
    assert str(condition(written)) == "lambda width: ... (<string>:1)"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (lambda width, head: width % head == 0, "names head: did you mean heads?"),
        (lambda *values: True, 'takes "*values"; write the hyperparameters it reads'),
        (lambda: True, "names no hyperparameter"),
        (3, "3 is no condition; write text such as"),
        (min, "has no signature to read"),
    ],
)
def test_a_wrong_function_is_refused(written: object, message: str) -> None:
    assert message in fault(written)


def test_a_condition_that_raises_says_where() -> None:
    with pytest.raises(DeclarationError) as caught:
        condition("width % (heads - 4) == 0").holds({"width": 64, "heads": 4})
    assert str(caught.value).startswith(
        'the condition "width % (heads - 4) == 0" at width=64, heads=4 raises ZeroDivisionError: '
    )
    assert str(caught.value).endswith("; guard it with `and` or `or`")


def test_a_condition_must_be_true_or_false() -> None:
    with pytest.raises(DeclarationError) as caught:
        condition(lambda width, heads: width % heads).holds({"width": 64, "heads": 8})
    assert str(caught.value) == (
        'the condition "width % heads" at width=64, heads=8 gives 0; write a comparison, such as ... == 0'
    )
    assert condition(lambda width: numpy.gcd(width, 8) == 8).holds({"width": 64}) is True


def test_conditions_are_values() -> None:
    written = condition("width % heads == 0")
    assert written == condition("width % heads == 0")
    assert written != condition("width % heads == 1")
    assert pickle.loads(pickle.dumps(written)) == written
    assert condition(written) is written
