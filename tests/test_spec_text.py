"""Specs as typed by users: each is parsed, or rejected with advkit's own message."""

import math
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from advkit.attacks import ATTACKS, parse
from advkit.attacks.options import Member
from advkit.data import Samples, load_data
from advkit.errors import AdvkitError
from advkit.models import load_model
from advkit.numbers import number, radius, several
from advkit.spec_text import literal, numbers, only, parse_spec, whole, with_query

SIGNS = st.text(alphabet=":?&=%,./\\-_+ []{}()'\"#\n\t\0\u202e0123456789aeinx\ud800", max_size=40)
TEXT = st.one_of(SIGNS, st.text(max_size=40))
LETTERS = st.characters(exclude_characters=":?&=", exclude_categories=["Cs", "Zs", "Cc"])
KEY = st.text(alphabet=LETTERS, min_size=1, max_size=8)
SIGNS_TOO = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
VALUE = st.text(alphabet=SIGNS_TOO, max_size=12)
NESTED = "(" * 5000, "-" * 50000 + "1", "{[]: 1}", "[" * 90 + "]" * 90, "9" * 5000, "1e999", "\0"


def answer(read: Callable[[], Any]) -> Any:
    """Return what ``read`` returns, or the error of advkit that it raises; no other is let by."""
    try:
        return read()
    except AdvkitError as error:
        return error


@given(TEXT)
@example("?=")
@example("?&&a=%")
@example(":" * 99)
@example("x" * 9999)
@example("a:b?root=%00")
def test_a_spec_is_read_or_refused(text: str) -> None:
    spec = answer(lambda: parse_spec(text))
    if isinstance(spec, AdvkitError):
        assert (spec.exit_code, spec.code) == (2, "E206")
        return
    assert spec.text == text
    assert ":" not in spec.scheme
    for key, value in spec.query.items():
        assert isinstance(literal(value), str | int | float | bool | None)
        floats = answer(lambda key=key: numbers(spec, key))
        assert isinstance(floats, list) or floats.code == "E206"
        count = answer(lambda key=key: whole(spec, key, 0))
        assert isinstance(count, int) or count.code == "E206"
    unknown = answer(lambda: only(spec, ["known"]))
    assert (unknown is None) == (set(spec.query) <= {"known"})


@given(st.sampled_from(["a:b", "a:b?c=1", "FILE.pt"]), st.dictionaries(KEY, VALUE, max_size=4))
@example("a:b", {"root": " a & b?=%41 "})
def test_what_is_added_to_a_spec_is_read_as_given(text: str, more: dict[str, str]) -> None:
    before, after = parse_spec(text), parse_spec(with_query(text, more))
    assert after.query == {**before.query, **more}
    assert after[1:3] == before[1:3]


@given(KEY, KEY, st.dictionaries(KEY, VALUE, max_size=4))
def test_what_is_written_is_read(scheme: str, ref: str, query: dict[str, str]) -> None:
    tail = "&".join(f"{key}={quote(value, safe='')}" for key, value in query.items())
    spec = parse_spec(f"{scheme}:{ref}?{tail}")
    assert (spec.scheme, spec.ref, spec.query) == (scheme, ref, query)


@pytest.mark.parametrize("text", NESTED)
def test_literals_that_python_cannot_read_stay_words(text: str) -> None:
    value = literal(text)
    assert value == text or isinstance(value, int | float)


@given(st.one_of(st.integers(), st.floats(allow_nan=False), st.booleans(), st.none()))
def test_numbers_are_read_as_what_they_are(value: float | None) -> None:
    again = literal(str(value))
    assert again == value or (isinstance(value, float) and math.isinf(value))
    assert type(again) is type(value) or isinstance(value, float)


@given(TEXT)
def test_a_radius_is_a_number_or_refused(text: str) -> None:
    for read in (number, radius):
        found = answer(lambda read=read: read(text))
        assert found.hint if isinstance(found, AdvkitError) else math.isfinite(found)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(ATTACKS)), TEXT)
@example("pgd", "steps=" + "9" * 5000)
@example("pgd", "steps=1e999")
@example("pgd", "steps=nan")
def test_an_attack_is_read_or_refused(name: str, tail: str) -> None:
    for text in (f"{name}:{tail}", tail.replace(":", "")):
        found = answer(lambda text=text: parse(text, ATTACKS))
        assert isinstance(found, Member) or found.exit_code == 2


HEADS = ("bundled:digits", "bundled:", "npz:none.npz", "npz:", "imagefolder:none", "audio:none",
         "torchvision:MNIST", "torchvision:")  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(HEADS), TEXT)
@example("npz:", "\0")
@example("imagefolder:", "\0")
@example("npz:", "x" * 5000)
@example("audio:", "\ud800")
@example("torchvision:", "MNIST?root=%00")
def test_data_are_read_or_refused(head: str, tail: str) -> None:
    found = answer(lambda: load_data(f"{head}{tail}", limit=1))
    assert isinstance(found, Samples) or found.exit_code in (2, 3, 4, 5)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["bundled:", "torchvision:", "./none.py:", "none.safetensors?", ""]), TEXT)
@example("none.safetensors", "\0")
@example("./", "x" * 5000 + ".py:make")
@example("./", "\0.py:make")
@example("", "\ud800")
def test_models_are_read_or_refused(head: str, tail: str) -> None:
    text = f"{head}{tail}" if head else tail.replace(":", "")  # of no module of this machine
    found = answer(lambda: load_model(text))
    assert isinstance(found, AdvkitError)
    assert found.exit_code in (2, 3, 4)


def test_one_is_not_many() -> None:
    told = [several(n, noun) for n, noun in ((0, "job"), (1, "job"), (1200, "job"), (2, "class"))]
    assert told == ["0 jobs", "1 job", "1,200 jobs", "2 classes"]
    assert several(1, "class") == "1 class"
